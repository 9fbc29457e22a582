"""Products with matrices on a CPU, also on those on which torch's own take twice the time.

torch multiplies float32 matrices by MKL, which leaves half of the width of AVX-512 unused on processors that are not Intel's
(runs/LOG.md). It also carries oneDNN, which does not. But oneDNN makes code of its own for each shape, in a millisecond or so,
and keeps that of the last 1024: numbers of rows that are all different should be filled up to a multiple of ROWS.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROWS = 32


def _has_wide_onednn() -> bool:
    """Whether oneDNN is the wider here, and can be asked: what it is called by is no promise of torch's."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkldnn.is_available():
        return False
    x, weight = torch.ones(2, 3), torch.ones(4, 3)
    try:
        found = _by_onednn(x, weight), _by_onednn(x, weight, torch.ones(2, 4))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return bool((found[0] == 3).all() and (found[1] == 4).all())


def _by_onednn(x: Tensor, weight: Tensor, plus: Tensor | None = None) -> Tensor:
    if plus is None:
        return torch.ops.mkldnn._linear_pointwise.default(x, weight, None, "none", [], "")
    return torch.ops.mkldnn._linear_pointwise.binary(x, plus, weight, None, "add")


WIDE = _has_wide_onednn()


def product(x: Tensor, weight: Tensor, plus: Tensor | None = None) -> Tensor:
    """x weight^T, or that plus another (rows, m), of the CPU and without gradients.

    x (rows, n); weight (m, n), which need not be contiguous. Returns (rows, m).
    """
    if WIDE and x.dtype == torch.float32:
        return _by_onednn(x, weight, plus)
    return x @ weight.T if plus is None else torch.addmm(plus, x, weight.T)


def of_weight(x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient by the weight of a product: gradient^T x. x (rows, n), gradient (rows, m). Returns (m, n)."""
    # The first factor is copied: that should be the narrower.
    return product(gradient.T, x.T) if gradient.shape[1] <= x.shape[1] else product(x.T, gradient.T).T

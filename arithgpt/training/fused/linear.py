"""Matrix products on a CPU, without gradients, also where torch's own take twice the time.

torch multiplies float32 matrices by MKL, which leaves half of the width of AVX-512 unused on processors that are not Intel's
(runs/LOG.md). torch also carries oneDNN, which uses all of it. oneDNN compiles code for each shape, in a millisecond or so, and
keeps the code of the last 1024 shapes. So numbers of rows should be padded to a multiple of ROW_MULTIPLE.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

ROW_MULTIPLE = 32


def linear(x: Tensor, weight: Tensor, residual: Tensor | None = None) -> Tensor:
    """Compute x weight^T, plus a residual.

    Args:
        x: (rows, n)
        weight: (m, n), which need not be contiguous
        residual: (rows, m); None for nothing

    Returns:
        (rows, m).
    """
    if x.dtype == torch.float32 and has_wide_onednn():
        return _onednn_linear(x, weight, residual)
    return x @ weight.T if residual is None else torch.addmm(residual, x, weight.T)


def linear_weight_grad(x: Tensor, grad: Tensor) -> Tensor:
    """Compute the gradient of the weight of x weight^T, which is grad^T x: x (rows, n), grad (rows, m) -> (m, n)."""
    # oneDNN copies the first factor: that should be the narrower one.
    return linear(grad.T, x.T) if grad.shape[1] <= x.shape[1] else linear(x.T, grad.T).T


@cache
def has_wide_onednn() -> bool:
    """Whether oneDNN is the wider library here and can be called: its entry point is private to torch, so it is tried once."""
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not has_onednn:
        return False
    x, weight = torch.ones(2, 3), torch.ones(4, 3)
    try:
        plain, added = _onednn_linear(x, weight), _onednn_linear(x, weight, torch.ones(2, 4))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return bool((plain == 3).all() and (added == 4).all())


def _onednn_linear(x: Tensor, weight: Tensor, residual: Tensor | None = None) -> Tensor:
    y: Tensor
    if residual is None:
        y = torch.ops.mkldnn._linear_pointwise.default(x, weight, None, "none", [], "")
    else:
        y = torch.ops.mkldnn._linear_pointwise.binary(x, residual, weight, None, "add")
    return y

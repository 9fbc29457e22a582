"""The few array operations in which NumPy and torch differ, so that the model is written once and runs on both.

Training and large batches take torch, on a CPU or a GPU. A calculator that is asked one question takes NumPy: torch alone needs
longer to import than the answer to be written. `ops(array)` gives the operations for an array of either library; all else
(`@`, indexing, `reshape`, `swapaxes`, ...) they share.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from arithgpt.runtime import Precision

Array: TypeAlias = Any
"""A NumPy array or a torch tensor."""

LAYER_NORM_EPS = 1e-5
SHORT_PAGE = 64  # characters; up to here plain products beat torch's fused attention on a CPU (runs/LOG.md)


class OnNumPy:
    concat = staticmethod(np.concatenate)
    stack = staticmethod(np.stack)
    where = staticmethod(np.where)
    cumsum = staticmethod(np.cumsum)
    cummax = staticmethod(np.maximum.accumulate)
    take_along = staticmethod(np.take_along_axis)
    maximum = staticmethod(np.maximum)
    broadcast_to = staticmethod(np.broadcast_to)
    log, sin, cos, tanh = (staticmethod(function) for function in (np.log, np.sin, np.cos, np.tanh))

    @staticmethod
    def zeros(shape: tuple[int, ...], like: Array) -> Array:
        return np.zeros(shape, like.dtype)

    @staticmethod
    def arange(n: int, like: Array) -> Array:
        return np.arange(n)

    @staticmethod
    def eye(n: int, like: Array) -> Array:
        return np.eye(n, dtype=like.dtype)

    @staticmethod
    def columns(x: Array, chosen: slice | list[int]) -> Array:
        """Some of the last axis."""
        return x[..., chosen]

    @staticmethod
    def product(x: Array, weight: Array, precision: Precision = "float32") -> Array:
        """x weight^T. With torch also in bf16: factors and result rounded to 8 bits, the result then in the type of x again."""
        if precision != "float32":
            raise ValueError("precision = bf16: NumPy has no such numbers")
        return x @ weight.T

    @staticmethod
    def constant(values: np.ndarray, like: Array) -> Array:
        """The values on the device of `like`; floating-point ones in its type."""
        return values.astype(like.dtype) if values.dtype.kind == "f" else values

    @staticmethod
    def detached(x: Array) -> Array:
        return x

    @staticmethod
    def integers(x: Array) -> Array:
        return x.astype(np.int64)

    @staticmethod
    def cast(x: Array, like: Array) -> Array:
        """The same numbers in the type of `like`."""
        return x.astype(like.dtype, copy=False)

    @staticmethod
    def to_numpy(x: Array) -> np.ndarray:
        return x

    @staticmethod
    def inference() -> AbstractContextManager[object]:
        """A context in which nothing is remembered for gradients."""
        return nullcontext()

    @staticmethod
    def gelu(x: Array) -> Array:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))

    @staticmethod
    def sigmoid(x: Array) -> Array:
        return 0.5 * (1 + np.tanh(0.5 * x))

    @staticmethod
    def rms_norm(x: Array, weight: Array) -> Array:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.finfo(x.dtype).eps) * weight

    @staticmethod
    def layer_norm(x: Array, weight: Array) -> Array:
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.asarray(LAYER_NORM_EPS, x.dtype)) * weight

    @staticmethod
    def dropout(x: Array, share: float, rng: np.random.Generator) -> Array:
        """A share of the numbers set to zero, the others made larger by as much."""
        return x * ((rng.random(x.shape) >= share) / (1 - share)).astype(x.dtype)

    @staticmethod
    def attend(q: Array, k: Array, v: Array, mask: Array | None, scale: float) -> Array:
        """softmax(scale q k^T + mask) v; without a mask every query sees its own key and those before it.

        q: (B, H, Tq, Dq); k: (B, H, Tk, Dq); v: (B, H, Tk, D); mask: broadcasts to (B, H, Tq, Tk)
        Returns (B, H, Tq, D).
        """
        return OnNumPy.attention(q, k, mask, scale) @ v

    @staticmethod
    def attention(q: Array, k: Array, mask: Array | None, scale: float) -> Array:
        """softmax(scale q k^T + mask), what `attend` multiplies the values with: (B, H, Tq, Tk)"""
        scores = (q * np.asarray(scale, q.dtype)) @ k.swapaxes(-1, -2)
        scores += np.triu(np.full(scores.shape[-2:], -np.inf, q.dtype), 1) if mask is None else mask
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        return scores


def _on_torch() -> type:
    import torch
    import torch.nn.functional as F

    from arithgpt.training.fused.norm import rms_norm

    class OnTorch:
        concat = staticmethod(torch.cat)
        stack = staticmethod(torch.stack)
        where = staticmethod(torch.where)
        cumsum = staticmethod(torch.cumsum)
        take_along = staticmethod(torch.take_along_dim)
        broadcast_to = staticmethod(torch.broadcast_to)
        log, sin, cos, tanh = (staticmethod(function) for function in (torch.log, torch.sin, torch.cos, torch.tanh))

        @staticmethod
        def cummax(x: Tensor, axis: int) -> Tensor:
            return x.cummax(axis).values

        @staticmethod
        def maximum(x: Tensor, least: float) -> Tensor:
            return x.clamp(min=least)

        @staticmethod
        def zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
            return like.new_zeros(shape)

        @staticmethod
        def arange(n: int, like: Tensor) -> Tensor:
            return torch.arange(n, device=like.device)

        @staticmethod
        def eye(n: int, like: Tensor) -> Tensor:
            return torch.eye(n, dtype=like.dtype, device=like.device)

        @staticmethod
        def columns(x: Tensor, chosen: slice | list[int]) -> Tensor:
            """As OnNumPy.columns; a list is not sent to a GPU as an index, which the GPU would be waited for."""
            return x[..., chosen] if isinstance(chosen, slice) else torch.stack([x[..., one] for one in chosen], -1)

        @staticmethod
        def product(x: Tensor, weight: Tensor, precision: Precision = "float32") -> Tensor:
            if precision == "float32":
                return x @ weight.T
            return (x.bfloat16() @ weight.bfloat16().T).to(x.dtype)

        @staticmethod
        def constant(values: np.ndarray, like: Tensor) -> Tensor:
            return torch.from_numpy(values).to(like.device, like.dtype if values.dtype.kind == "f" else None)

        @staticmethod
        def detached(x: Tensor) -> Tensor:
            return x.detach()

        @staticmethod
        def integers(x: Tensor) -> Tensor:
            return x.long()

        @staticmethod
        def cast(x: Tensor, like: Tensor) -> Tensor:
            return x.to(like.dtype)

        @staticmethod
        def to_numpy(x: Tensor) -> np.ndarray:
            return x.cpu().numpy()

        inference = staticmethod(torch.inference_mode)

        @staticmethod
        def gelu(x: Tensor) -> Tensor:
            return F.gelu(x, approximate="tanh")

        sigmoid = staticmethod(torch.sigmoid)

        @staticmethod
        def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
            return F.rms_norm(x, weight.shape, weight) if x.is_cuda else rms_norm(x, weight)

        @staticmethod
        def layer_norm(x: Tensor, weight: Tensor) -> Tensor:
            return F.layer_norm(x, weight.shape, weight, eps=LAYER_NORM_EPS)

        @staticmethod
        def dropout(x: Tensor, share: float, rng: np.random.Generator) -> Tensor:
            """The same rule as OnNumPy.dropout, and other numbers: they are drawn where x is."""
            generator = torch.Generator(x.device).manual_seed(int(rng.integers(2**63)))
            return x * torch.empty_like(x).bernoulli_(1 - share, generator=generator) / (1 - share)

        @staticmethod
        def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
            """The same as OnNumPy.attend.

            In float32 torch's fused kernel on a GPU splits each factor into two of TF32 and leaves out only the product of the
            two smaller parts: it rounds some 4 times as coarsely as float32 itself does, which folded kernels bear.
            """
            D = v.shape[-1]
            if q.is_cuda or (mask is None and q.shape[2] > SHORT_PAGE):
                v = F.pad(v, (0, q.shape[-1] - D))  # the fused kernels want values as wide as queries and keys
                return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale)[..., :D]
            # The same in three steps: on a CPU the fused kernel loses to them where a page is short or one query is asked.
            return OnTorch.attention(q, k, mask, scale) @ v

        @staticmethod
        def attention(q: Tensor, k: Tensor, mask: Tensor | None, scale: float) -> Tensor:
            """The same as OnNumPy.attention."""
            B, H, Tq = q.shape[:3]
            if mask is None:
                mask = torch.full((Tq, Tq), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
            scores = torch.baddbmm(
                mask.expand(B, H, Tq, k.shape[2]).flatten(0, 1), q.flatten(0, 1), k.flatten(0, 1).mT, alpha=scale
            )  # (B H, Tq, Tk)
            return scores.softmax(-1).view(B, H, Tq, -1)

    return OnTorch


_TORCH: list[type] = []


def ops(array: Array) -> type[OnNumPy]:
    """The operations for an array of either library."""
    if isinstance(array, np.ndarray):
        return OnNumPy
    if not _TORCH:
        _TORCH.append(_on_torch())
    return _TORCH[0]

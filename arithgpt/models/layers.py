"""Layers that the models share: linear maps without bias, norms, the MLP, and attention itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

LAYER_NORM_EPS = 1e-5
SHORT_PAGE = 64  # tokens; up to here plain products beat torch's fused attention on a CPU (runs/LOG.md)


class Linear(nn.Linear):
    """A linear map without bias. Its weight is (out, in), zero until `init_normal`.

    Args:
        n_in, n_out: features
    """

    matmul_dtype: torch.dtype | None = None
    """The type of the product in training, as in bfloat16 on a GPU; None for the type of the weight."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, bias=False)

    def reset_parameters(self) -> None:
        """Start at zero; torch would draw from its global generator."""
        nn.init.zeros_(self.weight)

    def init_normal(self, rng: np.random.Generator) -> None:
        """Draw small weights; NumPy draws them, so they are the same on every machine."""
        values = 0.5 * self.in_features**-0.5 * rng.standard_normal(tuple(self.weight.shape))
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(values.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        if self.matmul_dtype is None or not self.training:
            return F.linear(x, self.weight)
        return F.linear(x.to(self.matmul_dtype), self.weight.to(self.matmul_dtype)).to(x.dtype)


class RMSNorm(nn.Module):
    """Divide by the root mean square, then scale. Source: arXiv 1910.07467.

    On a CPU torch puts its own together of six kernels; this form takes a third of the time without gradients (runs/LOG.md).
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        """(..., n) -> (..., n)."""
        if x.is_cuda:
            return F.rms_norm(x, self.weight.shape, self.weight)
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square()
        return x * (square / x.shape[-1] + torch.finfo(x.dtype).eps).rsqrt() * self.weight


class LayerNorm(nn.Module):
    """Subtract the mean, divide by the standard deviation, then scale; no shift. Source: arXiv 1607.06450."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        """(..., n) -> (..., n)."""
        return F.layer_norm(x, self.weight.shape, self.weight, eps=LAYER_NORM_EPS)


NORMS = {"rms": RMSNorm, "layer": LayerNorm}


class MLP(nn.Module):
    """The feed-forward part of a block: up to mlp_ratio * n_embd features, an activation, and down again."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n_hidden = config.mlp_ratio * config.n_embd
        self.activation = config.activation
        self.up = Linear(config.n_embd, n_hidden)
        self.down = Linear(n_hidden, config.n_embd)
        if config.activation == "swiglu":
            self.gate = Linear(config.n_embd, n_hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        hidden = self.up(x)  # (B, T, mlp_ratio * C)
        if self.activation == "gelu":
            hidden = F.gelu(hidden, approximate="tanh")
        elif self.activation == "relu2":  # arXiv 2109.08668
            hidden = F.relu(hidden) ** 2
        else:  # swiglu, arXiv 2002.05202
            hidden = F.silu(self.gate(x)) * hidden
        return self.down(hidden)


class Dropout(nn.Module):
    """Set a share of the features to zero in training, and scale the others up by as much.

    Unlike `nn.Dropout` it takes a generator, so that buckets computed side by side draw the same numbers in every run.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(...) -> (...)."""
        if not self.training or self.share == 0:
            return x
        return x * torch.empty_like(x).bernoulli_(1 - self.share, generator=generator) / (1 - self.share)


class MaskedAttention(nn.Module):
    """Multi-head attention whose queries and keys may come from different tokens, behind a mask."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.n_head, self.n_kv_head, self.head_size = config.heads[layer], config.kv_heads[layer], config.head_size
        self.q = Linear(config.n_embd, self.n_head * self.head_size)
        self.kv = Linear(config.n_embd, 2 * self.n_kv_head * self.head_size)
        self.q_norm, self.k_norm = RMSNorm(self.head_size), RMSNorm(self.head_size)
        self.out = Linear(self.n_head * self.head_size, config.n_embd)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) -> two of (B, K, T, D)."""
        (B, T, _), K, D = x.shape, self.n_kv_head, self.head_size
        k, v = self.kv(x).view(B, T, 2 * K, D).transpose(1, 2).split(K, dim=1)
        return self.k_norm(k), v

    def forward(self, x: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """Attend from x (B, T, C) to keys and values (B, K, S, D) behind a mask: (B, T, C)."""
        (B, T, _), H, D = x.shape, self.n_head, self.head_size
        q = self.q_norm(self.q(x).view(B, T, H, D).transpose(1, 2))  # (B, H, T, D)
        y = attend(q, repeat_kv(k, H), repeat_kv(v, H), mask)
        return self.out(y.transpose(1, 2).reshape(B, T, H * D))


def repeat_kv(x: Tensor, n_head: int) -> Tensor:
    """Repeat keys or values (B, K, T, D), each for a group of queries: (B, n_head, T, D). Source: arXiv 2305.13245."""
    B, K, T, D = x.shape
    return x if n_head == K else x[:, :, None].expand(B, K, n_head // K, T, D).reshape(B, n_head, T, D)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k^T / sqrt(D) + mask) v, where D is the width of v; without a mask attention is causal.

    On a GPU torch's fused kernel splits each float32 factor into two of TF32 and leaves out only the product of the two smaller
    parts. It rounds some 4 times as coarsely as float32, which the folded kernels of a page tolerate.

    Args:
        q: (B, H, Tq, W)
        k: (B, H, Tk, W)
        v: (B, H, Tk, D)
        mask: added to the logits, broadcast to (B, H, Tq, Tk); None: each query sees its own key and those before it

    Returns:
        (B, H, Tq, D).
    """
    D = v.shape[-1]
    if q.is_cuda or (mask is None and q.shape[2] > SHORT_PAGE):
        v = F.pad(v, (0, q.shape[-1] - D))  # fused kernels want values as wide as queries and keys
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=D**-0.5)[..., :D]
    # On a CPU the fused kernel loses to plain products where pages are short or a single query is asked.
    return attention_weights(q, k, mask, D**-0.5) @ v


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(scale q k^T + mask), what `attend` multiplies the values with: (B, H, Tq, Tk)."""
    B, H, Tq = q.shape[:3]
    if mask is None:
        mask = q.new_full((Tq, Tq), -torch.inf).triu(1)
    mask = mask.expand(B, H, Tq, k.shape[2]).flatten(0, 1)
    scores = torch.baddbmm(mask, q.flatten(0, 1), k.flatten(0, 1).mT, alpha=scale)  # (B H, Tq, Tk)
    return scores.softmax(-1).view(B, H, Tq, -1)

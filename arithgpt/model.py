"""The GPT, in one sitting: pre-norm blocks, QK-norm, all heads in one batched attention, positions by name.

    logits = GPT(config, "0123456789+=$")(ids)      (B, T) -> (B, T, vocabulary)

B is the batch, T the characters, C = n_embd, H = n_head, D = C / H.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arithgpt.page import AXES, PageCoordinates
from arithgpt.positions import SCHEMES
from arithgpt.recipe import ModelConfig

SHORT_PAGE = 64  # characters; up to here plain products beat the fused attention on a CPU (runs/LOG.md)


class Cache:
    """Keys, values and cells of the characters already read, so that each new one is computed once.

    Room for `n` pages of at most `size` characters is allocated at the start; `length` characters are filled.
    """

    def __init__(self, config: ModelConfig, n: int, size: int, device: torch.device) -> None:
        shape = (2, config.n_layer, n, config.n_head, size, config.n_embd // config.n_head)
        self.keys_values = torch.empty(shape, device=device)
        self.cells = torch.empty(n, size + 1, len(AXES), device=device)
        self.length = 0

    def store(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k and v (B, H, T, D) of one layer; return all of that layer so far."""
        end = self.length + k.shape[2]
        self.keys_values[0, layer, :, :, self.length : end] = k
        self.keys_values[1, layer, :, :, self.length : end] = v
        return self.keys_values[0, layer, :, :, :end], self.keys_values[1, layer, :, :, :end]

    def keep(self, rows: Tensor) -> None:
        """Drop every page but the chosen ones."""
        self.keys_values = self.keys_values[:, :, rows]
        self.cells = self.cells[rows]


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(scale q k^T + mask) v; without a mask every query sees its own key and those before it.

    q: (B, H, Tq, Dq); k: (B, H, Tk, Dq); v: (B, H, Tk, D); mask: broadcasts to (B, H, Tq, Tk)
    Returns (B, H, Tq, D).
    """
    B, H, Tq, D = *q.shape[:3], v.shape[-1]
    if q.is_cuda or (mask is None and Tq > SHORT_PAGE):
        v = F.pad(v, (0, q.shape[-1] - D))  # the fused kernels want values as wide as queries and keys
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale)[..., :D]
    # The same in three steps: on a CPU the fused kernel loses to them where a page is short or one query is asked.
    if mask is None:
        mask = torch.full((Tq, Tq), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
    scores = torch.baddbmm(
        mask.expand(B, H, Tq, k.shape[2]).flatten(0, 1), q.flatten(0, 1), k.flatten(0, 1).mT, alpha=scale
    )  # (B H, Tq, Tk)
    return (scores.softmax(-1) @ v.flatten(0, 1)).view(B, H, Tq, D)


class Attention(nn.Module):
    """Causal self-attention over all heads at once."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd, bias=False)
        self.out = nn.Linear(config.n_embd, config.n_embd, bias=False)
        self.q_norm = nn.RMSNorm(config.n_embd // config.n_head)
        self.k_norm = nn.RMSNorm(config.n_embd // config.n_head)
        positions = SCHEMES[config.positions].attention
        self.positions = positions(config) if positions else None

    def forward(self, x: Tensor, cells: Tensor, cache: Cache | None, layer: int, last_only: bool) -> Tensor:
        """x: (B, T, C); cells: (B, T+1, axes) without a cache, (B, length+T+1, axes) with one. Returns (B, T or 1, C)."""
        B, T, C = x.shape
        D = C // self.n_head
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, D).permute(2, 0, 3, 1, 4)  # 3 of (B, H, T, D)
        q, k = self.q_norm(q), self.k_norm(k)
        if cache is not None:
            k, v = cache.store(layer, k, v)
        if last_only:
            q, T = q[:, :, -1:], 1
        if k.shape[2] == T:  # the page begins here: nothing but causality hides a key, and the kernel folds in
            if self.positions is not None:
                q, k = self.positions.fold(q, k, cells)
            y = attend(q, k, v, None, D**-0.5)
        else:
            hidden = torch.ones(T, k.shape[2], dtype=torch.bool, device=x.device).triu(k.shape[2] - T + 1)
            mask = torch.zeros(hidden.shape, device=x.device).masked_fill(hidden, float("-inf"))  # (T, length+T)
            if self.positions is not None:
                mask = mask + self.positions.bias(cells[:, -T:], cells[:, :-1])  # (B, H, T, length+T)
            y = attend(q, k, v, mask, D**-0.5)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.n_embd, config.mlp_ratio * config.n_embd, bias=False)
        self.out = nn.Linear(config.mlp_ratio * config.n_embd, config.n_embd, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.gelu(self.up(x)))


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.n_embd)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(config.n_embd)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cells: Tensor, cache: Cache | None, layer: int, last_only: bool) -> Tensor:
        attended = self.attention(self.attention_norm(x), cells, cache, layer, last_only)
        x = (x[:, -1:] if last_only else x) + attended
        return x + self.mlp(self.mlp_norm(x))


class GPT(nn.Module):
    """A GPT over the characters of `alphabet`."""

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__()
        self.config = config
        self.coordinates = PageCoordinates(alphabet)
        self.characters = nn.Embedding(len(alphabet), config.n_embd)
        embedding = SCHEMES[config.positions].embedding
        self.positions = embedding(config) if embedding else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = nn.RMSNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, len(alphabet), bias=False)
        self._initialise()

    def _initialise(self) -> None:
        """Small random matrices; a block's outputs begin at zero, so the first step sees an identity."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.5 * module.in_features**-0.5)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.5)
        for block in self.blocks:
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.mlp.out.weight)

    def forward(self, ids: Tensor, cache: Cache | None = None, last_only: bool = False) -> Tensor:
        """The logits of the character after each of `ids`, or after the last one only.

        ids: int64 (B, T): whole pages, or with a cache the characters that follow those in it, which it then holds too
        Returns float32 (B, T, vocabulary), or (B, 1, vocabulary) with `last_only`, which spares the last block the others.
        """
        T = ids.shape[1]
        if cache is None:
            cells = self.coordinates(ids, self.coordinates.first(len(ids)))  # (B, T+1, axes)
        else:
            start = cache.cells[:, cache.length] if cache.length else self.coordinates.first(len(ids))
            cache.cells[:, cache.length : cache.length + T + 1] = self.coordinates(ids, start)
            cells = cache.cells[:, : cache.length + T + 1]
        x = self.characters(ids)  # (B, T, C)
        if self.positions is not None:
            x = x + self.positions(cells[:, -T - 1 : -1])
        for layer, block in enumerate(self.blocks):
            x = block(x, cells, cache, layer, last_only and layer == len(self.blocks) - 1)
        if cache is not None:
            cache.length += T
        return self.head(self.norm(x))

    @property
    def n_params(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

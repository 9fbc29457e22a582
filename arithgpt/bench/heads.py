"""Attention head by head, as lectures show it first, with arithgpt's own weights: the gain of computing all heads at once.

    LoopedGPT(gpt)(ids)        the logits of gpt(ids), up to rounding, for a GPT without positions

A head has three small matrices. arithgpt keeps them in one matrix `qkv` (3 H D, C): rows h D to (h + 1) D make the queries of
head h, the rows H D further down its keys, and the rows 2 H D further down its values.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from arithgpt.bench.textbook import attend
from arithgpt.models.gpt import GPT, CausalSelfAttention


class Head(nn.Module):
    """One head of causal self-attention with QK-norm (arXiv 2010.04245).

    Args:
        attention: the attention whose weights are copied
        number: index of the head
    """

    def __init__(self, attention: CausalSelfAttention, number: int) -> None:
        super().__init__()
        weights = attention.qkv.weight.view(3, attention.n_head, attention.head_size, -1)[:, number]  # (3, D, C)
        self.query, self.key, self.value = (nn.Parameter(weight.detach().clone()) for weight in weights)
        self.q_norm, self.k_norm = copy.deepcopy(attention.q_norm), copy.deepcopy(attention.k_norm)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend: float (B, T, C) -> (B, T, D); `mask`, bool (T, T), hides the characters that come later."""
        q, k, v = x @ self.query.T, x @ self.key.T, x @ self.value.T  # (B, T, D)
        return attend(self.q_norm(q), self.k_norm(k), v, mask)


class LoopedGPT(nn.Module):
    """A GPT that computes its heads one after the other.

    Args:
        model: a GPT with the position scheme "none"; its weights are copied

    Raises:
        ValueError: the GPT has another position scheme.
    """

    def __init__(self, model: GPT) -> None:
        super().__init__()
        if model.config.positions != "none":
            raise ValueError(f"positions = {model.config.positions!r}: must be none")
        self.model = copy.deepcopy(model)
        self.heads = nn.ModuleList(
            nn.ModuleList(Head(attention, number) for number in range(attention.n_head))
            for attention in model.modules()
            if isinstance(attention, CausalSelfAttention)
        )
        for block in self.model.blocks:
            del block.attention.qkv, block.attention.q_norm, block.attention.k_norm

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits: int64 (B, T) -> float (B, T, V)."""
        x = self.model.token_embedding(ids)
        mask = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).triu(1)
        for block, heads in zip(self.model.blocks, self.heads, strict=True):
            normed = block.attention_norm(x)
            x = x + block.attention.out(torch.cat([head(normed, mask) for head in heads], dim=-1))
            x = x + block.mlp(block.mlp_norm(x))
        return self.model.logits(x)

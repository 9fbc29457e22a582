"""Attention head by head, as lectures show it first, with arithgpt's own weights: what doing all heads at once is worth.

    Looped(gpt)(ids)        the logits of gpt(ids), to rounding, for a GPT without positions

A head is three small matrices; each looks by itself, and what they saw is laid side by side. arithgpt has the same numbers in
one matrix `qkv`, (3 H D, C): rows h D to (h+1) D make the queries of head h, those H D further the keys, and then the values.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arithgpt.bench.textbook import attend
from arithgpt.models.arrays import ops
from arithgpt.models.gpt import GPT


class Head(nn.Module):
    """One head of causal self-attention: (B, T, C) -> (B, T, D). Queries and keys have a norm (QK-norm, arXiv 2010.04245)."""

    def __init__(self, query: Tensor, key: Tensor, value: Tensor, q_norm: Tensor, k_norm: Tensor) -> None:
        """query, key, value: (D, C); q_norm, k_norm: (D,)"""
        super().__init__()
        self.query, self.key, self.value = (nn.Parameter(weight.detach().clone()) for weight in (query, key, value))
        self.q_norm, self.k_norm = (nn.Parameter(weight.detach().clone()) for weight in (q_norm, k_norm))

    def forward(self, x: Tensor, later: Tensor) -> Tensor:
        q, k, v = x @ self.query.T, x @ self.key.T, x @ self.value.T  # (B, T, D)
        return attend(_norm(q, self.q_norm), _norm(k, self.k_norm), v, later)


class Looped(nn.Module):
    """A GPT of arithgpt with position scheme "none", its heads one after the other. ValueError for any other scheme."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        if model.config.positions != "none":
            raise ValueError(f"positions = {model.config.positions!r}: must be none, a loop knows of no other")
        D = model.config.head_size
        self.rest = nn.ParameterDict(
            {name.replace(".", "/"): nn.Parameter(w.detach().clone()) for name, w in model.weights.items()}
        )
        self.heads = nn.ModuleList()
        for block, n_head in zip(model.blocks, model.config.heads, strict=True):
            for name in ("qkv", "q_norm", "k_norm"):
                del self.rest[f"blocks/{len(self.heads)}/{name}"]
            queries, keys, values = block["qkv"].view(3, n_head, D, -1)
            norms = block["q_norm"], block["k_norm"]
            self.heads.append(nn.ModuleList(Head(queries[h], keys[h], values[h], *norms) for h in range(n_head)))

    def forward(self, ids: Tensor) -> Tensor:
        """int64 (B, T) -> (B, T, vocabulary)"""
        w = self.rest
        x = w["characters"][ids]
        later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).triu(1)
        for layer, heads in enumerate(self.heads):
            block = {name: w[f"blocks/{layer}/{name}"] for name in ("attention_norm", "out", "mlp_norm", "up", "down")}
            read = _norm(x, block["attention_norm"])
            x = x + torch.cat([head(read, later) for head in heads], dim=-1) @ block["out"].T
            x = x + F.gelu(_norm(x, block["mlp_norm"]) @ block["up"].T, approximate="tanh") @ block["down"].T
        return _norm(x, w["norm"]) @ w["head"].T


def _norm(x: Tensor, weight: Tensor) -> Tensor:
    return ops(x).rms_norm(x, weight)  # as the model does: what is compared is the loop

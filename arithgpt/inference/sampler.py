"""Samplers: logits (B, V) -> the ids chosen for each row, int64 (B,), as an array of the same library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Sampler: TypeAlias = Callable[[Any], Any]


def greedy(logits: Any) -> Any:
    """Choose the likeliest character of each row."""
    return logits.argmax(-1)


def random_sampler(temperature: float, rng: np.random.Generator, top_k: int | None = None) -> Sampler:
    """Make a sampler that draws from softmax(logits / temperature), or from its top_k likeliest characters.

    Args:
        temperature: 0 is the greedy sampler
        rng: source of the draws
        top_k: how many characters may be drawn; None for all

    Raises:
        ValueError: the temperature is negative or not finite, or top_k is below 1
    """
    if not 0 <= temperature < np.inf or (top_k is not None and top_k < 1):
        raise ValueError("temperature must be at least 0 and finite, top_k at least 1")
    if temperature == 0:
        return greedy

    def draw(logits: Any) -> Any:
        values = logits if isinstance(logits, np.ndarray) else logits.cpu().numpy()
        scores = values.astype(np.float64) / temperature
        if top_k is not None and top_k < scores.shape[-1]:
            ranks = np.argsort(np.argsort(-scores, axis=-1, kind="stable"), axis=-1)
            scores = np.where(ranks < top_k, scores, -np.inf)
        ids = (scores + rng.gumbel(size=scores.shape)).argmax(-1)  # the Gumbel-max trick samples from the softmax
        return ids if isinstance(logits, np.ndarray) else logits.new_tensor(ids, dtype=_int64(logits))

    return draw


def _int64(tensor: Any) -> Any:
    """Return torch's int64 without importing torch where it is not used."""
    import torch

    return torch.int64

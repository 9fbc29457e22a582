"""The names of the position schemes, and what a recipe must know of them. Imports neither torch nor a scheme."""

from __future__ import annotations

from typing import Any

BUILT_IN = {
    "page": "kernels:PagePositions",
    "expression_page": "kernels:ExpressionPagePositions",
    "learned": "absolute:LearnedPositions",
    "sinusoidal": "absolute:SinusoidalPositions",
    "randomized": "absolute:RandomizedPositions",
    "randomized-sinusoidal": "absolute:RandomizedSinusoidalPositions",
    "abacus": "digits:AbacusPositions",
    "coupled": "digits:CoupledPositions",
    "rope": "relative:RotaryPositions",
    "alibi": "relative:AlibiPositions",
    "t5": "relative:T5Positions",
    "fire": "relative:FirePositions",
    "none": "base:PositionScheme",
}
_EMBEDDINGS = ("sinusoidal", "learned", "randomized", "randomized-sinusoidal", "abacus", "coupled", "none")
_LIMITED = ("learned", "randomized", "randomized-sinusoidal")
registered: dict[str, Any] = {}
"""Name -> subclass of PositionScheme, for schemes from outside."""


def scheme_names() -> list[str]:
    """Return the names of all schemes, those registered from outside last."""
    return [*BUILT_IN, *registered]


def is_embedding(name: str) -> bool:
    """Whether a scheme acts on the token embeddings alone, as an encoder-decoder needs it."""
    return registered[name].is_embedding if name in registered else name in _EMBEDDINGS


def is_limited(name: str) -> bool:
    """Whether pages are limited to block_size characters."""
    return registered[name].is_limited if name in registered else name in _LIMITED

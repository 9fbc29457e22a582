"""The names of the position schemes, and what a recipe must know of each. Imports neither torch nor a scheme."""

from __future__ import annotations

from typing import Any, NamedTuple


class SchemeInfo(NamedTuple):
    """What a recipe must know of a position scheme."""

    scheme: Any
    """`module:class` of a built-in scheme, or the subclass of PositionScheme itself."""
    is_embedding: bool = False
    """Whether it acts on the token embeddings alone, as an encoder-decoder needs it."""
    is_limited: bool = False
    """Whether pages are limited to block_size characters."""


SCHEMES: dict[str, SchemeInfo] = {
    "page": SchemeInfo("kernels:PagePositions"),
    "expression_page": SchemeInfo("kernels:ExpressionPagePositions"),
    "learned": SchemeInfo("absolute:LearnedPositions", is_embedding=True, is_limited=True),
    "sinusoidal": SchemeInfo("absolute:SinusoidalPositions", is_embedding=True),
    "randomized": SchemeInfo("absolute:RandomizedPositions", is_embedding=True, is_limited=True),
    "randomized-sinusoidal": SchemeInfo("absolute:RandomizedSinusoidalPositions", is_embedding=True, is_limited=True),
    "abacus": SchemeInfo("digits:AbacusPositions", is_embedding=True),
    "coupled": SchemeInfo("digits:CoupledPositions", is_embedding=True),
    "rope": SchemeInfo("relative:RotaryPositions"),
    "alibi": SchemeInfo("relative:AlibiPositions"),
    "t5": SchemeInfo("relative:T5Positions"),
    "fire": SchemeInfo("relative:FirePositions"),
    "none": SchemeInfo("base:PositionScheme", is_embedding=True),
}
"""Every scheme by name; `positions.register` adds those from outside."""

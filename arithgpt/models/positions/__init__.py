"""Position schemes by name: how a model knows where on the page its characters stand.

    page expression_page                          kernels.py     kernels on page coordinates
    learned sinusoidal randomized ...             absolute.py    embeddings of the index of a character
    abacus coupled                                digits.py      embeddings of the place of a digit
    rope alibi t5 fire                            relative.py    the distance between two characters
    none                                          base.py        and the hooks that a scheme of your own overrides

A recipe names a scheme in `[model] positions`. This file imports no torch: recipes are checked without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arithgpt.models.positions.base import PositionScheme

_BUILT_IN = {
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
_REGISTERED: dict[str, type[PositionScheme]] = {}


def scheme_names() -> list[str]:
    """Return the names of all schemes, those registered from outside last."""
    return [*_BUILT_IN, *_REGISTERED]


def is_embedding(name: str) -> bool:
    """Whether a scheme acts on the token embeddings alone, as an encoder-decoder needs it."""
    return _REGISTERED[name].is_embedding if name in _REGISTERED else name in _EMBEDDINGS


def is_limited(name: str) -> bool:
    """Whether pages are limited to block_size characters."""
    return _REGISTERED[name].is_limited if name in _REGISTERED else name in _LIMITED


def find_scheme(name: str) -> type[PositionScheme]:
    """Return the scheme of a name; importing it imports torch.

    Raises:
        ValueError: there is none of this name
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name not in _BUILT_IN:
        raise ValueError(f"positions = {name!r}: no such scheme; there are: {', '.join(scheme_names())}")
    module, _, class_name = _BUILT_IN[name].partition(":")
    scheme: type[PositionScheme] = getattr(import_module(f"{__name__}.{module}"), class_name)
    return scheme


def register(name: str, scheme: type[PositionScheme]) -> None:
    """Make a scheme known by a name, so that recipes can say `positions = name`.

    Raises:
        ValueError: the name is taken
    """
    if name in _BUILT_IN or _REGISTERED.get(name, scheme) is not scheme:
        raise ValueError(f"positions = {name!r}: this name is taken; choose another one")
    _REGISTERED[name] = scheme

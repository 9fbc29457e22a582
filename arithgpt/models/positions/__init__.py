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
from typing import TYPE_CHECKING, Any

from arithgpt.models.positions.names import SCHEMES, SchemeInfo

if TYPE_CHECKING:
    from arithgpt.models.positions.base import PositionScheme

__all__ = ["SCHEMES", "SchemeInfo", "find_scheme", "register"]


def find_scheme(name: str) -> type[PositionScheme]:
    """Return the scheme of a name; importing it imports torch.

    Raises:
        ValueError: there is none of this name
    """
    if name not in SCHEMES:
        raise ValueError(f"positions = {name!r}: no such scheme; there are: {', '.join(SCHEMES)}")
    scheme: Any = SCHEMES[name].scheme
    if isinstance(scheme, str):
        module, _, class_name = scheme.partition(":")
        scheme = getattr(import_module(f"{__name__}.{module}"), class_name)
    found: type[PositionScheme] = scheme
    return found


def register(name: str, scheme: type[PositionScheme]) -> None:
    """Make a scheme known by a name, so that recipes can say `positions = name`.

    Raises:
        ValueError: the name is taken
    """
    if name in SCHEMES and SCHEMES[name].scheme is not scheme:
        raise ValueError(f"positions = {name!r}: this name is taken; choose another one")
    SCHEMES[name] = SchemeInfo(scheme, scheme.is_embedding, scheme.is_limited)

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

from arithgpt.models.positions.names import BUILT_IN, is_embedding, is_limited, registered, scheme_names

if TYPE_CHECKING:
    from arithgpt.models.positions.base import PositionScheme

__all__ = ["find_scheme", "is_embedding", "is_limited", "register", "scheme_names"]


def find_scheme(name: str) -> type[PositionScheme]:
    """Return the scheme of a name; importing it imports torch.

    Raises:
        ValueError: there is none of this name
    """
    scheme: type[PositionScheme]
    if name in registered:
        scheme = registered[name]
        return scheme
    if name not in BUILT_IN:
        raise ValueError(f"positions = {name!r}: no such scheme; there are: {', '.join(scheme_names())}")
    module, _, class_name = BUILT_IN[name].partition(":")
    scheme = getattr(import_module(f"{__name__}.{module}"), class_name)
    return scheme


def register(name: str, scheme: type[PositionScheme]) -> None:
    """Make a scheme known by a name, so that recipes can say `positions = name`.

    Raises:
        ValueError: the name is taken
    """
    if name in BUILT_IN or registered.get(name, scheme) is not scheme:
        raise ValueError(f"positions = {name!r}: this name is taken; choose another one")
    registered[name] = scheme

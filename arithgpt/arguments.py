"""Checks of the arguments of the public API, with one line for each that is wrong."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from arithgpt.errors import UserError

WORDS = {str: "a text", Path: "a path", Mapping: "a dict of fields and values"}
"""What a type is called in a message."""


def check_whole(name: str, value: object, least: int) -> None:
    """Check that an argument is a whole number.

    Raises:
        UserError: it is none, or below `least`
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise UserError(f"{name} = {value!r}: must be a whole number from {least} on")


def check_texts(name: str, value: object, *, example: str) -> None:
    """Check that an argument is a sequence of texts.

    Args:
        name: of the argument
        value: what was given
        example: a text that can stand in it, for the message

    Raises:
        UserError: it is none, or a single text
    """
    texts: Any = value if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else [None]
    if not all(isinstance(one, str) for one in texts):
        raise UserError(f'{name} = {value!r}: must be a list of texts, as in ["{example}"]')


def check_types(*, required: bool = False, **arguments: tuple[object, Any]) -> None:
    """Check arguments.

    Args:
        required: whether None is wrong; else it stands for an argument that was not given
        arguments: name -> the value, and the type or the union of types that it must have

    Raises:
        UserError: one is of another type
    """
    for name, (value, kind) in arguments.items():
        if (required or value is not None) and not isinstance(value, kind):
            names = ", ".join(WORDS.get(one, one.__name__) for one in get_args(kind) or (kind,))
            raise UserError(f"{name} = {value!r}: must be {names}")


def read_lengths(digits: object) -> str | None:
    """Read the argument `digits`: a text in the notation of tasks/sizes.py, or a number; None where there is none.

    Raises:
        UserError: it is of another type
    """
    if digits is None or isinstance(digits, str):
        return digits
    if isinstance(digits, numbers.Integral) and not isinstance(digits, bool):
        return str(digits)
    raise UserError(f'digits = {digits!r}: must be lengths such as 8, "1-8" or "1-6x1-6"')

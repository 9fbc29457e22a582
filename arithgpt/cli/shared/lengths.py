"""The option that takes lengths, the same in every command: its notation, its help, and how a mistake in it is told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Optional

import typer

from arithgpt.errors import UserError
from tasks import ProblemSize, sizes

METAVAR: Final = "LENGTHS"
LENGTHS_HELP: Final = "8 is exactly 8 and 1-8 is each length from 1 to 8; in train, 8 alone means 1-8. 1-6x1-6 is a grid."
"""How lengths are read; the help of each option that takes them says it."""


@dataclass(frozen=True)
class Lengths:
    """Lengths in the notation of tasks/sizes.py, as they were typed."""

    text: str

    def __str__(self) -> str:
        return self.text

    @cached_property
    def sizes(self) -> list[ProblemSize]:
        """The sizes to ask, each once: `8` is one size."""
        return sizes.parse_sizes(self.text)

    @property
    def of_training(self) -> str:
        """The lengths to train on: `8` alone is 1-8."""
        return f"1-{self.text}" if self.text.isdecimal() else self.text


def _check(param: typer.CallbackParam, lengths: Lengths | None) -> Lengths | None:
    """Raise UserError, with the name of the option, where lengths are not in the notation."""
    if lengths is not None:
        try:
            sizes.parse_ranges(lengths.text)
        except ValueError as error:
            raise UserError(f"{param.opts[0]} {lengths}: {error}") from None
    return lengths


def lengths_option(*flags: str, default: str = "", before: str = "") -> Any:
    """Make an option that takes lengths, for the annotation Annotated[Optional[Lengths], ...].

    Args:
        flags: its names; by default that of the parameter
        default: what the command does without it, for the help
        before: what stands before LENGTHS_HELP
    """
    text = " ".join(filter(None, [before, LENGTHS_HELP, f"[default: {default}]" if default else ""]))
    return typer.Option(*flags, parser=Lengths, callback=_check, metavar=METAVAR, help=text)


TestedLengths = Annotated[Optional[Lengths], lengths_option(default="the lengths of training")]
"""What is asked of solvers that were trained."""


def sizes_of(lengths: Lengths | None) -> list[ProblemSize] | None:
    """Return the sizes to ask; None where the option was not given."""
    return None if lengths is None else lengths.sizes

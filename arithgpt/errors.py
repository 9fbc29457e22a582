"""Errors that a user sees as one clear line, without a traceback."""

from __future__ import annotations

from typing import NamedTuple


class Wording(NamedTuple):
    """A message in two forms, where Python and the command line call something by different names."""

    python: str
    shell: str


def ending(start: str, *, python: str = "", shell: str = "") -> Wording:
    """Make a message whose last part, after a semicolon, differs between Python and the command line; empty leaves it out."""
    return Wording(*("; ".join(filter(None, [start, end])) for end in (python, shell)))


class UserError(Exception):
    """Something that the user can correct. The message names the input, what is wrong with it and what is allowed.

    An error about an argument keeps its name apart, so that each interface calls the argument as its users know it:
    `str(error)` is for Python, `error.in_shell` for the command line.

        UserError("must be auto, cpu or cuda", "device", "x")
        device = 'x': must be auto, cpu or cuda         in Python
        --device x: must be auto, cpu or cuda           on the command line

    Args:
        message: what is wrong, and what is allowed
        argument: the argument that it is about; None where the message names its subject itself
        value: what was given; None where nothing was given
    """

    def __init__(self, message: str | Wording = "", argument: str | None = None, value: object = None) -> None:
        super().__init__(message, argument, value)  # all of them, so that the error can be pickled
        self.message = message if isinstance(message, Wording) else Wording(message, message)
        self.argument, self.value = argument, value

    def __str__(self) -> str:
        """The message for a user of Python."""
        if self.argument is None:
            return self.message.python
        return f"{self.argument}{'' if self.value is None else f' = {self.value!r}'}: {self.message.python}"

    @property
    def in_shell(self) -> str:
        """The message for a user of the command line."""
        if self.argument is None:
            return self.message.shell
        option = OPTIONS.get(self.argument) or f"--{self.argument.replace('_', '-')}"
        return f"{option}{'' if self.value is None or self.value is True else f' {self.value}'}: {self.message.shell}"


OPTIONS = {"init.run": "--from", "suites": "--suite"}
"""What the command line calls an argument, where that is not its own name."""


class PeerLostError(UserError):
    """Another process of the job has ended (training/distributed.py). Only the first process to notice has a message."""

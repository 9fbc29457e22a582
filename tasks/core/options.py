"""Checks of the options that a recipe sets. Each error names the option and its value."""

from __future__ import annotations

from tasks import sizes
from tasks.sizes import SizeRange
from tasks.task import Task


def check_probabilities(task: Task) -> None:
    """Check each option whose name ends with `_prob` or `_share`.

    Raises:
        ValueError: one is not from 0 to 1.
    """
    for name, value in vars(task).items():
        if name.endswith(("_prob", "_share")) and not 0 <= value <= 1:
            raise ValueError(f"{name} = {value}: must be from 0 to 1")


def parse_size_option(task: Task, option: str, longest: int | None = None) -> tuple[SizeRange, ...]:
    """Read an option such as `digits = "1-6x1-3"`.

    Args:
        longest: the longest length that the task takes; None for no bound but MAX_DIGITS.

    Raises:
        ValueError: the value is not in the notation of tasks/sizes.py, or a length is over `longest`.
    """
    text = getattr(task, option)
    try:
        size_ranges = sizes.parse_ranges(text)
    except ValueError as error:
        raise ValueError(f"{option} = {text!r}: {error}") from None
    if longest is not None and max(side.high for each in size_ranges for side in (each.left, each.right)) > longest:
        raise ValueError(f"{option} = {text!r}: task {task.name} takes at most {longest}")
    return size_ranges


def parse_length_option(
    task: Task, option: str, example: str, longest: int | None = None, reason: str = ""
) -> tuple[SizeRange, ...]:
    """Read an option that counts one thing, such as `operators = "1-4"`; both sides of each range are the same.

    Args:
        example: a value for the message, such as "1-4".
        reason: what the message says after "without x", such as ": there is one string".

    Raises:
        ValueError: as from `parse_size_option`, or the value has an `x`.
    """
    size_ranges = parse_size_option(task, option, longest)
    if any(each.left != each.right for each in size_ranges):
        raise ValueError(f"{option} = {getattr(task, option)!r}: must be one range such as {example}, without x{reason}")
    return size_ranges

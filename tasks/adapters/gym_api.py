"""Our problems in the form of reasoning-gym's data sets, for people who train or ask models through that package.

    >>> dataset = create_dataset("mul", size=100, seed=1, digits="1-6")
    >>> dataset[0]["question"], dataset[0]["answer"]
    ('113*46', '5198')
    >>> dataset.score_answer("5,198", dataset[0])
    1.0

An entry is a function of the seed and its index alone. Unlike in reasoning-gym, data sets of neighbouring seeds share nothing,
because the generator is made from both numbers and not from their sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from tasks import sizes
from tasks.registry import make
from tasks.task import Split, Task

Entry: TypeAlias = dict[str, Any]
"""question, answer, and metadata: source_dataset, source_index, difficulty and more."""

_ZEROS = re.compile(r"(?<![0-9.])0+(?=[0-9])")
_DECIMALS = re.compile(r"\.0*(?![0-9])")


@dataclass(frozen=True)
class GymDataset:
    """`size` problems of a task; `create_dataset` makes one by name. ValueError where size or seed is out of range."""

    task: Task
    size: int = 500
    seed: int = 0
    split: Split = "train"
    """`held-out` gives problems that are never in `train`, of any seed."""

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)}: must be at least {least}")
        if self.split not in ("train", "held-out"):
            raise ValueError(f"split = {self.split!r}: must be train or held-out")

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Entry]:
        return (self[index] for index in range(self.size))

    def __getitem__(self, index: int) -> Entry:
        """The entry of an index; a negative index counts from the end.

        Raises:
            IndexError: the index is out of range.
        """
        if not -self.size <= index < self.size:
            raise IndexError(f"index {index}: there are {self.size} entries")
        index %= self.size
        problems = self.task.stream(1, seed=self.seed, split=self.split, rank=0, step=index)
        [question] = self.task.questions(problems)
        left, right = (int(side[0]) for side in self.task.sizes_of(problems))
        about = {"source_dataset": self.task.name, "source_index": index, "task_version": self.task.version}
        if self.task.size_span.high:
            about |= dict(zip(sizes.field_names(self.task.size_names), (left, right), strict=True))
        return {
            "question": self.task.question_text(question),
            "answer": self.task.answer(question),
            "metadata": about | {"difficulty": dict(self.difficulty)},
        }

    @cached_property
    def difficulty(self) -> dict[str, tuple[int, int]]:
        """The smallest and the largest size of training by its field name; empty for a task without sizes."""
        if self.task.size_span.high == 0:
            return {}
        ranges = [size_range for part in self.task.subtasks.values() for size_range in part.size_ranges]
        left, right = sizes.field_names(self.task.size_names)
        sides = ((left, [size_range.left for size_range in ranges]), (right, [size_range.right for size_range in ranges]))
        return {name: (min(span.low for span in spans), max(span.high for span in spans)) for name, spans in sides}

    def score_answer(self, answer: str | None, entry: Entry) -> float:
        """Score an answer from 0 to 1, as the function `score_answer` does."""
        return score_answer(answer, entry)


def create_dataset(
    name: str, *, size: int = 500, seed: int = 0, digits: str | None = None, split: Split = "train"
) -> GymDataset:
    """Make the data set of a task, as reasoning_gym.create_dataset does.

    Args:
        name: of the task.
        size: number of entries.
        digits: lengths of the operands in the notation of tasks/sizes.py; None for those of the task.

    Raises:
        ValueError: the task is unknown, the lengths are not in the notation, or size, seed or split is out of range.
    """
    return GymDataset(make(name, digits), size, seed, split)


def score_answer(answer: str | None, entry: Entry) -> float:
    """Score an answer as reasoning-gym scores its arithmetic.

    A plus sign, leading zeros, decimals that are zero, and commas do not matter. Unlike in reasoning-gym, the right answer has
    to stand by itself in a longer reply: 15535 does not contain 5535.

    Returns:
        1 for the right answer; for a reply that contains it, the share of its characters that the answer has; else 0.
    """
    if not isinstance(answer, str) or not answer.strip():
        return 0.0
    plain, right = answer.replace(",", ""), entry["answer"].replace(",", "")
    if _canonical(plain) == _canonical(right):
        return 1.0
    alone = re.search(rf"(?<![0-9.-])(?<! r ){re.escape(right)}(?![0-9]|\.[0-9]| r )", plain)
    return len(right) / len(plain) if alone else 0.0


def _canonical(answer: str) -> str:
    """One form for equal answers: `+01000.00` becomes `1000`, `142  r 07` becomes `142 r 7`."""
    text = _ZEROS.sub("", _DECIMALS.sub("", " ".join(answer.split()).removeprefix("+")))
    return "0" if text == "-0" else text

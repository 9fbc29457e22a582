"""Base class of tasks with one string as their argument: `copy 31415`."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from tasks import sizes
from tasks.core.named_task import EDGES_SHARE, NamedTextTask
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged
from tasks.page_grammar import DIGITS
from tasks.sizes import ProblemSize, SizeRange, parse_length_option
from tasks.task import AnswerKind, Problems


class StringTask(NamedTextTask):
    """The argument is one string; its characters are not read as a number."""

    symbols: ClassVar[str] = DIGITS
    """The characters of strings, in ascending order."""
    symbols_name: ClassVar[str] = "digits"
    """What the symbols are called in messages."""
    size_names: ClassVar[tuple[str, str]] = ("digits", "digits")
    answer_kind: ClassVar[AnswerKind] = "text"

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        ranges = parse_length_option(self, "digits", "1-8", self.max_length, ": there is one string")
        return tuple(SizeRange(size_range.left, size_range.right, equal=True) for size_range in ranges)

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        lengths, _ = sizes.sample(self.size_ranges, rng, n)
        return self.sample_lengths(rng, lengths, pattern_share=0.0)

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one length; `edges`: most strings have a pattern (see `sample_strings`)."""
        if size[0] != size[1] or not 1 <= size[0] <= self.max_length:
            raise ValueError(
                f"{sizes.format_size(size)}: task {self.name} asks one string of 1 to {self.max_length} {self.symbols_name}"
            )
        return self.sample_lengths(rng, np.full(n, size[0]), pattern_share=EDGES_SHARE if suite == "edges" else 0.0)

    def sample_lengths(self, rng: np.random.Generator, lengths: Ints, pattern_share: float) -> Problems:
        """Sample one problem for each length; int64 (n,)."""
        return Problems((sample_strings(rng, lengths, self.symbols, pattern_share),))

    def parse_argument(self, reader: Reader) -> str:
        expected = f"{self.symbols_name} {self.symbols[0]} to {self.symbols[-1]}"
        return reader.string(f"[{self.symbols}]+", expected, self.max_length)

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        lengths = problems.fields[-1].lengths
        return lengths, lengths


def sample_strings(rng: np.random.Generator, lengths: Ints, symbols: str, pattern_share: float = 0.0) -> Ragged:
    """Sample strings whose symbols are drawn evenly, some of them with a pattern.

    Args:
        rng: the source of all random numbers
        lengths: int64 (n,)
        symbols: the characters, in ascending order
        pattern_share: the share of strings with a pattern: one symbol repeated, two in turn, ascending, or descending

    Returns:
        n rows of ASCII codes.
    """
    n, width = len(lengths), int(lengths.max(initial=1))
    column = np.arange(width)
    chosen = rng.integers(0, len(symbols), (n, width))
    inside = column < lengths[:, None]
    kind = np.where(rng.random(n) < pattern_share, rng.integers(1, 5, n), 0)[:, None]
    repeated, in_turn = chosen[:, :1], chosen[np.arange(n)[:, None], column % min(2, width)]
    ascending = np.sort(np.where(inside, chosen, len(symbols)), axis=1)
    descending = -np.sort(np.where(inside, -chosen, 1), axis=1)
    indices = np.choose(kind, [chosen, repeated, in_turn, ascending, descending])
    codes = np.frombuffer(symbols.encode("ascii"), np.uint8)[np.clip(indices, 0, len(symbols) - 1)]
    return Ragged(np.where(inside, codes, 0).astype(np.uint8), lengths)

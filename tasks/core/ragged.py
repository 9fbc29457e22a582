"""Rows of different lengths in one uint8 matrix, the one way to string them together, and batches of problems and pages.

    Ragged([[3, 2, 1, 0], [6, 5, 0, 0]], lengths=[3, 2])      the numbers 123 and 56, least significant digit first

Everything that a task makes is vectorised over the rows of a batch; in this array the rows can have different lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tasks.page_grammar import STOP

Bytes: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_EMPTY = 255
"""Marks cells that hold no character while rows are packed."""


@dataclass(frozen=True)
class Ragged:
    """n rows of bytes (digits, or character codes), each with its own length.

    values: uint8 (n, w); what stands at or beyond a row's length is 0
    lengths: int64 (n,), each between 0 and w
    """

    values: Bytes
    lengths: Ints

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: slice | Bools | Ints) -> Ragged:
        """The chosen rows, trimmed to the width they need."""
        lengths = self.lengths[rows]
        return Ragged(self.values[rows][:, : int(lengths.max(initial=0))], lengths)

    @cached_property
    def filled(self) -> Bools:
        """bool (n, w): which cells are part of their row."""
        return np.asarray(np.arange(self.values.shape[1]) < self.lengths[:, None])

    def replaced(self, rows: Ints, others: Ragged) -> Ragged:
        """A copy in which the chosen rows are replaced by others of the same lengths."""
        values = self.values.copy()
        width = min(values.shape[1], others.values.shape[1])
        values[rows, :width] = others.values[:, :width]
        return Ragged(values, self.lengths)

    def between(self, starts: Ints | int, ends: Ints) -> Ragged:
        """The part of each row from its start up to its end.

        Args:
            starts: int64 (n,), or one for all rows.
            ends: int64 (n,), none beyond its row's length.
        """
        at = np.arange(self.values.shape[1])
        inside = (at >= np.reshape(starts, (-1, 1))) & (at < ends[:, None])
        return _pack(np.where(inside, self.values, np.uint8(_EMPTY)))

    def widened(self, width: int) -> Bytes:
        """uint8 (n, max(w, width)): the values, with more zeros to the right."""
        missing = width - self.values.shape[1]
        return np.pad(self.values, ((0, 0), (0, missing))) if missing > 0 else self.values

    @staticmethod
    def from_strings(rows: Sequence[str]) -> Ragged:
        """The character codes of ASCII strings.

        Raises:
            ValueError: a string is not ASCII.
        """
        width = max(map(len, rows), default=0)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        text = "".join(row.ljust(width, "\0") for row in rows).encode("ascii")
        return Ragged(np.frombuffer(text, np.uint8).reshape(len(rows), width), lengths)

    def to_strings(self) -> list[str]:
        """The rows as ASCII strings; the inverse of `from_strings`."""
        width = self.values.shape[1]
        text = np.where(self.filled, self.values, 0).tobytes().decode("ascii")
        return [text[i * width : i * width + n] for i, n in enumerate(self.lengths.tolist())]


def stack(batches: Sequence[Ragged]) -> Ragged:
    """All rows of `batches`, one batch below the other."""
    width = max(batch.values.shape[1] for batch in batches)
    return Ragged(
        np.concatenate([batch.widened(width) for batch in batches]), np.concatenate([batch.lengths for batch in batches])
    )


def join(parts: Sequence[Ragged | str], n: int) -> Ragged:
    """String the parts together, row by row.

    join([a, "+", b, "="], n)  ->  n rows such as `321+54=`

    Args:
        parts: rows of characters; a string is the same in every row.
        n: the number of rows.
    """
    return _pack(np.concatenate([_slots(part, n) for part in parts], axis=1))


def _pack(slots: Bytes) -> Ragged:
    """Move the cells of each row that are not _EMPTY together."""
    used = slots != _EMPTY
    lengths = used.sum(axis=1)
    values = np.zeros((len(slots), int(lengths.max(initial=0))), np.uint8)
    # Both masks are walked row by row, left to right, so the k-th used slot of a row lands in its k-th cell.
    values[np.arange(values.shape[1]) < lengths[:, None]] = slots[used]
    return Ragged(values, lengths)


def _slots(part: Ragged | str, n: int) -> Bytes:
    """A part as a matrix with _EMPTY beyond each row's length."""
    if isinstance(part, str):
        return np.broadcast_to(np.frombuffer(part.encode("ascii"), np.uint8), (n, len(part)))
    return np.where(part.filled, part.values, np.uint8(_EMPTY))


def marks(codes: str, where: Bools, choose: Bools | Ints | None = None) -> Ragged:
    """One character in each row of `where`, nothing in the others.

    Args:
        codes: the characters to choose from.
        where: bool (n,).
        choose: (n,), the index into `codes` for each row, False being 0; None for codes[0] everywhere.
    """
    chosen = np.zeros(len(where), np.int64) if choose is None else choose.astype(np.int64)
    values = np.frombuffer(codes.encode("ascii"), np.uint8)[chosen]
    return Ragged((values * where)[:, None], where.astype(np.int64))


def only(rows: Ragged, where: Bools) -> Ragged:
    """The rows of `where`, bool (n,), as they are; the others empty."""
    return Ragged(rows.values * where[:, None], rows.lengths * where)


def spaced(rows: Ragged, mark: str) -> Ragged:
    """The characters of each row with the mark between them: 314 as 3,1,4."""
    values = np.full((len(rows), 2 * rows.values.shape[1]), ord(mark), np.uint8)
    values[:, ::2] = rows.values
    lengths = np.maximum(2 * rows.lengths - 1, 0)
    return Ragged(values * (np.arange(values.shape[1]) < lengths[:, None]), lengths)


def where(condition: Bools, rows: Ragged, others: Ragged) -> Ragged:
    """Choose each row from `rows` where the condition, bool (n,), holds, else from `others`."""
    width = max(rows.values.shape[1], others.values.shape[1])
    values = np.where(condition[:, None], rows.widened(width), others.widened(width))
    return Ragged(values, np.where(condition, rows.lengths, others.lengths))


@dataclass(frozen=True)
class Problems:
    """A batch of n problems by columns: `fields[k]` holds the k-th part of each, such as an operand."""

    fields: tuple[Ragged, ...]

    def __len__(self) -> int:
        return len(self.fields[0])

    def __getitem__(self, rows: slice | Bools | Ints) -> Problems:
        return Problems(tuple(field[rows] for field in self.fields))

    @staticmethod
    def from_questions(questions: Sequence[str]) -> Problems:
        """The problems as one field, the ASCII text of their questions."""
        return Problems((Ragged.from_strings(questions),))

    @staticmethod
    def concatenate(batches: Sequence[Problems]) -> Problems:
        """All problems of `batches` (at least one), in order."""
        return Problems(tuple(stack(fields) for fields in zip(*(batch.fields for batch in batches), strict=True)))


@dataclass(frozen=True)
class Pages:
    """A batch of n pages.

    chars: uint8 (n, t), ASCII; 0 beyond a page's end
    prompt: int64 (n,), the number of characters that are given
    total: int64 (n,), the number of characters in all, with the stop
    """

    chars: Bytes
    prompt: Ints
    total: Ints

    def __len__(self) -> int:
        return len(self.total)

    def __getitem__(self, rows: Ints) -> Pages:
        """The chosen pages, trimmed to the width they need."""
        total = self.total[rows]
        return Pages(self.chars[rows, : int(total.max(initial=0))], self.prompt[rows], total)

    @staticmethod
    def from_texts(prompts: Sequence[str], completions: Sequence[str]) -> Pages:
        """Pages from ASCII prompts and completions; the stop is appended."""
        page = Ragged.from_strings(
            [prompt + completion + STOP for prompt, completion in zip(prompts, completions, strict=True)]
        )
        return Pages(page.values, np.array([len(prompt) for prompt in prompts], np.int64), page.lengths)

    @staticmethod
    def join(prompts: Ragged, completions: Sequence[Ragged | str]) -> Pages:
        """Pages from rows of ASCII codes.

        Args:
            prompts: n rows.
            completions: the parts of each completion in order, the stop included; a string is the same in every row.
        """
        page = join([prompts, *completions], len(prompts))
        return Pages(page.values, prompts.lengths, page.lengths)

    def texts(self) -> list[str]:
        """The pages as strings."""
        return Ragged(self.chars, self.total).to_strings()

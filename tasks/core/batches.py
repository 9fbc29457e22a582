"""Batches of problems and of pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.ragged import Bools, Bytes, Ints, Ragged, join, stack
from tasks.page_grammar import STOP


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

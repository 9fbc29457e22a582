"""The pages of `copy`, `parity` and `compare`, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from arithgpt.proof.families.columns import Column, ColumnFamily, number_of, operand_characters
from tasks.page_grammar import DIGITS, EQUALS, STOP

EQUAL, LESS, MORE = "012"  # how the digits so far compare


class CopyFamily(ColumnFamily):
    """314=314$. A column has the same digit twice."""

    marks = "", EQUALS
    n_given = 1

    def first_columns(self) -> Iterator[Column]:
        for digit in DIGITS:
            yield Column((digit, digit), ())

    def next_columns(self, column: Column) -> Iterator[Column]:
        if not self.is_last(column):
            yield from self.first_columns()
            yield Column((EQUALS, STOP), ())

    def is_last(self, column: Column) -> bool:
        return column.characters[-1] == STOP

    def question(self, columns: Sequence[Column]) -> str:
        return "copy " + number_of(columns, 0)[::-1]


class ParityFamily(ColumnFamily):
    """10110=11011$. The parity so far is on the page."""

    marks = "", EQUALS
    n_given = 1

    def first_columns(self) -> Iterator[Column]:
        return self._following(0)

    def next_columns(self, column: Column) -> Iterator[Column]:
        if not self.is_last(column):
            yield from self._following(int(column.characters[1]))
            yield Column((EQUALS, STOP), ())

    def is_last(self, column: Column) -> bool:
        return column.characters[-1] == STOP

    def question(self, columns: Sequence[Column]) -> str:
        return "parity " + number_of(columns, 0)[::-1]

    @staticmethod
    def _following(parity: int) -> Iterator[Column]:
        for bit in (0, 1):
            yield Column((str(bit), str(parity ^ bit)), ())


class CompareFamily(ColumnFamily):
    """321?54=112$. How the digits so far compare is on the page; the state is whether this is place 1."""

    marks = "", "?", EQUALS
    n_given = 2

    def first_columns(self) -> Iterator[Column]:
        for a, b in product(DIGITS, DIGITS):
            yield self._column(a, b, EQUAL, is_first=True)

    def next_columns(self, column: Column) -> Iterator[Column]:
        (a, b, result), (is_first,) = column
        if result != STOP:
            left = operand_characters(a, "?", is_second=bool(is_first))
            right = operand_characters(b, EQUALS, is_second=bool(is_first))
            for pair in product(left, right):
                yield self._column(*pair, result, is_first=False)

    def is_last(self, column: Column) -> bool:
        return column.characters[2] == STOP

    def question(self, columns: Sequence[Column]) -> str:
        return f"compare {number_of(columns, 0)} {number_of(columns, 1)}"

    @staticmethod
    def _column(a: str, b: str, before: str, *, is_first: bool) -> Column:
        """Compare two digits; where these are equal, or no digits, what was before holds."""
        digits = [int(character) if character and character in DIGITS else None for character in (a, b)]
        if digits == [None, None]:
            return Column((a, b, STOP), (0,))
        left, right = (digit or 0 for digit in digits)
        result = LESS if left < right else MORE if left > right else before
        return Column((a, b, result), (int(is_first),))

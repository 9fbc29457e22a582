"""The pages of `add` and `sub`, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from arithgpt.proof.families.columns import Column, ColumnFamily, number_of, operand_characters
from tasks.page_grammar import DIGITS, EQUALS, STOP

NEGATIVE_MARK = "~"


class AdditionFamily(ColumnFamily):
    """321+654=975$. The state is the carry, and whether this is place 1."""

    marks = "", "+", EQUALS
    n_given = 2

    def first_columns(self) -> Iterator[Column]:
        for a, b in product(DIGITS, DIGITS):
            yield self._column(a, b, 0, is_first=True)

    def next_columns(self, column: Column) -> Iterator[Column]:
        (a, b, result), (carry, is_first) = column
        if result == STOP:
            return
        left = operand_characters(a, "+", is_second=bool(is_first))
        right = operand_characters(b, EQUALS, is_second=bool(is_first))
        for pair in product(left, right):
            yield self._column(*pair, carry, is_first=False)

    def is_last(self, column: Column) -> bool:
        return column.characters[2] == STOP

    def question(self, columns: Sequence[Column]) -> str:
        return f"{number_of(columns, 0)}+{number_of(columns, 1)}"

    @staticmethod
    def _column(a: str, b: str, carry: int, *, is_first: bool) -> Column:
        """Write the digit of the sum, the last carry, or the stop."""
        digits = [int(character) for character in (a, b) if character and character in DIGITS]
        total = sum(digits) + carry
        result = str(total % 10) if digits or carry else STOP
        return Column((a, b, result), (total // 10, int(is_first)))


class SubtractionFamily(ColumnFamily):
    """456-123=333$ and 321-654=766~333$.

    The state is the borrow, whether this is place 1, whether the result is negative, and whether a digit of the difference that
    is not zero has been seen, from which on the complement subtracts from 9. Pages with the wrong sign cannot be finished.
    """

    marks = "", "-", EQUALS, NEGATIVE_MARK
    n_given = 2

    def first_columns(self) -> Iterator[Column]:
        for a, b, is_negative in product(DIGITS, DIGITS, (0, 1)):
            yield self._column(a, b, (0, 1, is_negative, 0))

    def next_columns(self, column: Column) -> Iterator[Column]:
        (a, b, result, _), (borrow, is_first, is_negative, complements) = column
        if result not in DIGITS:
            return
        left = operand_characters(a, "-", is_second=bool(is_first))
        right = operand_characters(b, EQUALS, is_second=bool(is_first))
        for pair in product(left, right):
            yield self._column(*pair, (borrow, 0, is_negative, complements))

    def is_last(self, column: Column) -> bool:
        (_, _, result, _), (borrow, _, is_negative, _) = column
        return result not in DIGITS and borrow == is_negative

    def question(self, columns: Sequence[Column]) -> str:
        return f"{number_of(columns, 0)}-{number_of(columns, 1)}"

    @staticmethod
    def _column(a: str, b: str, state: tuple[int, ...]) -> Column:
        """Write the digit of the difference and of its complement, or the ends of both numbers."""
        borrow, is_first, is_negative, complements = state
        a_digit, b_digit = (int(character) if character and character in DIGITS else None for character in (a, b))
        if a_digit is None and b_digit is None:
            return Column((a, b, *((NEGATIVE_MARK, STOP) if is_negative else (STOP, ""))), state)
        difference = (a_digit or 0) - (b_digit or 0) - borrow
        digit = difference % 10
        complement = str((10 - digit - complements) % 10) if is_negative else ""
        complements = int(bool(complements or digit)) if is_negative else 0
        return Column((a, b, str(digit), complement), (int(difference < 0), is_first, is_negative, complements))

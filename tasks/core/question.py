"""Parsing of typed questions: "1,234 * 56" -> ("1234", "*", "56"), or a QuestionError that marks the place of the fault."""

from __future__ import annotations

import re

from tasks.sizes import MAX_DIGITS

OPERATORS = {"+": "+", "-": "-", "*": "*", "/": "/", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"}
"""Every character that is read as an operator, with the plain one that it stands for."""

_NUMBER = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])|[0-9]+")
_SPACE = re.compile(r"\s*")


class QuestionError(ValueError):
    """A question that cannot be understood.

    text: what was typed
    place: index of the character at fault; len(text) where something is missing at the end
    """

    def __init__(self, message: str, text: str, place: int) -> None:
        super().__init__(message)
        self.text = text
        self.place = place


def binary_question(text: str) -> tuple[str, str, str]:
    """Split `number operator number`.

    Returns:
        The left operand, the operator and the right operand, without spaces, thousands separators or leading zeros.

    Raises:
        QuestionError: the text has another form, or an operand has more than MAX_DIGITS digits.
    """
    if not text.strip():
        raise QuestionError("empty: expected a sum like 12+34", text, 0)
    left, place = _number(text, 0)
    operator, place = _operator(text, place)
    right, place = _number(text, place)
    place = _skip_space(text, place)
    if place < len(text):
        what = "one operator at a time" if text[place] in OPERATORS else "expected nothing more"
        raise QuestionError(f"{what}, found {_char_at(text, place)}", text, place)
    return left, operator, right


def _number(text: str, place: int) -> tuple[str, int]:
    """The number that begins at `place`, in its plain form, and the place after it."""
    place = _skip_space(text, place)
    match = _NUMBER.match(text, place)
    if match is None:
        raise QuestionError(f"expected a number, found {_char_at(text, place)}", text, place)
    digits = match.group().replace(",", "").lstrip("0") or "0"
    if len(digits) > MAX_DIGITS:
        raise QuestionError(f"a number of {len(digits)} digits: at most {MAX_DIGITS} are taken", text, place)
    return digits, match.end()


def _operator(text: str, place: int) -> tuple[str, int]:
    """The operator at `place`, in its plain form, and the place after it."""
    place = _skip_space(text, place)
    if place == len(text) or text[place] not in OPERATORS:
        raise QuestionError(f"expected an operator, one of + - * /, found {_char_at(text, place)}", text, place)
    return OPERATORS[text[place]], place + 1


def _skip_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _char_at(text: str, place: int) -> str:
    return "the end" if place >= len(text) else repr(text[place])


class Reader:
    """Reads a typed text from left to right. Spaces between the parts do not matter; QuestionError marks what is unexpected."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def take(self, pattern: str, expected: str) -> str:
        """Read what matches the regular expression here. `expected` says in the error message what should have come."""
        self.place = _skip_space(self.text, self.place)
        match = re.compile(pattern).match(self.text, self.place)
        if match is None:
            raise self.fault(f"expected {expected}, found {_char_at(self.text, self.place)}")
        self.place = match.end()
        return match.group()

    def string(self, pattern: str, expected: str, most: int = MAX_DIGITS) -> str:
        """Read what matches the regular expression here, at most `most` characters."""
        text = self.take(pattern, expected)
        if len(text) > most:
            self.place -= len(text)
            raise self.fault(f"{len(text)} characters: at most {most} are taken")
        return text

    def number(self) -> str:
        """Read a natural number; returns it without thousands separators and leading zeros."""
        self.place = _skip_space(self.text, self.place)
        number, self.place = _number(self.text, self.place)
        return number

    def end(self) -> None:
        """Check that the text ends here. QuestionError where anything follows."""
        self.place = _skip_space(self.text, self.place)
        if self.place < len(self.text):
            raise self.fault(f"expected nothing more, found {_char_at(self.text, self.place)}")

    def fault(self, message: str, place: int | None = None) -> QuestionError:
        """Make the error for a fault here, or at another place."""
        return QuestionError(message, self.text, self.place if place is None else place)

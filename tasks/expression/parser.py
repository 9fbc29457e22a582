"""Parse an expression as a person types it: " 1,234.50 * -(.5 + 2) to 4" becomes the plain question "1234.50*-(0.5+2) to 4".

A plain question has no spaces, no thousands separators and no leading zeros. It says how many decimals the answer has, unless
they are DEFAULT_DECIMALS. Text that is no expression raises a QuestionError with the index of the fault.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tasks.core.question import OPERATORS, QuestionError
from tasks.sizes import MAX_DIGITS

DEFAULT_DECIMALS = 10
"""The most decimals that an answer shows where the question does not say."""
MAX_DECIMALS = 30
"""The most decimals that a question may ask for."""
GUARD_DIGITS = 4
"""The decimals that a page keeps beyond those that the answer shows."""
MAX_OPERATORS = 60
MAX_DEPTH = 30
"""The most parentheses that may be open at once."""

_NUMBER = re.compile(
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])|[0-9]+)(?:(?P<point>\.)(?P<fraction>[0-9]*))?|\.(?P<only>[0-9]+)"
)
_SPACE = re.compile(r"\s*")
_DECIMALS = re.compile(r"(?:rounded\s+)?to\s*([0-9]{1,9})(?:\s+decimals?)?\s*$")
_SUFFIX = " to "


class Question(NamedTuple):
    """A plain question, taken apart."""

    expression: str
    decimals: int = DEFAULT_DECIMALS
    """The most decimals that the answer shows."""

    @classmethod
    def parse(cls, plain: str) -> Question:
        """Take a plain question apart; the inverse of `format`."""
        expression, _, decimals = plain.partition(_SUFFIX)
        return cls(expression, int(decimals)) if decimals else cls(expression)

    def format(self, *, explicit: bool = False) -> str:
        """Return the plain question.

        Args:
            explicit: name the decimals even where they are DEFAULT_DECIMALS
        """
        if self.decimals == DEFAULT_DECIMALS and not explicit:
            return self.expression
        return f"{self.expression}{_SUFFIX}{self.decimals}"


def parse_expression(text: str) -> Question:
    """Parse what a person types.

    Args:
        text: for example "(12 + 34) * 5" or "1/3 rounded to 4 decimals"

    Returns:
        The expression in its plain form, and the decimals of its answer.

    Raises:
        QuestionError: `text` is no expression, or a longer one than pages are made for
    """
    if not text.strip():
        raise QuestionError("empty: expected an expression like (12+34)*5", text, 0)
    parser = _Parser(text)
    while (position := _skip_space(text, parser.position)) < len(text):
        parser.position = position
        if parser.expects_operand:
            parser.read_operand()
        else:
            parser.read_operator()
    return parser.finish()


def names_decimals(typed: str) -> bool:
    """Whether a typed question names the decimals of its answer."""
    return _DECIMALS.search(typed) is not None


class _Parser:
    """Reads an expression from left to right, without recursion, so that no depth of parentheses is too much for it."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.tokens: list[str] = []
        self.expects_operand = True
        """Whether a number or a parenthesis comes next."""
        self.has_sign = False
        """Whether that operand already has its sign."""
        self.depth = self.operators = self.digits = 0
        self.fractions: list[tuple[int, int]] = []  # of each number: its position and its decimals
        self.decimals = DEFAULT_DECIMALS

    def read_operand(self) -> None:
        """Read a sign, an opening parenthesis or a number."""
        char = self.text[self.position]
        operator = OPERATORS.get(char, "")
        if operator in ("+", "-") and not self.has_sign:
            self.has_sign = True
            self.tokens += ["-"] if operator == "-" else []
        elif char == "(":
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self._fault(f"parentheses stand in each other more than {MAX_DEPTH} deep")
            self.has_sign = False
            self.tokens.append(char)
        elif match := _NUMBER.match(self.text, self.position):
            self._read_number(match)
            return
        elif operator:
            raise self._fault(f"one {'sign' if self.has_sign else 'operator'} at a time, found {self._found()}")
        elif char == ")" and self.tokens[-1:] == ["("]:
            raise self._fault("nothing stands between the parentheses, found ')'")
        else:
            raise self._fault(f"expected a number, found {self._found()}")
        self.position += 1

    def read_operator(self) -> None:
        """Read an operator, a closing parenthesis, or the decimals of the answer."""
        char = self.text[self.position]
        if operator := OPERATORS.get(char):
            self.operators += 1
            if self.operators > MAX_OPERATORS:
                raise self._fault(f"more than {MAX_OPERATORS} operators")
            self.tokens.append(operator)
            self.expects_operand, self.has_sign = True, False
        elif char == ")" and self.depth:
            self.depth -= 1
            self.tokens.append(char)
        elif char == ")":
            raise self._fault("no parenthesis is open, found ')'")
        elif match := _DECIMALS.match(self.text, self.position):
            self._read_decimals(match)
            return
        else:
            raise self._fault(f"expected an operator, one of + - * /, found {self._found()}")
        self.position += 1

    def finish(self) -> Question:
        """Return what has been read. QuestionError where it ends too early or a number has too many decimals."""
        self.position = len(self.text)
        if self.expects_operand:
            raise self._fault("expected a number, found the end")
        self._require_closed()
        most = self.decimals + GUARD_DIGITS
        for position, decimals in self.fractions:
            if decimals > most:
                self.position = position
                raise self._fault(
                    f"a number of {decimals} decimals: at most {most} are taken, {GUARD_DIGITS} more than the answer has"
                )
        return Question("".join(self.tokens), self.decimals)

    def _read_number(self, match: re.Match[str]) -> None:
        whole = (match["whole"] or "").replace(",", "").lstrip("0") or "0"
        fraction = match["only"] or match["fraction"] or ""
        self.digits += len(whole) + len(fraction)
        if self.digits > MAX_DIGITS:
            raise self._fault(f"an expression of {self.digits} digits: at most {MAX_DIGITS} are taken")
        self.fractions.append((self.position, len(fraction)))
        self.tokens.append(f"{whole}.{fraction}" if fraction else whole)
        self.expects_operand = False
        self.position = match.end()

    def _read_decimals(self, match: re.Match[str]) -> None:
        self.decimals = int(match[1])
        if self.decimals > MAX_DECIMALS:
            self.position = match.start(1)
            raise self._fault(f"an answer to {match[1]} decimals: at most {MAX_DECIMALS} are given")
        self._require_closed()
        self.position = match.end()

    def _require_closed(self) -> None:
        if self.depth:
            raise self._fault(f"a parenthesis is open: expected ')', found {self._found()}")

    def _fault(self, message: str) -> QuestionError:
        return QuestionError(message, self.text, self.position)

    def _found(self) -> str:
        return "the end" if self.position >= len(self.text) else repr(self.text[self.position])


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position

"""A whole expression as a person types it, in its plain form: " 1,234.50 * -(.5 + 2) to 4" -> "1234.50*-(0.5+2) to 4".

A question says to how many decimals it is to be answered, unless they are DEFAULT_PLACES. What cannot be understood is a
QuestionError that marks the place.
"""

from __future__ import annotations

import re

from tasks.core.question import OPERATORS
from tasks.sizes import MAX_DIGITS
from tasks.task import QuestionError

DEFAULT_PLACES = 10
"""The digits of the fraction that an answer shows at most, where the question does not say."""
MAX_PLACES = 30
GUARD = 4
"""How many digits of the fraction a page keeps beyond those that the answer shows."""
MAX_OPERATORS = 60
MAX_DEPTH = 30
"""How deep parentheses may stand in each other."""

_NUMBER = re.compile(
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])|[0-9]+)(?:(?P<point>\.)(?P<fraction>[0-9]*))?|\.(?P<only>[0-9]+)"
)
_SPACE = re.compile(r"\s*")
_TO = re.compile(r"(?:rounded\s+)?to\s*([0-9]{1,9})(?:\s+decimals?)?\s*$")
_SUFFIX = " to "


def expression_question(text: str) -> str:
    """The plain form. QuestionError where `text` is no expression, or a longer one than pages are made for."""
    if not text.strip():
        raise QuestionError("empty: expected an expression like (12+34)*5", text, 0)
    reader = _Reader(text)
    while (place := _skip_space(text, reader.place)) < len(text):
        reader.place = place
        reader.operand() if reader.begins else reader.operator()
    return reader.plain()


def split(question: str) -> tuple[str, int]:
    """The expression of a plain question and the decimals of its answer."""
    expression, _, places = question.partition(_SUFFIX)
    return expression, int(places) if places else DEFAULT_PLACES


def joined(expression: str, places: int) -> str:
    """The plain question; the inverse of `split`."""
    return expression if places == DEFAULT_PLACES else f"{expression}{_SUFFIX}{places}"


def says_places(typed: str) -> bool:
    """Whether what is typed says to how many decimals it is to be answered."""
    return _TO.search(typed) is not None


def explicit(question: str) -> str:
    """A plain question that says to how many decimals it is to be answered, also where `joined` would not."""
    expression, places = split(question)
    return f"{expression}{_SUFFIX}{places}"


class _Reader:
    """What has been read so far, up to `place`; without recursion, so that no depth is too much for it."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.read: list[str] = []
        self.begins = True
        """Whether a number or a parenthesis has to come."""
        self.signed = False
        """Whether it has its sign already."""
        self.depth = self.operators = self.digits = 0
        self.fractions: list[tuple[int, int]] = []  # where a number begins, and the digits of its fraction
        self.places = DEFAULT_PLACES

    def operand(self) -> None:
        """A sign, an opening parenthesis or a number."""
        char = self.text[self.place]
        sign = OPERATORS.get(char, "")
        if sign and sign in "+-" and not self.signed:
            self.signed = True
            self.read += ["-"] if sign == "-" else []
        elif char == "(":
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self._fault(f"parentheses stand in each other more than {MAX_DEPTH} deep")
            self.signed = False
            self.read.append(char)
        elif match := _NUMBER.match(self.text, self.place):
            self._number(match)
            return
        elif sign:
            raise self._fault(f"one {'sign' if self.signed else 'operator'} at a time, found {self._shown()}")
        elif char == ")" and self.read[-1:] == ["("]:
            raise self._fault("nothing stands between the parentheses, found ')'")
        else:
            raise self._fault(f"expected a number, found {self._shown()}")
        self.place += 1

    def operator(self) -> None:
        """An operator, a closing parenthesis, or the decimals of the answer."""
        char = self.text[self.place]
        if sign := OPERATORS.get(char):
            self.operators += 1
            if self.operators > MAX_OPERATORS:
                raise self._fault(f"more than {MAX_OPERATORS} operators")
            self.read.append(sign)
            self.begins, self.signed = True, False
        elif char == ")" and self.depth:
            self.depth -= 1
            self.read.append(char)
        elif char == ")":
            raise self._fault("no parenthesis is open, found ')'")
        elif match := _TO.match(self.text, self.place):
            self.places = int(match[1])
            if self.places > MAX_PLACES:
                self.place = match.start(1)
                raise self._fault(f"an answer to {match[1]} decimals: at most {MAX_PLACES} are given")
            self._closed()
            self.place = match.end()
            return
        else:
            raise self._fault(f"expected an operator, one of + - * /, found {self._shown()}")
        self.place += 1

    def plain(self) -> str:
        """All that has been read. QuestionError where it ends too early or has too long a fraction."""
        self.place = len(self.text)
        if self.begins:
            raise self._fault("expected a number, found the end")
        self._closed()
        most = self.places + GUARD
        for place, fraction in self.fractions:
            if fraction > most:
                self.place = place
                raise self._fault(
                    f"a number of {fraction} decimals: at most {most} are taken, {GUARD} more than the answer has"
                )
        return joined("".join(self.read), self.places)

    def _number(self, match: re.Match[str]) -> None:
        whole = (match["whole"] or "").replace(",", "").lstrip("0") or "0"
        fraction = match["only"] or match["fraction"] or ""
        self.digits += len(whole) + len(fraction)
        if self.digits > MAX_DIGITS:
            raise self._fault(f"an expression of {self.digits} digits: at most {MAX_DIGITS} are taken")
        self.fractions.append((self.place, len(fraction)))
        self.read.append(f"{whole}.{fraction}" if fraction else whole)
        self.begins = False
        self.place = match.end()

    def _closed(self) -> None:
        if self.depth:
            raise self._fault(f"a parenthesis is open: expected ')', found {self._shown()}")

    def _fault(self, message: str) -> QuestionError:
        return QuestionError(message, self.text, self.place)

    def _shown(self) -> str:
        return "the end" if self.place >= len(self.text) else repr(self.text[self.place])


def _skip_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place

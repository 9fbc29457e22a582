r"""Conversion from decimal to a base from 2 to 16 and back, worked out digit by digit: short division, and Horner's rule.

    question    base 255 to 16
    page        P255=29^5P015=01^5P000$             reads ff
    question    base ff from 16
    page        P(^5^5=;^5=10P51;^5=920P552;$       reads 255

A letter is the base, the 16th of the alphabet for 16, and `^5` is the one digit 15. Numbers that are divided are written most
significant digit first: `P255=29^5` says that the remainders of 2, 25 and 95, each the remainder before with the next digit, by
16 are 2, 9 and 15, and `P015` that the quotients are 0, 1 and 5, which is the number of the next line; nothing follows when it
is 0. The last remainders of the lines, from the last to the first, are the answer.

A line of `from` begins with a digit, the first of its carries: `;^5=920P552` says that 5*16+15 = 95, 1*16+9 = 25 and 0*16+2 = 2
carry 9, 2 and 0 and leave 5, 5 and 2, which is 255, least significant digit first. After the last digit there is only `;`.

So each character follows from the base and two or three others at fixed distances, by one of 1,350 facts a direction: all are
digit * base + remainder = 10 * carry + digit, read from one side or the other. `^` takes no place (arithgpt/sheet.py), so the
k-th digit of each row stands below the k-th of the row before. The letter that opens a row tells the base in all of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from tasks import sizes
from tasks.core import digits as dg
from tasks.core.named_task import EDGES_SHARE, Line, Worded
from tasks.core.options import parse_length_option
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join, marks
from tasks.core.scratchpad import Row
from tasks.numbers.base_scratchpad import LEAST, LETTERS, MOST, additions, divisions, letters, row
from tasks.sizes import ProblemSize, SizeRange, Span
from tasks.task import STOP, AnswerKind, Pages, Problems

SYMBOLS = "0123456789abcdef"
LONGEST = 20
"""Digits of what is converted: a page has a line for each digit of the one or the other base."""
FORM = "`255`, or `ff` in base 16"
_CODES = np.frombuffer(SYMBOLS.encode("ascii"), np.uint8)
_DIGIT = r"(?:\^[0-5]|[0-9])"
_DIVIDED = re.compile(rf"({_DIGIT}+)[{LETTERS}]([0-9]+)(?:=|$)")
_ADDED = re.compile(rf";{_DIGIT}={_DIGIT}+[{LETTERS}]([0-9]+)")


@dataclass(frozen=True)
class Base(Worded):
    """Options of `base`. ValueError names a field that is out of range."""

    digits: str = "1-3"
    """The digits of the number that is converted, in training."""
    bases: str = "2-16"
    """The other base in training."""
    direction: Literal["both", "to", "from"] = "both"
    """From decimal to the other base, from it to decimal, or either."""

    name: ClassVar[str] = "base"
    summary: ClassVar[str] = "conversion from decimal to another base and back, worked out"
    example: ClassVar[str] = "base 255 to 16"
    answer_format: ClassVar[str] = FORM
    answer_kind: ClassVar[AnswerKind] = "text"
    size_names: ClassVar[tuple[str, str]] = ("digits", "base")
    longest: ClassVar[int] = LONGEST
    piece: ClassVar[str] = "[^;=]*=|[^;=]+|;[^;]*"
    version: ClassVar[int] = 2

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        why = "; no base is 1"
        digits, bases = (
            parse_length_option(self, "digits", "2-8", self.longest, why),
            parse_length_option(self, "bases", "2-8", MOST, why),
        )
        if sizes.left_span(bases)[0] < LEAST:
            raise ValueError(f"bases = {self.bases!r}: must be one range such as 2-8, without x{why}")
        return tuple(SizeRange(long.left, base.left) for long in digits for base in bases)

    @property
    def size_span(self) -> Span:
        """The fewest and the most digits."""
        return sizes.left_span(self.size_ranges)

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """Numbers twice as long and more, in the largest base of training."""
        base = max(box.right[1] for box in self.size_ranges)
        return [(factor * self.size_span[1], base) for factor in sizes.LONGER_BY if factor * self.size_span[1] <= self.longest]

    @property
    def alphabet(self) -> str:
        return "0123456789^=(;" + LETTERS + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return self._made(rng, *sizes.sample(self.size_ranges, rng, n), 0.0)

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: all digits the largest, a power of the base, or one digit over and over."""
        if not (1 <= cell[0] <= self.longest and LEAST <= cell[1] <= MOST):
            raise ValueError(
                f"{sizes.format_size(cell)}: task base asks 1 to {self.longest} digits, base {LEAST} to {MOST}, as in 3x16"
            )
        return self._made(rng, np.full(n, cell[0]), np.full(n, cell[1]), EDGES_SHARE if suite == "edges" else 0.0)

    def _made(self, rng: np.random.Generator, digits: Ints, bases: Ints, patterned: float) -> Problems:
        n, width = len(digits), int(digits.max(initial=1))
        to = rng.random(n) < {"both": 0.5, "to": 1.0, "from": 0.0}[self.direction]
        base = np.where(to, 10, bases)[:, None]
        values = (rng.random((n, width)) * base).astype(np.int64)
        kind = np.where(rng.random(n) < patterned, rng.integers(1, 4, n), 0)[:, None]
        one = np.broadcast_to(np.arange(width) == 0, values.shape)
        values = np.choose(kind, [values, base - 1 + 0 * values, one, values[:, :1] + 0 * values])
        first = np.where(digits > 1, np.maximum(values[:, 0], 1), values[:, 0])
        values = np.concatenate([first[:, None], values[:, 1:]], axis=1)
        repeated = kind[:, 0] == 3
        values[repeated] = first[repeated, None]
        text = Ragged(np.where(np.arange(width) < digits[:, None], _CODES[values], 0).astype(np.uint8), digits)
        ways = Ragged(np.where(to, ord(">"), ord("<")).astype(np.uint8)[:, None], np.ones(n, np.int64))
        return Problems((text, ways, dg.of_array(bases)))

    def pages(self, problems: Problems) -> Pages:
        text, ways, bases = problems.fields
        to, base = ways.values[:, 0] == ord(">"), dg.as_array(bases)
        prompt = self.prompts(problems)
        number = _digits(text)
        divided, added = divisions(number, text.lengths * to, base), additions(number, text.lengths * ~to, base)
        page = join([prompt, *divided, *added, STOP], len(text))
        return Pages(page.values, prompt.lengths, page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        text, ways, bases = problems.fields
        back = ways.values[:, 0] == ord("<")
        digits = row(_digits(text), text.filled)
        return join([letters(dg.as_array(bases), np.ones(len(text), bool)), marks("(", back), *digits, "="], len(text))

    def what(self, reader: Reader) -> str:
        number = reader.take("[0-9A-Fa-f]+", "a number and to or from a base, as in base 255 to 16").lower().lstrip("0") or "0"
        place = reader.place
        way = reader.take("to|from", "to or from")
        base = reader.number()
        if not LEAST <= int(base) <= MOST:
            raise reader.fault(f"a base from {LEAST} to {MOST} is taken, not {base[:20]}", reader.place - len(base))
        if len(number) > LONGEST:
            raise reader.fault(f"{len(number)} digits: at most {LONGEST} are taken", place - 1)
        known = SYMBOLS[: 10 if way == "to" else int(base)]
        if any(char not in known for char in number):
            raise reader.fault(f"digits must be {known[0]} to {known[-1]} here", place - 1)
        return f"{number} {way} {base}"

    def extract(self, written: str, question: str) -> str | None:
        if " from " in question:
            found = list(_ADDED.finditer(written))
            whole = "".join(line[0] for line in found) + ";"
            return found[-1][1][::-1] if found and whole == written else None
        found = list(_DIVIDED.finditer(written))
        whole = "".join(line[0] for line in found)
        if not found or whole != written or written.endswith("="):
            return None
        return "".join(SYMBOLS[_read_digits(line[1])[-1]] for line in reversed(found))

    def answer(self, question: str) -> str:
        number, way, base = self._asked(question)
        if way == "from":
            return str(int(number, base))
        value, text = int(number), ""
        while value or not text:
            value, digit = divmod(value, base)
            text = SYMBOLS[digit] + text
        return text

    def lines(self, question: str) -> list[Line]:
        number, way, base = self._asked(question)
        return _added_lines(number, base) if way == "from" else _divided_lines(int(number), base)

    def rows(self, question: str, written: str) -> list[Row]:
        return [shown for shown in super().rows(question, written) if shown.text]  # the last `;` says nothing

    def shown(self, line: str) -> str:
        """`15   255`: the digit of a line, and the number that it leaves, or leads to."""
        if line.startswith(";"):
            digit, _, rest = line[1:].partition("=")
            return f"{_shown(digit):>2}   {re.sub('.*[A-Z]', '', rest)[::-1]}".rstrip()
        rests, _, quotients = re.sub("[A-Z]", " ", line.rstrip("="), count=1).partition(" ")
        last = (re.findall(_DIGIT, rests) or [""])[-1]
        return f"{_shown(last):>2}   {quotients.lstrip('0') or quotients[:1]}".rstrip()

    def _asked(self, question: str) -> tuple[str, str, int]:
        number, way, base = self.asks(question).split(" ")
        return number, way, int(base)

    def questions(self, problems: Problems) -> list[str]:
        text, ways, bases = problems.fields
        columns = zip(text.to_strings(), ways.to_strings(), dg.to_strings(bases), strict=True)
        return [f"{self.name} {number} {'to' if way == '>' else 'from'} {base}" for number, way, base in columns]

    def problems(self, questions: Sequence[str]) -> Problems:
        numbers, ways, bases = zip(*(self.asks(question).split(" ") for question in questions), strict=True)
        marks_ = [">" if way == "to" else "<" for way in ways]
        return Problems((Ragged.from_strings(numbers), Ragged.from_strings(marks_), dg.from_strings(bases)))

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The digits of what is converted, and the base."""
        text, _, bases = problems.fields
        return text.lengths, dg.as_array(bases)

    def can_hold_out(self, problems: Problems) -> np.ndarray:
        """Where there are a thousand at least of a length, in this base and in decimal."""
        text, _, bases = problems.fields
        return text.lengths * np.log(np.minimum(dg.as_array(bases), 10)) >= np.log(1000) - 1e-9

    @property
    def split_rule(self) -> str:
        return super().split_rule.replace(
            f"with fewer than {self.least_held_out} characters in all", "of lengths of which there are fewer than 1,000"
        )


def _digits(text: Ragged) -> Ints:
    """What the digits of the typed numbers are worth, int64 (n, w)."""
    codes = text.values.astype(np.int64)
    return np.where(codes >= ord("a"), codes - ord("a") + 10, np.maximum(codes - ord("0"), 0))


def _read_digits(text: str) -> list[int]:
    return [int(digit.replace("^", "1")) for digit in re.findall(_DIGIT, text)]


def _shown(text: str) -> str:
    """A digit of the page for people: `^5` is 15."""
    return text.replace("^", "1")


def _written(digit: int) -> str:
    return f"^{digit - 10}" if digit > 9 else str(digit)


def _divided_lines(value: int, base: int) -> list[Line]:
    found, width, letter = [], len(str(value)), LETTERS[base - LEAST]
    while True:
        starts = [int(str(value).zfill(width)[:k]) for k in range(1, width + 1)]
        rests = "".join(_written(start % base) for start in starts)
        quotient = str(value // base).zfill(width)
        end = "=" * (value >= base)
        found.append(Line(f"{rests}{letter}{quotient}{end}", f"{value} is {value // base} * {base} + {value % base}"))
        if value < base:
            return found
        value //= base


def _added_lines(number: str, base: int) -> list[Line]:
    found, letter = [], LETTERS[base - LEAST]
    for k, char in enumerate(number, 1):
        before, digit, value = int(number[: k - 1] or "0", base), int(char, 16), int(number[:k], base)
        carries = [((before % 10**place) * base + digit) // 10**place for place in range(1, len(str(value)) + 1)]
        text = f";{_written(digit)}={''.join(map(_written, carries))}{letter}{str(value)[::-1]}"
        found.append(Line(text, f"{number[:k]} in base {base} is {value}"))
    return [*found, Line(";", "no digit is left")]

"""Conversion from decimal to a base from 2 to 16 and back, worked out by repeated division or by Horner's rule.

    question    base 255 to 16
    page        61>552=51_51,51_0$          reads ff
    question    base ff from 16
    page        61<51.51=51_51,51_552$      reads 255

Numbers on the page are decimal, least significant digit first, and so are digits of the other base: f is 15. A line of `to` is
the remainder and the quotient of the quotient before; the remainders, from the last to the first, are the answer. A line of
`from` is a digit, and 16 times the number so far with this digit added. What a line says is written in one go, so longer
numbers than those of training are not to be expected.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from tasks import digits as dg
from tasks import lengths
from tasks.base import STOP, Pages, Problems, register
from tasks.lengths import Box, Cell
from tasks.question import Reader
from tasks.ragged import Ints, Ragged, join, marks, only
from tasks.worded import EDGES_SHARE, Line, Worded

SYMBOLS = "0123456789abcdef"
LEAST, MOST = 2, len(SYMBOLS)
LONGEST = {"to": 18, "from": 15}
"""Digits of what is converted: it fits into 64 bits."""
FORM = "`255`, or `ff` in base 16"
_CODES = np.frombuffer(SYMBOLS.encode("ascii"), np.uint8)
_LINE = re.compile(r"(?P<one>[0-9]{1,2})_(?P<other>[0-9]+)(?:,|$)")


@register
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
    sample: ClassVar[str] = "base 255 to 16"
    answers: ClassVar[str] = FORM
    free_text: ClassVar[bool] = True
    counts: ClassVar[tuple[str, str]] = ("digits", "base")
    longest: ClassVar[int] = min(LONGEST.values())
    piece: ClassVar[str] = "[^,]*,|[^,]+"

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        why = "; no base is 1"
        digits, bases = self.ranges_of("digits", "2-8", self.longest, why), self.ranges_of("bases", "2-8", MOST, why)
        if lengths.left_span(bases)[0] < LEAST:
            raise ValueError(f"bases = {self.bases!r}: must be one range such as 2-8, without x{why}")
        return tuple(Box(long.left, base.left) for long in digits for base in bases)

    @property
    def span(self) -> tuple[int, int]:
        """The fewest and the most digits."""
        return lengths.left_span(self.boxes)

    @property
    def beyond(self) -> list[Cell]:
        """Numbers twice as long and more, in the largest base of training."""
        base = max(box.right[1] for box in self.boxes)
        return [(factor * self.span[1], base) for factor in lengths.LONG if factor * self.span[1] <= self.longest]

    @property
    def alphabet(self) -> str:
        return "0123456789><.=_," + STOP

    def draw(self, rng: np.random.Generator, n: int) -> Problems:
        return self._made(rng, *lengths.draw(self.boxes, rng, n), 0.0)

    def draw_suite(self, rng: np.random.Generator, n: int, cell: Cell, suite: str) -> Problems:
        """`edges`: all digits the largest, a power of the base, or one digit over and over."""
        if not (1 <= cell[0] <= self.longest and LEAST <= cell[1] <= MOST):
            raise ValueError(
                f"{lengths.shown(cell)}: task base asks 1 to {self.longest} digits by a base from {LEAST} to {MOST}, as in 3x16"
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
        to, base, n = ways.values[:, 0] == ord(">"), dg.as_array(bases), len(text)
        prompt = self.prompts(problems)
        digits, parts = _digits(text), [prompt]
        value, here = _value(digits, text.lengths, np.full(n, 10)), to.copy()
        while here.any():
            value, rest = np.where(here, value // base, value), value % base
            parts += _line(rest, value, here, value == 0)
            here &= value > 0
        value = np.zeros(n, np.int64)
        for k in range(text.values.shape[1]):
            here = ~to & (k < text.lengths)
            value = np.where(here, value * base + digits[:, k], value)
            parts += _line(digits[:, k], value, here, k == text.lengths - 1)
        page = join(parts, n)
        return Pages(page.values, prompt.lengths, page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        text, ways, bases = problems.fields
        to, digits = ways.values[:, 0] == ord(">"), _digits(text)
        decimal = only(dg.reverse(text), to)
        parts: list[Ragged | str] = [dg.characters(bases), ways, decimal]
        for k in range(text.values.shape[1]):
            here = ~to & (k < text.lengths)
            parts += [marks(".", here & (k > 0)), only(dg.characters(dg.of_array(digits[:, k] * here)), here)]
        return join([*parts, "="], len(text))

    def what(self, reader: Reader) -> str:
        number = reader.take("[0-9A-Fa-f]+", "a number and to or from a base, as in base 255 to 16").lower().lstrip("0") or "0"
        place = reader.place
        way = reader.take("to|from", "to or from")
        base = reader.number()
        if not LEAST <= int(base) <= MOST:
            raise reader.fault(f"a base from {LEAST} to {MOST} is taken, not {base[:20]}", reader.place - len(base))
        if len(number) > LONGEST[way]:
            raise reader.fault(f"{len(number)} digits: at most {LONGEST[way]} are taken", place - 1)
        known = SYMBOLS[: 10 if way == "to" else int(base)]
        if any(char not in known for char in number):
            raise reader.fault(f"digits must be {known[0]} to {known[-1]} here", place - 1)
        return f"{number} {way} {base}"

    def read(self, written: str, question: str) -> str | None:
        found = list(_LINE.finditer(written))
        if not found or "".join(line[0] for line in found) != written or written.endswith(","):
            return None
        if " from " in question:
            return found[-1]["other"][::-1]
        digits = [int(line["one"][::-1]) for line in reversed(found)]
        return "".join(SYMBOLS[digit] for digit in digits) if max(digits) < MOST else None

    def truth(self, question: str) -> str:
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
        found = []
        if way == "from":
            for k, char in enumerate(number, 1):
                said = f"{number[:k]} in base {base} is {int(number[:k], base)}"
                found.append((int(char, 16), int(number[:k], base), said))
        else:
            value = int(number)
            for digit in reversed(self.truth(question)):
                said = f"{value} is {value // base} * {base} + {value % base}"
                value //= base
                found.append((int(digit, 16), value, said))
        ends = [","] * (len(found) - 1) + [""]
        return [
            Line(f"{str(one)[::-1]}_{str(other)[::-1]}{end}", said) for (one, other, said), end in zip(found, ends, strict=True)
        ]

    def shown(self, line: str) -> str:
        one, _, other = line.rstrip(",").partition("_")
        return f"{one[::-1]:>2}   {other[::-1]}"

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

    def digits_of(self, problems: Problems) -> tuple[Ints, Ints]:
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


def _value(digits: Ints, length: Ints, base: Ints) -> Ints:
    """The numbers that these digits, most significant first, are in each base."""
    value = np.zeros(len(digits), np.int64)
    for k, column in enumerate(digits.T):
        value = np.where(k < length, value * base + column, value)
    return value


def _line(one: Ints, other: Ints, here: np.ndarray, last: np.ndarray) -> list[Ragged | str]:
    left, right = (only(dg.characters(dg.of_array(number * here)), here) for number in (one, other))
    return [left, marks("_", here), right, marks("," + STOP, here, last)]

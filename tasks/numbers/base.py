r"""Convert numbers from decimal to a base from 2 to 16 and back, worked out digit by digit: short division, and Horner's rule.

    question    base 255 to 16
    page        P255=29^5P015=01^5P000$             reads ff
    question    base ff from 16
    page        P(^5^5=;^5=10P51;^5=920P552;$       reads 255

A letter is the base: the 16th of the alphabet for 16. `^5` is the one digit 15. Numbers that are divided are written most
significant digit first: `P255=29^5` says that the remainders of 2, 25 and 95, each the remainder before with the next digit, by
16 are 2, 9 and 15. `P015` says that the quotients are 0, 1 and 5, which is the number of the next line; nothing follows if it
is 0. The answer is the last remainder of each line, from the last line to the first.

A line of `from` begins with a digit, which is the first of its carries: `;^5=920P552` says that 5*16+15 = 95, 1*16+9 = 25 and
0*16+2 = 2 carry 9, 2 and 0 and leave 5, 5 and 2, which is 255, least significant digit first. The last line is only `;`.

So each character follows from the base and two or three others at fixed distances, by one of 1,350 facts a direction. All are
digit * base + remainder = 10 * carry + digit, read from one side or the other. `^` takes no place, so the k-th digit of each
row stands below the k-th of the row before. The letter that opens a row tells the base in all of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.core import digits as dg
from tasks.core.named_task import EDGES_SHARE, NamedTask, ScratchpadLine
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join, marks
from tasks.core.scratchpad import Row
from tasks.numbers.base_scratchpad import (
    BASE_LETTERS,
    MAX_BASE,
    MIN_BASE,
    TEN,
    base_letter,
    digit_parts,
    division_lines,
    horner_lines,
    letter_part,
    page_digit,
    read_digits,
)
from tasks.page_grammar import DIGITS, EQUALS, NEW_LINE, STOP
from tasks.sizes import ProblemSize, SizeRange, Span, parse_length_option
from tasks.task import AnswerKind, Pages, Problems

SYMBOLS = "0123456789abcdef"
MAX_LENGTH = 20
"""The digits of what is converted: a page has a line for each digit of the one or the other base."""
TO_DECIMAL = "("
"""Stands after the letter of the base where the number is converted to decimal."""
_CODES = np.frombuffer(SYMBOLS.encode("ascii"), np.uint8)
_PAGE_DIGIT = r"(?:\^[0-5]|[0-9])"
_DIVISION_LINE = re.compile(rf"({_PAGE_DIGIT}+)[{BASE_LETTERS}]([0-9]+)(?:=|$)")
_HORNER_LINE = re.compile(rf";{_PAGE_DIGIT}={_PAGE_DIGIT}+[{BASE_LETTERS}]([0-9]+)")


@dataclass(frozen=True)
class Base(NamedTask):
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
    answer_format: ClassVar[str] = "`255`, or `ff` in base 16"
    answer_kind: ClassVar[AnswerKind] = "text"
    size_names: ClassVar[tuple[str, str]] = ("digits", "base")
    max_length: ClassVar[int] = MAX_LENGTH
    line_pattern: ClassVar[str] = "[^;=]*=|[^;=]+|;[^;]*"
    version: ClassVar[int] = 2

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        why = "; no base is 1"
        lengths = parse_length_option(self, "digits", "2-8", self.max_length, why)
        bases = parse_length_option(self, "bases", "2-8", MAX_BASE, why)
        if sizes.left_span(bases)[0] < MIN_BASE:
            raise ValueError(f"bases = {self.bases!r}: must be one range such as 2-8, without x{why}")
        return tuple(SizeRange(length.left, base.left) for length in lengths for base in bases)

    @property
    def size_span(self) -> Span:
        """The fewest and the most digits."""
        return sizes.left_span(self.size_ranges)

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """Numbers twice as long and more, in the largest base of training."""
        base = max(size_range.right[1] for size_range in self.size_ranges)
        lengths = (factor * self.size_span.high for factor in sizes.LONGER_BY)
        return [ProblemSize(length, base) for length in lengths if length <= self.max_length]

    @property
    def alphabet(self) -> str:
        return DIGITS + TEN + EQUALS + TO_DECIMAL + NEW_LINE + BASE_LETTERS + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return self._sample_sizes(rng, *sizes.sample(self.size_ranges, rng, n), pattern_share=0.0)

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one size; `edges`: all digits the largest, a power of the base, or one digit repeated."""
        digits, base = size
        if not (1 <= digits <= self.max_length and MIN_BASE <= base <= MAX_BASE):
            raise ValueError(
                f"{sizes.format_size(size)}: task base asks 1 to {self.max_length} digits "
                f"by a base from {MIN_BASE} to {MAX_BASE}, as in 3x16"
            )
        pattern_share = EDGES_SHARE if suite == "edges" else 0.0
        return self._sample_sizes(rng, np.full(n, digits), np.full(n, base), pattern_share)

    def _sample_sizes(self, rng: np.random.Generator, lengths: Ints, bases: Ints, pattern_share: float) -> Problems:
        """Sample one problem for each length and base; int64 (n,) each."""
        n, width = len(lengths), int(lengths.max(initial=1))
        to_base = rng.random(n) < {"both": 0.5, "to": 1.0, "from": 0.0}[self.direction]
        base = np.where(to_base, 10, bases)[:, None]  # that the number is written in
        digits = (rng.random((n, width)) * base).astype(np.int64)
        kind = np.where(rng.random(n) < pattern_share, rng.integers(1, 4, n), 0)[:, None]
        largest, power = np.broadcast_to(base - 1, digits.shape), np.broadcast_to(np.arange(width) == 0, digits.shape)
        repeated = np.broadcast_to(digits[:, :1], digits.shape)
        digits = np.choose(kind, [digits, largest, power, repeated])
        digits[:, 0] = np.where(lengths > 1, np.maximum(digits[:, 0], 1), digits[:, 0])
        digits = np.where(kind == 3, digits[:, :1], digits)
        text = Ragged(np.where(np.arange(width) < lengths[:, None], _CODES[digits], 0).astype(np.uint8), lengths)
        ways = Ragged(np.where(to_base, ord(">"), ord("<")).astype(np.uint8)[:, None], np.ones(n, np.int64))
        return Problems((text, ways, dg.from_array(bases)))

    def pages(self, problems: Problems) -> Pages:
        text, ways, bases = problems.fields
        to_base, base = ways.values[:, 0] == ord(">"), dg.to_array(bases)
        digits = _digit_values(text)
        divisions = division_lines(digits, text.lengths * to_base, base)
        additions = horner_lines(digits, text.lengths * ~to_base, base)
        return Pages.join(self.prompts(problems), [*divisions, *additions, STOP])

    def prompts(self, problems: Problems) -> Ragged:
        text, ways, bases = problems.fields
        n = len(text)
        letter = letter_part(dg.to_array(bases), np.ones(n, bool))
        to_decimal = marks(TO_DECIMAL, ways.values[:, 0] == ord("<"))
        return join([letter, to_decimal, *digit_parts(_digit_values(text), text.filled), EQUALS], n)

    def parse_argument(self, reader: Reader) -> str:
        number = reader.take("[0-9A-Fa-f]+", "a number and to or from a base, as in base 255 to 16").lower().lstrip("0") or "0"
        place = reader.place
        way = reader.take("to|from", "to or from")
        base = reader.number()
        if not MIN_BASE <= int(base) <= MAX_BASE:
            message = f"a base from {MIN_BASE} to {MAX_BASE} is taken, not {base[:20]}"
            raise reader.fault(message, reader.place - len(base))
        if len(number) > MAX_LENGTH:
            raise reader.fault(f"{len(number)} digits: at most {MAX_LENGTH} are taken", place - 1)
        allowed = SYMBOLS[: 10 if way == "to" else int(base)]
        if any(char not in allowed for char in number):
            raise reader.fault(f"digits must be {allowed[0]} to {allowed[-1]} here", place - 1)
        return f"{number} {way} {base}"

    def extract(self, completion: str, question: str) -> str | None:
        if " from " in question:
            lines = list(_HORNER_LINE.finditer(completion))
            complete = "".join(line[0] for line in lines) + NEW_LINE == completion
            return lines[-1][1][::-1] if lines and complete else None
        lines = list(_DIVISION_LINE.finditer(completion))
        complete = "".join(line[0] for line in lines) == completion and not completion.endswith(EQUALS)
        return "".join(SYMBOLS[read_digits(line[1])[-1]] for line in reversed(lines)) if lines and complete else None

    def answer(self, question: str) -> str:
        number, way, base = self._parts(question)
        if way == "from":
            return str(int(number, base))
        value, text = int(number), ""
        while value or not text:
            value, digit = divmod(value, base)
            text = SYMBOLS[digit] + text
        return text

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        number, way, base = self._parts(question)
        return _expected_horner_lines(number, base) if way == "from" else _expected_division_lines(int(number), base)

    def render_lines(self, question: str, completion: str) -> list[Row]:
        return [row for row in super().render_lines(question, completion) if row.text]  # the last `;` says nothing

    def line_text(self, line: str) -> str:
        """Return `15   255`: the digit of a line, and the number that it leaves, or leads to."""
        if line.startswith(NEW_LINE):
            digit, _, rest = line[1:].partition(EQUALS)
            return f"{digit.replace(TEN, '1'):>2}   {re.sub('.*[A-Z]', '', rest)[::-1]}".rstrip()
        rests, _, quotients = re.sub("[A-Z]", " ", line.rstrip(EQUALS), count=1).partition(" ")
        last = (re.findall(_PAGE_DIGIT, rests) or [""])[-1]
        return f"{last.replace(TEN, '1'):>2}   {quotients.lstrip('0') or quotients[:1]}".rstrip()

    def _parts(self, question: str) -> tuple[str, str, int]:
        number, way, base = self.argument(question).split(" ")
        return number, way, int(base)

    def questions(self, problems: Problems) -> list[str]:
        text, ways, bases = problems.fields
        columns = zip(text.to_strings(), ways.to_strings(), dg.to_strings(bases), strict=True)
        return [f"{self.name} {number} {'to' if way == '>' else 'from'} {base}" for number, way, base in columns]

    def problems(self, questions: Sequence[str]) -> Problems:
        numbers, ways, bases = zip(*(self.argument(question).split(" ") for question in questions), strict=True)
        way_marks = [">" if way == "to" else "<" for way in ways]
        return Problems((Ragged.from_strings(numbers), Ragged.from_strings(way_marks), dg.from_strings(bases)))

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The digits of what is converted, and the base."""
        text, _, bases = problems.fields
        return text.lengths, dg.to_array(bases)

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        """Whether there are a thousand numbers of this length, in this base and in decimal."""
        text, _, bases = problems.fields
        smaller_base = np.minimum(dg.to_array(bases), 10).astype(np.float64)
        enough: NDArray[np.bool_] = text.lengths * np.log(smaller_base) >= np.log(1000) - 1e-9
        return enough

    @property
    def split_rule(self) -> str:
        return super().split_rule.replace(
            f"with fewer than {self.min_held_out_length} characters in all", "of lengths of which there are fewer than 1,000"
        )


def _digit_values(text: Ragged) -> Ints:
    """Return the values of the digits of typed numbers; int64 (n, w)."""
    codes = text.values.astype(np.int64)
    return np.where(codes >= ord("a"), codes - ord("a") + 10, np.maximum(codes - ord("0"), 0))


def _expected_division_lines(value: int, base: int) -> list[ScratchpadLine]:
    lines, width, letter = [], len(str(value)), base_letter(base)
    while True:
        prefixes = [int(str(value).zfill(width)[:k]) for k in range(1, width + 1)]
        rests = "".join(page_digit(prefix % base) for prefix in prefixes)
        quotient = str(value // base).zfill(width)
        end = EQUALS * (value >= base)
        why = f"{value} is {value // base} * {base} + {value % base}"
        lines.append(ScratchpadLine(f"{rests}{letter}{quotient}{end}", why))
        if value < base:
            return lines
        value //= base


def _expected_horner_lines(number: str, base: int) -> list[ScratchpadLine]:
    lines, letter = [], base_letter(base)
    for k, char in enumerate(number, 1):
        before, digit, value = int(number[: k - 1] or "0", base), int(char, 16), int(number[:k], base)
        carries = [((before % 10**place) * base + digit) // 10**place for place in range(1, len(str(value)) + 1)]
        text = f";{page_digit(digit)}={''.join(map(page_digit, carries))}{letter}{str(value)[::-1]}"
        lines.append(ScratchpadLine(text, f"{number[:k]} in base {base} is {value}"))
    return [*lines, ScratchpadLine(NEW_LINE, "no digit is left")]

"""String rewriting: rules are applied to a string one at a time, always as far left as possible, until none applies.

    question    rewrite ba>ab,cc>b:cba
    page        21>12.33>2?321=321,312$         reads cab

Letters a to d are digits 1 to 4 on the page. The working is the string, and then the string after each step. Where several
rules apply at the same place, the first of the list does. A string copies the one before it place by place up to where the rule
applies, and from there on as far shifted as the rule lengthens or shortens it. After `steps` steps it ends, whether a rule
applies or not.

Problem by problem, as each line depends on the one before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from tasks import sizes
from tasks.core.named_task import EDGES_SHARE, Line, OneByOne
from tasks.core.options import parse_length_option
from tasks.core.question import Reader
from tasks.core.ragged import Ints
from tasks.sizes import ProblemSize, SizeRange
from tasks.task import STOP, AnswerKind, Problems

LETTERS = "abcd"
MOST_RULES, MOST_STEPS = 8, 100
SIDE = 2  # letters of a side of a rule, at most
LONGEST = 200
_TO_PAGE = str.maketrans(LETTERS + ",:", "1234.?")
_FROM_PAGE = str.maketrans("1234", LETTERS)


@dataclass(frozen=True)
class Rewrite(OneByOne):
    """Options of `rewrite`. ValueError names a field that is out of range."""

    digits: str = "2-6"
    """The lengths of strings in training (tasks/lengths.py)."""
    rules: str = "1-3"
    """How many rules there are in training."""
    steps: int = 6
    """After so many steps it ends."""
    hit_share: float = 0.7
    """The share of rules in training whose left side is a piece of the string."""

    name: ClassVar[str] = "rewrite"
    summary: ClassVar[str] = "a string rewritten by rules, step by step"
    example: ClassVar[str] = "rewrite ba>ab,cc>b:cba"
    answer_format: ClassVar[str] = "a string"
    answer_kind: ClassVar[AnswerKind] = "text"
    size_names: ClassVar[tuple[str, str]] = ("letters", "rules")
    longest: ClassVar[int] = LONGEST
    piece: ClassVar[str] = "[^,]*,|[^,]+"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"steps = {self.steps}: must be from 1 to {MOST_STEPS}")

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        sides = parse_length_option(self, "digits", "2-6", LONGEST), parse_length_option(self, "rules", "2-6", MOST_RULES)
        return tuple(SizeRange(letters.left, rules.left) for letters in sides[0] for rules in sides[1])

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """Strings twice as long and more, with as many rules as in training."""
        rules = max(box.right[1] for box in self.size_ranges)
        return [(factor * self.size_span[1], rules) for factor in sizes.LONGER_BY if factor * self.size_span[1] <= LONGEST]

    @property
    def alphabet(self) -> str:
        return "0123456789>.?=," + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        cells = zip(*(side.tolist() for side in sizes.sample(self.size_ranges, rng, n)), strict=True)
        return self.posed([_system(rng, *cell, self.hit_share) for cell in cells])

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: mostly strings of two letters, and rules that apply over and over or hardly ever."""
        if not (1 <= cell[0] <= LONGEST and 1 <= cell[1] <= MOST_RULES):
            raise ValueError(
                f"{sizes.format_size(cell)}: 1 to {LONGEST} letters and 1 to {MOST_RULES} rules are asked, as in 6x3"
            )
        if suite != "edges":
            return self.posed([_system(rng, *cell, self.hit_share) for _ in range(n)])
        few = ((LETTERS[:2], round(rng.random())) if rng.random() < EDGES_SHARE else (LETTERS, 0.5) for _ in range(n))
        return self.posed([_system(rng, *cell, hits, letters) for letters, hits in few])

    def prompt(self, text: str) -> str:
        return text.translate(_TO_PAGE) + "="

    def working(self, text: str) -> str:
        return ",".join(string.translate(_TO_PAGE) for string in _strings(text, self.steps))

    def what(self, reader: Reader) -> str:
        side = f"one or two of the letters {LETTERS[0]} to {LETTERS[-1]}"
        rules: dict[str, str] = {}
        while True:
            left = reader.take(f"[{LETTERS}]{{1,{SIDE}}}", f"the left side of a rule, {side}")
            if left in rules:
                raise reader.fault(f"a second rule for {left}", reader.place - len(left))
            reader.take(">", "> and the right side of the rule")
            rules[left] = reader.take(f"[{LETTERS}]{{1,{SIDE}}}", f"the right side of a rule, {side}")
            if len(rules) > MOST_RULES:
                raise reader.fault(f"at most {MOST_RULES} rules are taken", reader.place - 1)
            if reader.take("[,:]", ", and one more rule, or : and a string") == ":":
                break
        string = reader.string(f"[{LETTERS}]+", f"a string of the letters {LETTERS[0]} to {LETTERS[-1]}", LONGEST)
        return f"{','.join(f'{left}>{right}' for left, right in rules.items())}:{string}"

    def extract(self, written: str, question: str) -> str | None:
        if not re.fullmatch("[1-4]+(?:,[1-4]+)*", written):
            return None
        return written.rpartition(",")[2].translate(_FROM_PAGE)

    def answer(self, question: str) -> str:
        return self._told(question)[-1]

    def lines(self, question: str) -> list[Line]:
        told = self._told(question)
        ends = [","] * (len(told) - 1) + [""]
        said = ["the string", *(f"{told[k][:20]} rewritten" for k in range(len(told) - 1))]
        return [Line(text.translate(_TO_PAGE) + end, why) for text, end, why in zip(told, ends, said, strict=True)]

    def _told(self, question: str) -> list[str]:
        """The string and what becomes of it, by regular expressions: they too look from the left, and at rules in order."""
        listed, _, string = self.asks(question).partition(":")
        rules = dict(rule.split(">") for rule in listed.split(","))
        told = [string]
        for _ in range(self.steps):
            string, hits = re.subn("|".join(rules), lambda match: rules[match[0]], string, count=1)
            if not hits:
                break
            told.append(string)
        return told

    def shown(self, line: str) -> str:
        return line.rstrip(",").translate(_FROM_PAGE)

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The letters of the string, and the rules."""
        text = problems.fields[0]
        colon = (text.values == ord(":")).argmax(axis=1)
        return text.lengths - colon - 1, (text.values == ord(">")).sum(axis=1)

    def can_hold_out(self, problems: Problems) -> np.ndarray:
        return self.sizes_of(problems)[0] >= 3  # with one rule there are 25,600 of them

    @property
    def split_rule(self) -> str:
        return super().split_rule.replace(f"{self.least_held_out} characters in all", "3 letters")


def _system(rng: np.random.Generator, letters: int, rules: int, hits: float, symbols: str = LETTERS) -> str:
    """A random string, and different rules; a share `hits` of their left sides are pieces of the string if it has as many."""

    def some(length: int) -> str:
        return "".join(symbols[k] for k in rng.integers(0, len(symbols), length))

    string, found = some(letters), {}
    while len(found) < rules:
        size = 1 if rng.random() < 0.2 else SIDE
        start = int(rng.integers(0, max(1, letters - size + 1)))
        left = string[start : start + size] if rng.random() < hits else "".join(rng.choice(list(LETTERS), size))
        if left in found:
            left = "".join(rng.choice(list(LETTERS), SIDE))
        found.setdefault(left, some(int(rng.integers(1, SIDE + 1))))
    return f"{','.join(f'{left}>{right}' for left, right in found.items())}:{string}"


def _strings(text: str, steps: int) -> list[str]:
    """The string and what becomes of it."""
    listed, _, string = text.partition(":")
    rules = [rule.split(">") for rule in listed.split(",")]
    strings = [string]
    while len(strings) <= steps:
        places = [(string.find(left), k) for k, (left, _) in enumerate(rules) if left in string]
        if not places:
            break
        place, k = min(places)
        left, right = rules[k]
        string = string[:place] + right + string[place + len(left) :]
        strings.append(string)
    return strings

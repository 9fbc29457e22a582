"""Rewrite a string by rules, one step at a time and as far left as possible, until no rule applies.

    question    rewrite ba>ab,cc>b:cba
    page        21>12.33>2?321=321,312$         reads cab

The letters a to d are the digits 1 to 4 on the page. The scratchpad is the string, and then the string after each step. Where
several rules apply at the same place, the first in the list does. A string copies the one before it place by place up to where
the rule applies; from there on it is shifted as far as the rule lengthens or shortens it. It ends after `steps` steps, whether
a rule applies or not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.core.named_task import EDGES_SHARE, PageByPageTask, ScratchpadLine
from tasks.core.question import Reader
from tasks.core.ragged import Ints
from tasks.page_grammar import DIGITS, EQUALS, STOP
from tasks.sizes import ProblemSize, SizeRange, parse_length_option
from tasks.task import AnswerKind, Problems

LETTERS = "abcd"
MAX_RULES, MAX_STEPS = 8, 100
MAX_SIDE = 2
"""The most letters of a side of a rule."""
MAX_LENGTH = 200
"""The most letters of a string that is asked."""
_TO_PAGE = str.maketrans(LETTERS + ",:", "1234.?")
_FROM_PAGE = str.maketrans("1234", LETTERS)


@dataclass(frozen=True)
class Rewrite(PageByPageTask):
    """Options of `rewrite`. ValueError names a field that is out of range."""

    digits: str = "2-6"
    """The lengths of strings in training, as in 2-6."""
    rules: str = "1-3"
    """How many rules there are in training."""
    steps: int = 6
    """The most steps."""
    hit_share: float = 0.7
    """The share of rules in training whose left side is a piece of the string."""

    name: ClassVar[str] = "rewrite"
    summary: ClassVar[str] = "a string rewritten by rules, step by step"
    example: ClassVar[str] = "rewrite ba>ab,cc>b:cba"
    answer_format: ClassVar[str] = "a string"
    answer_kind: ClassVar[AnswerKind] = "text"
    size_names: ClassVar[tuple[str, str]] = ("letters", "rules")
    max_length: ClassVar[int] = MAX_LENGTH
    line_pattern: ClassVar[str] = "[^,]*,|[^,]+"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps = {self.steps}: must be from 1 to {MAX_STEPS}")

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        lengths = parse_length_option(self, "digits", "2-6", MAX_LENGTH)
        rules = parse_length_option(self, "rules", "2-6", MAX_RULES)
        return tuple(SizeRange(length.left, rule.left) for length in lengths for rule in rules)

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """Strings twice as long and more, with as many rules as in training."""
        rules = max(size_range.right[1] for size_range in self.size_ranges)
        lengths = (factor * self.size_span.high for factor in sizes.LONGER_BY)
        return [ProblemSize(length, rules) for length in lengths if length <= MAX_LENGTH]

    @property
    def alphabet(self) -> str:
        return DIGITS + ">.?" + EQUALS + "," + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        letters, rules = (counts.tolist() for counts in sizes.sample(self.size_ranges, rng, n))
        return self.problems_from([_sample_system(rng, *pair, self.hit_share) for pair in zip(letters, rules, strict=True)])

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one size; `edges`: most strings have two letters, and rules apply all the time or rarely."""
        letters, rules = size
        if not (1 <= letters <= MAX_LENGTH and 1 <= rules <= MAX_RULES):
            raise ValueError(
                f"{sizes.format_size(size)}: 1 to {MAX_LENGTH} letters and 1 to {MAX_RULES} rules are asked, as in 6x3"
            )
        if suite != "edges":
            return self.problems_from([_sample_system(rng, letters, rules, self.hit_share) for _ in range(n)])
        arguments = []
        for _ in range(n):
            is_edge = rng.random() < EDGES_SHARE
            symbols, hit_share = (LETTERS[:2], float(round(rng.random()))) if is_edge else (LETTERS, 0.5)
            arguments.append(_sample_system(rng, letters, rules, hit_share, symbols))
        return self.problems_from(arguments)

    def prompt_of(self, argument: str) -> str:
        return argument.translate(_TO_PAGE) + EQUALS

    def scratchpad_of(self, argument: str) -> str:
        return ",".join(string.translate(_TO_PAGE) for string in _rewritten_strings(argument, self.steps))

    def parse_argument(self, reader: Reader) -> str:
        side = f"one or two of the letters {LETTERS[0]} to {LETTERS[-1]}"
        rules: dict[str, str] = {}
        while True:
            left = reader.take(f"[{LETTERS}]{{1,{MAX_SIDE}}}", f"the left side of a rule, {side}")
            if left in rules:
                raise reader.fault(f"a second rule for {left}", reader.place - len(left))
            reader.take(">", "> and the right side of the rule")
            rules[left] = reader.take(f"[{LETTERS}]{{1,{MAX_SIDE}}}", f"the right side of a rule, {side}")
            if len(rules) > MAX_RULES:
                raise reader.fault(f"at most {MAX_RULES} rules are taken", reader.place - 1)
            if reader.take("[,:]", ", and one more rule, or : and a string") == ":":
                break
        expected = f"a string of the letters {LETTERS[0]} to {LETTERS[-1]}"
        return _format_argument(rules, reader.string(f"[{LETTERS}]+", expected, MAX_LENGTH))

    def extract(self, completion: str, question: str) -> str | None:
        if not re.fullmatch("[1-4]+(?:,[1-4]+)*", completion):
            return None
        return completion.rpartition(",")[2].translate(_FROM_PAGE)

    def answer(self, question: str) -> str:
        return self._expected_strings(question)[-1]

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        strings = self._expected_strings(question)
        lines = []
        for k, string in enumerate(strings):
            end = "," if k < len(strings) - 1 else ""
            why = f"{strings[k - 1][:20]} rewritten" if k else "the string"
            lines.append(ScratchpadLine(string.translate(_TO_PAGE) + end, why))
        return lines

    def _expected_strings(self, question: str) -> list[str]:
        """Return the string after each step, by regular expressions: they too search from the left, and try rules in order."""
        listed, _, string = self.argument(question).partition(":")
        rules = {rule.partition(">")[0]: rule.partition(">")[2] for rule in listed.split(",")}
        strings = [string]
        for _ in range(self.steps):
            string, hits = re.subn("|".join(rules), lambda match: rules[match[0]], string, count=1)
            if not hits:
                break
            strings.append(string)
        return strings

    def line_text(self, line: str) -> str:
        return line.rstrip(",").translate(_FROM_PAGE)

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The letters of the string, and the rules."""
        text = problems.fields[0]
        colon = (text.values == ord(":")).argmax(axis=1)
        return text.lengths - colon - 1, (text.values == ord(">")).sum(axis=1)

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        """With one rule there are 25,600 problems of three letters."""
        letters, _ = self.sizes_of(problems)
        return letters >= 3

    @property
    def split_rule(self) -> str:
        return super().split_rule.replace(f"{self.min_held_out_length} characters in all", "3 letters")


def _format_argument(rules: dict[str, str], string: str) -> str:
    return f"{','.join(f'{left}>{right}' for left, right in rules.items())}:{string}"


def _sample_system(rng: np.random.Generator, letters: int, n_rules: int, hit_share: float, symbols: str = LETTERS) -> str:
    """Sample the argument of a question: a random string, and different rules.

    Args:
        rng: the source of all random numbers
        letters: the length of the string
        n_rules: how many rules there are
        hit_share: the share of rules whose left side is a piece of the string, if the string has as many pieces
        symbols: the letters of the string and of right sides
    """

    def random_string(length: int) -> str:
        return "".join(symbols[k] for k in rng.integers(0, len(symbols), length))

    string = random_string(letters)
    rules: dict[str, str] = {}
    while len(rules) < n_rules:
        size = 1 if rng.random() < 0.2 else MAX_SIDE
        start = int(rng.integers(0, max(1, letters - size + 1)))
        hits = rng.random() < hit_share
        left = string[start : start + size] if hits else "".join(rng.choice(list(LETTERS), size))
        if left in rules:
            left = "".join(rng.choice(list(LETTERS), MAX_SIDE))
        rules.setdefault(left, random_string(int(rng.integers(1, MAX_SIDE + 1))))
    return _format_argument(rules, string)


def _rewritten_strings(argument: str, steps: int) -> list[str]:
    """Return the string, and the string after each step."""
    listed, _, string = argument.partition(":")
    rules = [rule.split(">") for rule in listed.split(",")]
    strings = [string]
    while len(strings) <= steps:
        matches = [(string.find(left), k) for k, (left, _) in enumerate(rules) if left in string]
        if not matches:
            break
        place, k = min(matches)
        left, right = rules[k]
        string = string[:place] + right + string[place + len(left) :]
        strings.append(string)
    return strings

"""Random expressions of just so many operators and levels: three of 3 operators and 2 levels are

    12*(7-305)/4        (8+0.25)-66*9        -(5-5)*90/13

A level is what stands in the same parentheses: 1 is an expression without any. Numbers and signs are drawn from one generator
in blocks, so the same generator gives the same expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core import digits as dg
from tasks.core import sampling
from tasks.sizes import SizeRange, draw

BLOCK = 4096  # random numbers made at once


@dataclass(frozen=True)
class Mix:
    """What the numbers of expressions are like. AccuracySummary are of numbers, if they do not say of what."""

    size_ranges: tuple[SizeRange, ...]
    """The digits of whole parts (left)."""
    decimal_share: float
    """Those with digits after the point."""
    decimals: int
    """How many at most."""
    negative_share: float
    """Numbers, and parentheses, with a minus before them."""
    pattern_share: float
    """Those with a pattern (sampling.PATTERNS)."""
    equal_share: float
    """Those that are the same as the number before."""
    exact_share: float
    """Of the divisions of two numbers: those made to come out exact."""
    redundant_share: float
    """Of the parentheses: those that may stand around a single number or around the whole."""


def expressions(rng: np.random.Generator, operators: Sequence[int], levels: Sequence[int], mix: Mix) -> list[str]:
    """One expression for each number of operators and of levels, in plain form."""
    texts = iter(_numbers(rng, sum(operators) + len(operators), mix))
    writer = _Writer(_Chance(rng), texts, mix)
    return [writer.level(count, depth) for count, depth in zip(operators, levels, strict=True)]


def _numbers(rng: np.random.Generator, n: int, mix: Mix) -> list[str]:
    """n numbers without signs."""
    lengths, _ = draw(mix.size_ranges, rng, n)
    wholes = dg.to_strings(sampling.mixed(rng, lengths, mix.pattern_share))
    fractions = dg.to_strings(sampling.mixed(rng, rng.integers(1, mix.decimals + 1, n), mix.pattern_share))
    reverse, decimal, none = rng.random(n) < 0.5, rng.random(n) < mix.decimal_share, rng.random(n) < 0.2
    equal = rng.random(n) < mix.equal_share
    texts: list[str] = []
    for whole, fraction, turned, has_point, is_small, is_equal in zip(
        wholes, fractions, reverse.tolist(), decimal.tolist(), none.tolist(), equal.tolist(), strict=True
    ):
        if is_equal and texts:
            texts.append(texts[-1])
        elif has_point:  # turned round, a fraction may begin with zeros
            texts.append(f"{'0' if is_small else whole}.{fraction[::-1] if turned else fraction}")
        else:
            texts.append(whole)
    return texts


class _Chance:
    """Random numbers one at a time, drawn in blocks: a call of the generator for each would take most of the time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.numbers = self._endless(rng)

    @staticmethod
    def _endless(rng: np.random.Generator) -> Iterator[float]:
        while True:
            yield from rng.random(BLOCK).tolist()

    def of(self, share: float) -> bool:
        return next(self.numbers) < share

    def between(self, low: int, high: int) -> int:
        """Evenly, both ends included."""
        return low + int(next(self.numbers) * (high + 1 - low))


class _Writer:
    """Writes expressions from a row of numbers."""

    def __init__(self, chance: _Chance, numbers: Iterator[str], mix: Mix) -> None:
        self.chance, self.numbers, self.mix = chance, numbers, mix
        self.most = max(box.left[1] for box in mix.size_ranges)

    def level(self, operators: int, levels: int) -> str:
        """An expression of just so many operators, with parentheses that stand just `levels` - 1 deep in each other."""
        groups = self._groups(operators, levels)
        own = operators - sum(inside for inside, _ in groups)
        terms: list[str | None] = [None] * (own + 1)
        for inside, depth in groups:
            at = self.chance.between(0, own)
            while terms[at] is not None:
                at = (at + 1) % (own + 1)
            terms[at] = f"{self._sign()}({self.level(inside, depth)})"
        signs = ["+-*/"[self.chance.between(0, 3)] for _ in range(own)]
        plain = [term is None for term in terms]
        written = [next(self.numbers) if term is None else term for term in terms]
        for at, sign in enumerate(signs):
            if sign == "/" and plain[at] and plain[at + 1] and self.chance.of(self.mix.exact_share):
                written[at] = self._multiple(written[at], written[at + 1])
        written = [self._sign() + term if bare else term for term, bare in zip(written, plain, strict=True)]
        return written[0] + "".join(sign + term for sign, term in zip(signs, written[1:], strict=True))

    def _groups(self, operators: int, levels: int) -> list[tuple[int, int]]:
        """The operators and levels of each parenthesis of a level, the first of them the deepest."""
        if levels == 1:
            return []
        if operators < levels or self.chance.of(self.mix.redundant_share):  # too few to have one on each level
            return [(self.chance.between(min(1, operators), operators), levels - 1)]
        inside = self.chance.between(levels - 1, operators - 1)
        rest = operators - inside
        if rest < 2 or self.chance.of(0.6):
            return [(inside, levels - 1)]
        other = self.chance.between(1, rest - 1)
        return [(inside, levels - 1), (other, self.chance.between(1, min(other, levels - 1)))]

    def _sign(self) -> str:
        return "-" if self.chance.of(self.mix.negative_share) else ""

    def _multiple(self, dividend: str, divisor: str) -> str:
        """A multiple of the divisor with no more digits than numbers have, where both are whole; else the dividend."""
        if "." in dividend or "." in divisor or divisor == "0":
            return dividend
        return str(int(divisor) * self.chance.between(1, max(1, (10**self.most - 1) // int(divisor))))

"""Random expressions with a given number of operators and levels. Three expressions of 3 operators and 2 levels:

    12*(7-305)/4        (8+0.25)-66*9        -(5-5)*90/13

A level is a depth of parentheses; level 1 is an expression without any. All random numbers come from one generator, so the
same generator gives the same expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks import sizes
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.sizes import SizeRange

BLOCK = 4096
"""How many random numbers are drawn at once."""
ONE_GROUP_SHARE = 0.6
"""The share of levels with a single pair of parentheses, where the operators allow two."""


@dataclass(frozen=True)
class ExpressionStyle:
    """What the numbers and parentheses of random expressions are like. Shares count numbers unless they say else."""

    size_ranges: tuple[SizeRange, ...]
    """The digits of whole parts (`left`)."""
    decimal_share: float
    """Numbers with decimals."""
    decimals: int
    """The most decimals of a number."""
    negative_share: float
    """Numbers, and parentheses, with a minus before them."""
    pattern_share: float
    """Numbers with a pattern (sampling.PATTERNS)."""
    equal_share: float
    """Numbers that are the same as the number before."""
    exact_share: float
    """The share of the divisions of two numbers that is made to come out exact."""
    redundant_share: float
    """The share of the parentheses that may stand around a single number or around the whole."""


def generate_expressions(
    rng: np.random.Generator, operators: Sequence[int], levels: Sequence[int], style: ExpressionStyle
) -> list[str]:
    """Generate expressions in their plain form.

    Args:
        rng: the source of all random numbers
        operators: of each expression, how many operators it has
        levels: of each expression, how many levels of parentheses it has
        style: what their numbers and parentheses are like

    Returns:
        One expression for each entry of `operators`.
    """
    numbers = iter(_generate_numbers(rng, sum(operators) + len(operators), style))
    generator = _Generator(_RandomBlocks(rng), numbers, style)
    return [generator.expression(count, depth) for count, depth in zip(operators, levels, strict=True)]


def _generate_numbers(rng: np.random.Generator, n: int, style: ExpressionStyle) -> list[str]:
    """Generate n numbers without signs."""
    lengths, _ = sizes.sample(style.size_ranges, rng, n)
    wholes = dg.to_strings(sampling.mixed(rng, lengths, style.pattern_share))
    fractions = dg.to_strings(sampling.mixed(rng, rng.integers(1, style.decimals + 1, n), style.pattern_share))
    probabilities = (0.5, style.decimal_share, 0.2, style.equal_share)
    flags = np.stack([rng.random(n) < probability for probability in probabilities], axis=1).tolist()
    texts: list[str] = []
    for whole, fraction, (reverse, decimal, below_one, equal) in zip(wholes, fractions, flags, strict=True):
        if equal and texts:
            texts.append(texts[-1])
        elif decimal:  # a reversed fraction may begin with zeros
            texts.append(f"{'0' if below_one else whole}.{fraction[::-1] if reverse else fraction}")
        else:
            texts.append(whole)
    return texts


class _RandomBlocks:
    """Random numbers one at a time, drawn in blocks: one call of the generator a number would take most of the time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.numbers = self._endless(rng)

    @staticmethod
    def _endless(rng: np.random.Generator) -> Iterator[float]:
        while True:
            yield from rng.random(BLOCK).tolist()

    def happens(self, probability: float) -> bool:
        """Return True with this probability."""
        return next(self.numbers) < probability

    def integer(self, low: int, high: int) -> int:
        """Return an integer drawn evenly, both ends included."""
        return low + int(next(self.numbers) * (high + 1 - low))


class _Generator:
    """Writes expressions with numbers that are given one after the other."""

    def __init__(self, random: _RandomBlocks, numbers: Iterator[str], style: ExpressionStyle) -> None:
        self.random, self.numbers, self.style = random, numbers, style
        self.most_digits = max(size_range.left[1] for size_range in style.size_ranges)

    def expression(self, operators: int, levels: int) -> str:
        """Write an expression of exactly so many operators, and with parentheses exactly `levels` - 1 deep."""
        groups = self._groups(operators, levels)
        own_operators = operators - sum(inside for inside, _ in groups)
        terms: list[str | None] = [None] * (own_operators + 1)
        for inside, depth in groups:
            index = self.random.integer(0, own_operators)
            while terms[index] is not None:
                index = (index + 1) % (own_operators + 1)
            terms[index] = f"{self._sign()}({self.expression(inside, depth)})"
        signs = ["+-*/"[self.random.integer(0, 3)] for _ in range(own_operators)]
        is_number = [term is None for term in terms]
        texts = [next(self.numbers) if term is None else term for term in terms]
        for index, sign in enumerate(signs):
            both_numbers = is_number[index] and is_number[index + 1]
            if sign == "/" and both_numbers and self.random.happens(self.style.exact_share):
                texts[index] = self._multiple(texts[index], texts[index + 1])
        texts = [self._sign() + text if number else text for text, number in zip(texts, is_number, strict=True)]
        return texts[0] + "".join(sign + text for sign, text in zip(signs, texts[1:], strict=True))

    def _groups(self, operators: int, levels: int) -> list[tuple[int, int]]:
        """Choose the parentheses of a level: the operators and levels inside each, the deepest first."""
        if levels == 1:
            return []
        if operators < levels or self.random.happens(self.style.redundant_share):  # too few to have one on each level
            return [(self.random.integer(min(1, operators), operators), levels - 1)]
        inside = self.random.integer(levels - 1, operators - 1)
        rest = operators - inside
        if rest < 2 or self.random.happens(ONE_GROUP_SHARE):
            return [(inside, levels - 1)]
        other = self.random.integer(1, rest - 1)
        return [(inside, levels - 1), (other, self.random.integer(1, min(other, levels - 1)))]

    def _sign(self) -> str:
        return "-" if self.random.happens(self.style.negative_share) else ""

    def _multiple(self, dividend: str, divisor: str) -> str:
        """A multiple of the divisor with no more digits than numbers have, if both are whole; else the dividend."""
        if "." in dividend or "." in divisor or divisor == "0":
            return dividend
        most = max(1, (10**self.most_digits - 1) // int(divisor))
        return str(int(divisor) * self.random.integer(1, most))

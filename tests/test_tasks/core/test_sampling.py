"""What is drawn: lengths, digits, and chains of carries."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import digits as dg
from tasks.core import sampling

seeds = st.integers(0, 2**32)


def carries(a: int, b: int, width: int) -> list[bool]:
    """Whether there is a carry out of each column, by Python integers."""
    return [(a % 10 ** (k + 1) + b % 10 ** (k + 1)) >= 10 ** (k + 1) for k in range(width)]


@given(seeds, st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_numbers_have_exactly_their_lengths(seed: int, lengths: list[int]) -> None:
    drawn = dg.to_strings(sampling.numbers(np.random.default_rng(seed), np.array(lengths)))
    assert [len(number) for number in drawn] == lengths
    assert all(number == str(int(number)) for number in drawn)


def test_digits_are_even() -> None:
    rng = np.random.default_rng(0)
    drawn = sampling.numbers(rng, np.full(100_000, 3)).values
    inner = np.bincount(drawn[:, :2].ravel(), minlength=10) / 200_000
    top = np.bincount(drawn[:, 2], minlength=10) / 100_000
    assert np.abs(inner - 0.1).max() < 0.005
    assert top[0] == 0
    assert np.abs(top[1:] - 1 / 9).max() < 0.005
    alone = np.bincount(sampling.numbers(rng, np.ones(100_000, int)).values[:, 0], minlength=10) / 100_000
    assert np.abs(alone - 0.1).max() < 0.005


@given(seeds, st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=30), st.booleans())
def test_a_chain_carries_through_its_columns(seed: int, lengths: list[tuple[int, int]], full: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = (sampling.numbers(rng, np.array(side)) for side in zip(*lengths, strict=True))
    chained = [dg.to_strings(number) for number in sampling.carry_chains(rng, a, b, full=full)]
    for (la, lb), x, y in zip(lengths, *chained, strict=True):
        assert (len(x), len(y)) == (la, lb)
        assert x == str(int(x))
        assert y == str(int(y))
        found = carries(int(x), int(y), max(la, lb))
        assert all(found) if full else any(found)


def test_chains_are_of_all_lengths() -> None:
    rng = np.random.default_rng(0)
    a, b = (sampling.numbers(rng, np.full(4000, 8)) for _ in range(2))
    a, b = (dg.to_strings(number) for number in sampling.carry_chains(rng, a, b))
    longest = []
    for x, y in zip(a, b, strict=True):
        runs = "".join("x" if carry else " " for carry in carries(int(x), int(y), 8)).split()
        longest.append(max(map(len, runs)))
    assert set(longest) == set(range(1, 9))


@given(seeds, st.tuples(st.integers(1, 12), st.integers(1, 12)), st.booleans())
def test_operands_carry_where_they_are_told(seed: int, lengths: tuple[int, int], subtract: bool) -> None:
    rng = np.random.default_rng(seed)
    width = max(lengths)
    wanted = rng.random((40, width)) < 0.5
    drawn = [dg.to_strings(number) for number in sampling.with_carries(rng, wanted, lengths, subtract)]
    for x, y, want in zip(*drawn, wanted.tolist(), strict=True):
        assert (len(x), len(y)) == lengths
        assert (x, y) == (str(int(x)), str(int(y)))
        found = borrows(int(x), int(y), width) if subtract else carries(int(x), int(y), width)
        digits = [
            [0] if column >= length else range(1 if column == length - 1 > 0 else 0, 10)
            for length in lengths
            for column in range(width)
        ]
        for column, (carried, wished) in enumerate(zip([False, *found], want, strict=False)):
            sums = [i - j - carried if subtract else i + j + carried for i in digits[column] for j in digits[width + column]]
            possible = {total < 0 if subtract else total > 9 for total in sums}
            assert found[column] == (wished if wished in possible else not wished)


def borrows(a: int, b: int, width: int) -> list[bool]:
    """Whether there is a borrow into each column's left neighbour, by Python integers."""
    return [a % 10 ** (k + 1) < b % 10 ** (k + 1) for k in range(width)]


def test_every_pattern_comes_up_to_ten_columns() -> None:
    rng = np.random.default_rng(0)
    for columns in (1, 3, 10):
        rows = sampling.carry_patterns(rng, 1000, columns)
        assert len(np.unique(rows, axis=0)) == 2**columns
        assert len(rows) == max(2**columns, 1000 // 2**columns * 2**columns)
    assert sampling.carry_patterns(rng, 1000, 11).shape == (1000, 11)

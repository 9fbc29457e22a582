"""The rule by which problems are held out: a stable 64-bit hash of the problem decides, whatever the seed of a run.

One problem in `HELD_OUT_ONE_IN` is held out and never trained on. The hash is the same for ever and on every machine, so data
sets, runs and evaluations agree on it without storing any list.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.core.ragged import Ragged

HELD_OUT_ONE_IN: Final = 16
"""One problem in this many is held out, among those that can be."""

HELD_OUT_MIN_DIGITS: Final = 4
"""Problems with fewer digits in all are never held out: there are too few of them (under ten thousand)."""


def fingerprint(rows: Ragged) -> NDArray[np.uint64]:
    """Hash each row of digits or characters.

    Args:
        rows: n rows; a row that differs only in zeros beyond its length has the same hash.

    Returns:
        uint64 (n,), the same for ever and on every machine.
    """
    state = np.zeros(len(rows), np.uint64)
    for column in rows.values.T[::-1]:  # from the last column: the zeros beyond a row's length leave the state at zero
        state = state * np.uint64(0x9E3779B97F4A7C15) + column
    return mix(state)


def mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every input bit over all 64 output bits.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def describe_rule(hashed: str, min_length: int = 0, unit: str = "digits") -> str:
    """Describe the rule for a data card.

    Args:
        hashed: what the hash is of, such as "a problem's operands".
        min_length: problems with fewer digits or characters are never held out; 0 for no such bound.
        unit: what `min_length` counts.
    """
    rule = (
        f"A stable 64-bit hash of {hashed} decides: one in {HELD_OUT_ONE_IN} is `held-out`\n"
        "and never trained on, whatever the seed; the others are `train`."
    )
    if min_length:
        rule += f"\nProblems with fewer than {min_length} {unit} in all are too few to hold any out: they are `seen`."
    return rule


def is_held_out(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell which problems the hash holds out.

    Args:
        keys: uint64 (n,), the split key of each problem.

    Returns:
        bool (n,).
    """
    return np.asarray(keys % np.uint64(HELD_OUT_ONE_IN) == 0)

"""The hash that decides what is held out never changes."""

from hypothesis import given
from hypothesis import strategies as st

from tasks import splits
from tasks.core import digits as dg
from tasks.core.ragged import Ragged

GOLDEN = [0, 6238072747940578789, 4532161160992623299, 5309312069099924592, 763213857121708377]


def test_the_hash_never_changes() -> None:
    # These values decide which problems are held out: changing them would let old runs see their test problems.
    numbers = dg.from_strings(["0", "1", "90", "123456789", "9" * 40])
    assert splits.fingerprint(numbers).tolist() == GOLDEN
    wider = Ragged(numbers.widened(60), numbers.lengths)
    assert splits.fingerprint(wider).tolist() == GOLDEN


@given(st.sets(st.integers(0, 10**12), min_size=2, max_size=100))
def test_different_numbers_have_different_hashes(numbers: set[int]) -> None:
    assert len(set(splits.fingerprint(dg.from_ints(sorted(numbers))).tolist())) == len(numbers)

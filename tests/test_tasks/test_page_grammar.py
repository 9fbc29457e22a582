"""The grammar of pages names every mark that a task writes."""

import pytest

from tasks import make, names
from tasks.numbers.base_scratchpad import BASE_LETTERS
from tasks.page_grammar import DIGITS, INDENTS, MARKS, ROW_ENDS, STOP, WITHIN_NUMBERS


@pytest.mark.parametrize("name", names())
def test_every_character_of_an_alphabet_is_described(name: str) -> None:
    alphabet = make(name).alphabet
    letters = BASE_LETTERS if name == "base" else ""
    assert set(alphabet) <= set(DIGITS) | MARKS.keys() | set(letters)
    assert alphabet.endswith(STOP)


def test_every_described_mark_is_written_by_a_task() -> None:
    written = {char for name in names() for char in make(name).alphabet}
    assert written >= MARKS.keys()


def test_roles_are_those_of_described_marks() -> None:
    for marks in (INDENTS, ROW_ENDS, WITHIN_NUMBERS):
        assert set(marks) <= MARKS.keys() | set(DIGITS)
        assert len(set(marks)) == len(marks)

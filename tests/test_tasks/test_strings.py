"""Tasks on strings of digits."""

import pytest

from tasks import drawn, make


def test_one_string_has_one_length() -> None:
    with pytest.raises(ValueError, match="6x4: task reverse asks one string of 1 to 2000 digits"):
        make("reverse", "1-8").test(1, (6, 4), seed=0)


def test_drawing_of_a_count() -> None:
    task = make("count")
    assert drawn(task.render("count 3 31", "31,31")) == "count 3 31\n----------\n3   1\n1   1\n----------\n1"

import pytest

from tasks.arithmetic.addition import Addition
from tasks.core.scratchpad import drawn


def page(question: str, **options: object) -> str:
    task = Addition(**options)
    return task.pages(task.problems([task.parse(question)])).texts()[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "321+7654=0964$"),
        ({"order": "plain"}, "123+4567=4690$"),
        ({"order": "reversed-answer"}, "123+4567=0964$"),
        ({"pad": True, "digits": "1-5"}, "32100+76540=096400$"),
        ({"pad": True, "digits": "1-5", "order": "plain"}, "00123+04567=004690$"),
        ({"pad": True, "digits": "1-5", "order": "reversed-answer", "signs": False}, "0012304567096400$"),
        ({"pad": True, "digits": "1-3"}, "3210+7654=09640$"),
        ({"index_hints": True}, "i3j2k1+i7j6k5l4=i0j9k6l4$"),
        ({"index_hints": True, "order": "plain"}, "k1j2i3+l4k5j6i7=l4k6j9i0$"),
        ({"index_hints": True, "order": "reversed-answer"}, "k1j2i3+l4k5j6i7=i0j9k6l4$"),
        ({"scratchpad": True}, "321+7654=3:7!0#1;2:6!9#0;1:5!6#0;0:4!4#0>0964$"),
        ({"scratchpad": True, "order": "plain"}, "123+4567=3:7!0#1;2:6!9#0;1:5!6#0;0:4!4#0>4690$"),
    ],
)
def test_formats(options: dict[str, object], expected: str) -> None:
    assert page("123+4567", **options) == expected


def test_people_type_in_many_ways() -> None:
    task = Addition()
    assert [task.parse(typed) for typed in (" 1,234 + 5 ", "0012+00", "1 +\t2")] == ["1234+5", "12+0", "1+2"]


def test_columns() -> None:
    assert drawn(Addition().render("123+4567", "0964")) == "   123\n+ 4567\n------\n  4690"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digits": "0-3"}, "digits = '0-3'"),
        ({"digits": "4-3"}, "digits = '4-3'"),
        ({"digits": "1-9999"}, "1 to 2000"),
        ({"carry_chain_prob": 1.5}, "carry_chain_prob = 1.5"),
        ({"signs": False}, "pad = true"),
        ({"signs": False, "pad": True, "index_hints": True}, "hints = true: needs signs = true"),
        ({"signs": False, "pad": True, "scratchpad": True}, "scratchpad = true: needs signs = true"),
        ({"index_hints": True, "scratchpad": True}, "scratchpad = true: excludes index_hints = true"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Addition(**options)


@pytest.mark.parametrize(
    ("options", "written", "answer", "why"),
    [
        ({"scratchpad": True}, "3:7!0#1;2:6!9#0;1:5!6#0;0:4!4#0>0964", "4690", None),
        ({"scratchpad": True}, "3:7!0#1;2:6!8#0;1:5!6#0;0:4!4#0>0964", "4690", "line 2: the column is 2:6!9#0, not 2:6!8#0"),
        ({"scratchpad": True}, "3:7!0#1;2:6!9#0;1:5!6#0>0964", "4690", "line 4: 4 columns are to be added"),
        ({"scratchpad": True}, "3:7!0#1;2:6!9#0;1:5!6#0;0:4!4#0;0:0!0#0>0964", "4690", "line 5: no column is left"),
        ({"scratchpad": True}, "3:7!0#1;2:6!9#0;1:5!6#0;0:4!4#0>0965", "5690", "line 1: 123+4567 is 4690, not 5690"),
        ({"scratchpad": True}, "0964", None, "line 1: the column is 3:7!0#1, not "),
        ({"index_hints": True}, "z0a9b6c4", "4690", None),
        ({"index_hints": True}, "z0a9c6d4", "4690", "line 1: letter 3 is c, after a"),
        ({"index_hints": True, "order": "plain"}, "c4b6a9z0", "4690", None),
        ({"index_hints": True}, "0964", None, "line 1: 123+4567 is 4690, what is written is no answer"),
    ],
)
def test_answers_are_read_and_workings_checked(
    options: dict[str, object], written: str, answer: str | None, why: str | None
) -> None:
    task = Addition(**options)
    assert task.extract(written, "123+4567") == answer
    fault = task.verify("123+4567", written)
    assert (str(fault) if fault else None) == why


def test_each_letter_begins_problems_of_either_split() -> None:
    task = Addition(digits="4-6", index_hints=True)
    for split in ("train", "held-out"):
        texts = task.batch(600, seed=0, split=split, rank=0, step=0).texts()
        assert len({text[0] for text in texts}) == 26


def test_one_in_sixteen_is_held_out_and_order_does_not_matter() -> None:
    import numpy as np

    task = Addition(digits="5-5")
    problems = task.sample(np.random.default_rng(0), 20_000)
    held_out = task.held_out(problems)
    assert abs(held_out.mean() - 1 / 16) < 0.006
    swapped = type(problems)(problems.fields[::-1])
    assert (task.held_out(swapped) == held_out).all()


def test_short_problems_are_never_held_out() -> None:
    task = Addition(digits="1-1")
    every = task.problems([f"{a}+{b}" for a in range(100) for b in range(10)])
    assert not task.held_out(every).any()
    trained = set(task.batch(3000, seed=0, split="train", rank=0, step=0).texts())
    assert len(trained) == 100
    with pytest.raises(ValueError, match="no problems that are held out"):
        task.batch(4, seed=0, split="held-out", rank=0, step=0)
    assert len(task.test(1000, (1, 1), seed=0)) == 100
    assert len(task.test(1000, (2, 2), seed=0)) > 400
    assert len(task.test(1000, (3, 3), seed=0)) == 1000

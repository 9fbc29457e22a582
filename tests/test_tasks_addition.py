import pytest

from tasks.addition import Addition
from tasks.working import drawn


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
    ],
)
def test_formats(options: dict[str, object], expected: str) -> None:
    assert page("123+4567", **options) == expected


def test_people_type_in_many_ways() -> None:
    task = Addition()
    assert [task.parse(typed) for typed in (" 1,234 + 5 ", "0012+00", "1 +\t2")] == ["1234+5", "12+0", "1+2"]


def test_columns() -> None:
    assert drawn(Addition().drawing("123+4567", "0964")) == "   123\n+ 4567\n------\n  4690"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digits": "0-3"}, "digits = '0-3'"),
        ({"digits": "4-3"}, "digits = '4-3'"),
        ({"digits": "1-9999"}, "1 to 2000"),
        ({"chain_share": 1.5}, "chain_share = 1.5"),
        ({"signs": False}, "pad = true"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Addition(**options)


def test_one_in_sixteen_is_held_out_and_order_does_not_matter() -> None:
    import numpy as np

    task = Addition(digits="5-5")
    problems = task.draw(np.random.default_rng(0), 20_000)
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

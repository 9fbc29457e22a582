"""The problems as data sets in the form of reasoning-gym."""

import re

import pytest
from helpers.named_tasks import ANSWERS
from helpers.oracles import oracle

import tasks.adapters.gym_api
from tasks import make, names
from tasks.adapters.gym_api import create_dataset, score_answer


@pytest.mark.parametrize("name", [name for name in names() if name not in ANSWERS])
def test_entries_are_right_and_in_the_form_of_reasoning_gym(name: str) -> None:
    dataset, task = create_dataset(name, size=60, seed=1, digits="1-6"), make(name, "1-6")
    entries = list(dataset)
    assert len(dataset) == len(entries) == 60
    for index, entry in enumerate(entries):
        assert set(entry) == {"question", "answer", "metadata"}
        about = entry["metadata"]
        assert (about["source_dataset"], about["source_index"]) == (name, index)
        assert dataset.score_answer(entry["answer"], entry) == 1.0
        if name == "expr":
            assert about["difficulty"] == {"operators": (1, 4), "levels": (1, 3)}
            assert entry["answer"] == oracle(task.parse(entry["question"]), task)
            continue
        assert entry["answer"] == oracle(entry["question"])
        assert about["difficulty"] == {"left_digits": (1, 6), "right_digits": (1, 6)}
        left, right = re.split(r"[-+*/]", entry["question"])
        assert (about["left_digits"], about["right_digits"]) == (len(left), len(right))
    assert len({entry["question"] for entry in entries}) > 50


def test_an_entry_is_a_function_of_seed_and_index() -> None:
    dataset = create_dataset("mul", size=100, seed=1, digits="1-6")
    assert dataset[7] == create_dataset("mul", size=8, seed=1, digits="1-6")[7] == dataset[-93]
    assert next(iter(dataset)) == dataset[0]
    for index in (100, -101):
        with pytest.raises(IndexError, match="there are 100 entries"):
            dataset[index]
    other = [entry["question"] for entry in create_dataset("mul", size=100, seed=2, digits="6-6")]
    assert not {entry["question"] for entry in create_dataset("mul", size=100, seed=1, digits="6-6")} & set(other)


def test_the_sample_of_the_module_is_true() -> None:
    entry = create_dataset("mul", size=100, seed=1, digits="1-6")[0]
    assert f"('{entry['question']}', '{entry['answer']}')" in tasks.adapters.gym_api.__doc__


def test_held_out_problems_are_in_no_training_set() -> None:
    kept = {entry["question"] for entry in create_dataset("add", size=200, digits="2-2", split="held-out")}
    trained = {entry["question"] for seed in range(5) for entry in create_dataset("add", size=400, seed=seed, digits="2-2")}
    assert kept
    assert not kept & trained


@pytest.mark.parametrize(
    ("answer", "right", "score"),
    [
        ("5535", "5535", 1.0),
        (" +05,535.00 ", "5535", 1.0),
        ("142 r 7", "142 r 7", 1.0),
        ("142  r 07", "142 r 7", 1.0),
        ("-0", "0", 1.0),
        ("0.0", "0", 1.0),
        ("It is 5535", "5535", 4 / 10),
        ("It is 5535.", "5535", 4 / 11),
        ("so 142 r 7", "142 r 7", 7 / 10),
        ("5536", "5535", 0.0),
        ("15535", "5535", 0.0),
        ("-5535", "5535", 0.0),
        ("5535.5", "5535", 0.0),
        ("142 r 7", "142", 0.0),
        ("142 r 7", "7", 0.0),
        ("142", "142 r 7", 0.0),
        ("", "5535", 0.0),
        ("  ", "5535", 0.0),
        (None, "5535", 0.0),
    ],
)
def test_scores(answer: str | None, right: str, score: float) -> None:
    assert score_answer(answer, {"question": "", "answer": right, "metadata": {}}) == pytest.approx(score)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "mull"}, "mull: no such task; did you mean mul?"),
        ({"name": "mul", "digits": "0"}, "digits = '0': .* from 1 to 2000"),
        ({"name": "mul", "size": 0}, "size = 0: must be at least 1"),
        ({"name": "mul", "seed": -1}, "seed = -1: must be at least 0"),
        ({"name": "mul", "split": "dev"}, "split = 'dev': must be train or held-out"),
    ],
)
def test_a_bad_option_is_named(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        create_dataset(**options)


def test_scores_agree_with_reasoning_gym_on_its_own_arithmetic() -> None:
    utils = pytest.importorskip("reasoning_gym.utils")
    for answer in ("5535", "+05,535.00", "It is 5535", "5536", "", "five"):
        assert score_answer(answer, {"answer": "5535"}) == utils.compute_decimal_reward(answer, "5535")

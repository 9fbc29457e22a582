"""Tasks whose questions begin with their name: what each must keep beyond the contract of all tasks."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import Call
from helpers.named_tasks import ANSWERS, every_named_task, small_task
from hypothesis import given
from hypothesis import strategies as st

from eval.export.dataset import Export, Tally
from eval.export.lm_eval_task import lm_eval_task
from tasks import QuestionError, find, make, sizes
from tasks.adapters.gym_api import create_dataset


@every_named_task
@pytest.mark.parametrize("split", ["train", "held-out", "test"])
def test_exports_are_right_and_in_their_split(name: str, split: str) -> None:
    task = small_task(name)
    found = list(Export(task, 300, split, seed=4).rows(Tally()))
    assert len({row["question"] for row in found}) == 300
    for row in found:
        asked = row["question"].removeprefix(f"{name} ")
        assert row["answer"] == ANSWERS[name](asked, task)
        assert row["page"].startswith(row["prompt"])
        assert row["prompt"].endswith("=")
        assert row["working"].splitlines()[-1] == row["answer"]
        assert row["split"] in ("seen", "train" if split == "train" else "held-out")
        assert row["metadata"]["task"] == name


@every_named_task
def test_gym_entries_are_right(name: str) -> None:
    dataset = create_dataset(name, size=20, seed=1)
    for entry in dataset:
        assert entry["answer"] == ANSWERS[name](entry["question"].removeprefix(f"{name} "), dataset.task)
        assert dataset.score_answer(entry["answer"], entry) == 1.0
        assert (set(sizes.field_names(dataset.task.size_names)) <= entry["metadata"].keys()) == (name != "modadd")


@every_named_task
def test_a_changed_character_of_a_scratchpad_is_found(name: str) -> None:
    """Every line is held against Python: no character of a page can be another."""
    task, rng = small_task(name), np.random.default_rng(5)
    problems = task.sample(rng, 12)
    pages, questions = task.pages(problems), task.questions(problems)
    for text, prompt, question in zip(pages.texts(), pages.prompt.tolist(), questions, strict=True):
        written = text[prompt:-1]
        for place in range(len(written)):
            other = next(char for char in "1234567890" if char != written[place])
            changed = written[:place] + other + written[place + 1 :]
            fault = task.verify(question, changed)
            assert fault is not None
            assert fault.line <= len(task.expected_lines(question))
            assert task.render(question, changed)
        for cut in range(len(written)):
            assert task.verify(question, written[:cut]) is not None
            assert task.render(question, written[:cut])
        assert task.verify(question, written + "1") is not None
        assert task.verify(question, written + "9" * 5000) is not None


@every_named_task
@given(st.text("0123456789:;!,_?=+~><abcdefr ", max_size=20))
def test_nothing_that_a_model_writes_breaks_anything(name: str, written: str) -> None:
    task = make(name)
    question = task.parse(task.example)
    answer = task.extract(written, question)
    if answer is None or answer != task.answer(question):
        assert task.verify(question, written) is not None
    assert task.render(question, written)


@every_named_task
@given(st.text("0123456789 ,+:>?abcxyz", max_size=20))
def test_questions_are_understood_or_marked(name: str, asked: str) -> None:
    task = make(name)
    try:
        question = task.parse(f"{name} {asked}")
    except QuestionError as error:
        marked = error.place in range(len(error.text) + 1)
        assert marked, error  # noqa: PT017  either is right
        return
    assert task.parse(question) == question
    assert task.questions(task.problems([question])) == [question]
    assert task.answer(question) == ANSWERS[name](question.removeprefix(f"{name} "), task)


@every_named_task
def test_example_questions_and_docstrings_are_true(name: str) -> None:
    """Every module shows a question and its page."""
    task = make(name)
    assert task.parse(task.example) == task.example
    said = __import__(type(task).__module__, fromlist=["x"]).__doc__
    [question] = re.findall(r"^    question +(.*?)(?:   .*)?$", said, re.MULTILINE)[:1]
    [page] = re.findall(r"^    page +(\S+)", said, re.MULTILINE)[:1]
    assert task.pages(task.problems([task.parse(question)])).texts() == [page]


@pytest.mark.parametrize(
    ("typed", "said", "place"),
    [
        ("reverse", "expected digits 0 to 9, found the end", 7),
        ("  sort 12x", "expected nothing more, found 'x'", 9),
        ("reversed 12", "expected a question like reverse 31415, found 'r'", 0),
        ("sort " + "1" * 201, "201 characters: at most 200 are taken", 5),
        ("parity 102", "expected nothing more, found '2'", 9),
        ("count 31 4", "expected one digit to count, and a string, found '3'", 6),
        ("compare 12", "expected a number, found the end", 10),
        ("modadd 45 97", "numbers must be below p = 97", 7),
        ("sum 12+5-9", "expected a + and a number, found '-'", 8),
        ("gcd 48 1" + "0" * 18, "a number of 19 digits: at most 18 are taken", 26),
        ("base 255", "expected to or from, found the end", 8),
        ("base 255 to 17", "a base from 2 to 16 is taken, not 17", 12),
        ("path ab,bk:a>b", "expected an edge of two of the nodes a to j, found 'b'", 8),
        ("path ab,bb:a>b", "the edge bb leads nowhere new or comes twice", 8),
        ("path ab,bc", "expected , and one more edge, or : and the question, found the end", 10),
        ("rewrite ab>ba,ab>a:ab", "a second rule for ab", 14),
        ("rewrite ab>:ab", "expected the right side of a rule, one or two of the letters a to d, found ':'", 11),
        ("base 129 from 8", "digits must be 0 to 7 here", 7),
    ],
)
def test_faults_are_marked(typed: str, said: str, place: int) -> None:
    task = make(next(name for name in ANSWERS if typed.strip().startswith(name)))
    with pytest.raises(QuestionError, match=re.escape(said)) as caught:
        task.parse(typed)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("copy", {"digits": "1-6x1-3"}, "digits = '1-6x1-3': must be one range"),
        ("sort", {"digits": "1-300"}, "digits = '1-300': task sort takes at most 200"),
        ("compare", {"digits": "x"}, "digits = 'x': must be lengths"),
        ("modadd", {"p": 1}, "p = 1: must be from 2"),
        ("modadd", {"train_share": 1.0}, "train_share = 1.0: must be above 0 and below 1"),
        ("sum", {"operands": "0-3"}, "operands = '0-3': a range"),
        ("gcd", {"digits": "1-19"}, "digits = '1-19': task gcd takes at most 18"),
        ("base", {"bases": "1-8"}, "bases = '1-8': must be one range"),
        ("base", {"bases": "2-17"}, "bases = '2-17': task base takes at most 16"),
        ("path", {"nodes": "9", "edges": "3"}, "edges = '3': graphs of n nodes have from n - 1"),
        ("rewrite", {"steps": 0}, "steps = 0: must be from 1 to 100"),
        ("compare", {"near_share": 2.0}, "near_share = 2.0: must be from 0 to 1"),
    ],
)
def test_bad_options_are_named(name: str, options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        find(name)(**options)


def test_lm_eval_tasks_are_made_of_tasks_with_numbers_only() -> None:
    made = {"n": 20, "sizes": None, "suite": None, "seed": 0, "command": "arithgpt export-lm-eval", "version": "0"}
    files = lm_eval_task(find("count")(digits="6-8"), shots=0, **made)
    asked = [json.loads(line) for line in files["arithgpt_count.jsonl"].splitlines()]
    assert all(row["answer"] == ANSWERS["count"](row["question"].removeprefix("count "), None) for row in asked)
    with pytest.raises(ValueError, match="free text"):
        lm_eval_task(make("copy"), shots=0, **made)


def test_the_command_line(arithgpt: Call, tmp_path: Path) -> None:
    """A run of a few steps is asked, measured and mistaken, and says so in one line each."""
    small = ("--set", "train.eval_samples=8", "--set", "train.batch_size=8", "--steps", "2", "--name", "few")
    done = arithgpt("train", "--task", "reverse", "--digits", "3", *small)
    assert done.returncode == 0, done.stderr
    assert 'arithgpt calc --run few "reverse 31415"' in done.stdout
    done = arithgpt("calc", "--run", "few", "reverse 314", "reverse 3x")
    assert done.returncode == 2
    assert "reverse 314 = " in done.stdout
    assert done.stderr.splitlines()[-2:] == ["  reverse 3x", "           ^"]
    done = arithgpt("eval", "few", "--samples", "5", "--digits", "1-2", "--mistakes", "--html", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    assert "few, reverse: exact match by digits" in done.stdout
    done = arithgpt("eval", "few", "--samples", "5", "--digits", "1x2")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = arithgpt("export-data", "sort", "--n", "50", "--out", str(tmp_path / "sort.jsonl"))
    assert done.returncode == 0, done.stderr
    assert "Problems with fewer than 4 characters" in (tmp_path / "sort.md").read_text()

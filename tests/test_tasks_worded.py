"""Tasks whose questions begin with their name: answered a second time by means that share nothing with them, and asked for more
than every task must keep (test_tasks_contract.py, which takes the answers from here)."""

import json
import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path as File

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.export.dataset import Export, Tally
from eval.export.lm_eval_task import harness_task
from tasks import TASKS, QuestionError, Task, drawn, make
from tasks.adapters.gym_api import create_dataset
from tasks.numbers.base import Base
from tasks.numbers.compare import Compare
from tasks.numbers.gcd import GCD
from tasks.numbers.modadd import ModAdd
from tasks.numbers.sum import Sum
from tasks.reasoning.reachability import Path
from tasks.reasoning.rewriting import Rewrite
from tasks.strings.copy import Copy
from tasks.strings.count import Count
from tasks.strings.parity import Parity
from tasks.strings.reverse import Reverse
from tasks.strings.sort import Sort

Call = Callable[..., subprocess.CompletedProcess[str]]

TESTED_WORDED: list[Task] = [
    Copy(digits="30-40"),
    Reverse(digits="2-6,20"),
    Reverse(working=False),
    Sort(digits="1-20"),
    Count(digits="5-30", hit_share=1.0),
    Parity(digits="10-40"),
    Parity(working=False),
    Compare(digits="1-6,20x3", near_share=1.0),
    ModAdd(p=113, train_share=0.3),
    Sum(operands="1-6", digits="2-12"),
    GCD(digits="1-9", common_share=1.0),
    Base(digits="2-9", bases="2-12", direction="to"),
    Base(digits="3-15", direction="from"),
    Path(nodes="2-10", edges="2-30", carry_chain_prob=0.2),
    Rewrite(digits="4-20", rules="1-8", steps=15, hit_share=1.0),
]


def ordered(digits: str) -> str:
    return "".join(digit * len(re.findall(digit, digits)) for digit in "0123456789")


def converted(asked: str) -> str:
    number, way, base = asked.split()
    if way == "to":
        return np.base_repr(int(number), int(base)).lower()
    return str(sum(int(digit, 16) * int(base) ** place for place, digit in enumerate(reversed(number))))


def added(asked: str, p: int) -> str:
    total = sum(map(int, asked.split()))
    return str(total - p if total >= p else total)


def reached(asked: str) -> str:
    """By powers of the matrix of edges."""
    edges, start, _, goal = re.fullmatch("(.*):(.)(>)(.)", asked).groups()
    matrix = np.eye(10, dtype=int)
    for edge in edges.split(","):
        matrix[tuple(ord(node) - ord("a") for node in edge)] = 1
    ways = np.linalg.matrix_power(matrix.astype(object), 10)
    return "yes" if ways[ord(start) - ord("a"), ord(goal) - ord("a")] else "no"


def rewritten(asked: str, steps: int) -> str:
    *rules, string = re.split("[,:]", asked)
    for _ in range(steps):
        for place, rule in ((place, rule) for place in range(len(string)) for rule in rules):
            left, right = rule.split(">")
            if string[place:].startswith(left):
                string = string[:place] + string[place:].replace(left, right, 1)
                break
        else:
            return string
    return string


def compared(asked: str) -> str:
    left, right = (int(number) for number in asked.split())
    return {0: "=", 1: ">"}.get((left > right) - (left < right), "<")


ANSWERS: dict[str, Callable[[str, Task | None], str]] = {
    "copy": lambda asked, task: "".join(list(asked)),
    "reverse": lambda asked, task: asked[::-1],
    "sort": lambda asked, task: ordered(asked),
    "count": lambda asked, task: str(len(re.findall(asked[0], asked[2:]))),
    "parity": lambda asked, task: str(int(asked, 2).bit_count() & 1),
    "compare": lambda asked, task: compared(asked),
    "modadd": lambda asked, task: added(asked, task.p if isinstance(task, ModAdd) else 97),
    "sum": lambda asked, task: str(eval(asked)),
    "gcd": lambda asked, task: str(math.gcd(*map(int, asked.split()))),
    "base": lambda asked, task: converted(asked),
    "path": lambda asked, task: reached(asked),
    "rewrite": lambda asked, task: rewritten(asked, task.steps if isinstance(task, Rewrite) else 6),
}
"""The answers to what is asked after the name."""


def numbers_on(text: str, mark: str) -> str:
    """Numbers, least significant digit first."""
    return " ".join(number[::-1] for number in text.split("=")[0].split(mark))


def graph_on(text: str) -> str:
    letters = text.split("=")[0].translate(str.maketrans("0123456789", "abcdefghij"))
    before, after, start = re.split("[>:]", letters)
    assert start == before[0] == after[0]
    assert before[-1] == after[-1]
    edges = ",".join(map("".join, zip(before[1:-1], after[1:-1], strict=True)))
    return f"{edges}:{start}>{before[-1]}"


def conversion_on(text: str) -> str:
    letter, back, number = re.fullmatch(r"([A-Z])(\(?)(.*)", text.split("=")[0]).groups()
    digits = "".join(f"{int(digit.replace('^', '1')):x}" for digit in re.findall(r"\^?[0-9]", number))
    return f"{digits} {'from' if back else 'to'} {ord(letter) - ord('A') + 1}"


ON_PAGES: dict[str, Callable[[str], str]] = {
    "copy": lambda text: text.split("=")[0],
    "reverse": lambda text: text.split("=")[0],
    "sort": lambda text: text.split("=")[0][1:].replace(",", ""),
    "count": lambda text: " ".join(reversed(text.split("=")[0][1:].replace(",", "").split("?"))),
    "parity": lambda text: text.split("=")[0],
    "compare": lambda text: numbers_on(text, "?"),
    "modadd": lambda text: numbers_on(text, "+"),
    "sum": lambda text: numbers_on(text[1:], "+").replace(" ", "+"),
    "gcd": lambda text: numbers_on(text, "_"),
    "base": conversion_on,
    "path": graph_on,
    "rewrite": lambda text: text.split("=")[0].translate(str.maketrans("1234.?", "abcd,:")),
}
"""What is asked, read off a page."""

CELLS: dict[str, list[tuple[int, int]]] = {
    "compare": [(1, 1), (25, 25), (25, 2), (3, 9), (6, 6)],
    "parity": [(1, 1), (24, 24), (16, 16)],
    "modadd": [(0, 0)],
    "sum": [(1, 1), (2, 9), (12, 12), (3, 3)],
    "gcd": [(1, 1), (18, 18), (18, 2), (3, 9), (6, 4)],
    "base": [(1, 2), (3, 16), (7, 9), (15, 16), (5, 8)],
    "path": [(2, 1), (10, 9), (10, 90), (6, 8)],
    "rewrite": [(1, 1), (40, 8), (2, 3), (6, 3)],
}


def cells(task: Task) -> list[tuple[int, int]]:
    """Lengths to ask, the last of them long enough for many problems."""
    return CELLS.get(task.name, [(1, 1), (task.span[1], task.span[1]), (25, 25), (6, 6)])


every_worded = pytest.mark.parametrize("name", ANSWERS)


def short(name: str) -> Task:
    """With lengths that leave many problems, and short pages."""
    return TASKS[name](**{"parity": {"digits": "1-16"}, "modadd": {}, "path": {}}.get(name, {"digits": "1-6"}))


@every_worded
@pytest.mark.parametrize("split", ["train", "held-out", "test"])
def test_exports_are_right_and_in_their_split(name: str, split: str) -> None:
    task = short(name)
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


@every_worded
def test_entries_in_the_form_of_reasoning_gym(name: str) -> None:
    dataset = create_dataset(name, size=20, seed=1)
    for entry in dataset:
        assert entry["answer"] == ANSWERS[name](entry["question"].removeprefix(f"{name} "), dataset.task)
        assert dataset.score_answer(entry["answer"], entry) == 1.0
        assert (set(dataset.task.length_names) <= entry["metadata"].keys()) == (name != "modadd")


@every_worded
def test_a_changed_character_of_a_working_is_found(name: str) -> None:
    """Every line is held against Python: no character of a page can be another."""
    task, rng = short(name), np.random.default_rng(5)
    problems = task.draw(rng, 12)
    pages, questions = task.pages(problems), task.questions(problems)
    for text, prompt, question in zip(pages.texts(), pages.prompt.tolist(), questions, strict=True):
        written = text[prompt:-1]
        for place in range(len(written)):
            other = next(char for char in "1234567890" if char != written[place])
            changed = written[:place] + other + written[place + 1 :]
            fault = task.verify(question, changed)
            assert fault is not None
            assert fault.line <= len(task.lines(question))
            assert task.render(question, changed)
        for cut in range(len(written)):
            assert task.verify(question, written[:cut]) is not None
            assert task.render(question, written[:cut])
        assert task.verify(question, written + "1") is not None
        assert task.verify(question, written + "9" * 5000) is not None


@every_worded
@given(st.text("0123456789:;!,_?=+~><abcdefr ", max_size=20))
def test_nothing_that_a_model_writes_breaks_anything(name: str, written: str) -> None:
    task = TASKS[name]()
    question = task.parse(task.sample)
    answer = task.extract(written, question)
    if answer is None or answer != task.answer(question):
        assert task.verify(question, written) is not None
    assert task.render(question, written)


@every_worded
@given(st.text("0123456789 ,+:>?abcxyz", max_size=20))
def test_questions_are_understood_or_marked(name: str, asked: str) -> None:
    task = TASKS[name]()
    try:
        question = task.parse(f"{name} {asked}")
    except QuestionError as error:
        marked = error.place in range(len(error.text) + 1)
        assert marked, error  # noqa: PT017  either is right
        return
    assert task.parse(question) == question
    assert task.questions(task.problems([question])) == [question]
    assert task.answer(question) == ANSWERS[name](question.removeprefix(f"{name} "), task)


@every_worded
def test_samples_and_their_docstrings_are_true(name: str) -> None:
    """Every module shows a question and its page."""
    task = TASKS[name]()
    assert task.parse(task.sample) == task.sample
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
    task = TASKS[next(name for name in ANSWERS if typed.strip().startswith(name))]()
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
        TASKS[name](**options)


def test_one_string_has_one_length() -> None:
    with pytest.raises(ValueError, match="6x4: task reverse asks one string of 1 to 2000 digits"):
        make("reverse", "1-8").test(1, (6, 4), seed=0)


def test_a_working_for_people() -> None:
    task = TASKS["count"]()
    assert drawn(task.render("count 3 31", "31,31")) == "count 3 31\n----------\n3   1\n1   1\n----------\n1"


@pytest.mark.parametrize("way", ["to", "from"])
def test_conversions_are_written_in_facts_of_one_digit(way: str) -> None:
    """Each digit of a row follows from those above it and the one before: digit * base + remainder = 10 * carry + digit."""
    task = Base(digits="1-12", direction=way)
    problems = task.draw(np.random.default_rng(7), 200)
    pages = task.pages(problems)

    def digits(row: str) -> list[int]:
        return [int(digit.replace("^", "1")) for digit in re.findall(r"\^?[0-9]", row)]

    for text, question in zip(pages.texts(), task.questions(problems), strict=True):
        base = int(question.rpartition(" ")[2])
        letter = chr(ord("A") + base - 1)
        if way == "to":
            above, *lines = re.findall(rf"[^{letter}]+", text[1:].replace("=", letter).rstrip("$"))
            for rests, quotients in zip(lines[::2], lines[1::2], strict=True):
                tops, rest = digits(above), 0
                for top, quotient, left in zip(tops, digits(quotients), digits(rests), strict=True):
                    assert 10 * rest + top == quotient * base + left
                    rest, above = left, quotients
            assert set(above) == {"0"}
        else:
            value: list[int] = []
            given, *lines, end = text.partition("(")[2].split(";")
            assert end == "$"
            for number, line in zip(digits(given), lines, strict=True):
                digit, carries, leaves = re.split(rf"[={letter}]", line)
                [carry] = digits(digit)
                assert carry == number
                for k, (carried, left) in enumerate(zip(digits(carries), digits(leaves), strict=True)):
                    assert (value[k] if k < len(value) else 0) * base + carry == 10 * carried + left
                    carry = carried
                value = digits(leaves)
                assert carry == 0


def test_long_numbers_are_converted() -> None:
    task = Base()
    asked = ["f" * 20 + " from 16", "9" * 20 + " to 2", "1" + "0" * 19 + " to 16"]
    problems = task.problems([f"base {what}" for what in asked])
    pages = task.pages(problems)
    for what, text, prompt in zip(asked, pages.texts(), pages.prompt.tolist(), strict=True):
        assert task.extract(text[prompt:-1], f"base {what}") == converted(what)
    with pytest.raises(QuestionError, match="21 digits: at most 20 are taken"):
        task.parse("base " + "1" * 21 + " to 2")


@pytest.mark.parametrize(
    ("asked", "written", "line"),
    [
        ("255 to 16", "29^5P015=01^5P000", None),
        ("255 to 16", "29^5P015=01^5P001", 2),
        ("255 to 16", "29^4P015=01^5P000", 1),
        ("255 to 16", "29^5P015=01^5P000=000P000", 2),
        ("255 to 16", "29^5O015=01^5P000", 1),
        ("ff from 16", ";^5=10P51;^5=920P552;", None),
        ("ff from 16", ";^5=10P51;^5=920P552", 3),
        ("ff from 16", ";^5=10P51;^5=910P552;", 2),
        ("ff from 16", ";^5=10P51;^4=920P552;", 2),
    ],
)
def test_the_wrong_line_of_a_conversion_is_named(asked: str, written: str, line: int | None) -> None:
    fault = Base().verify(f"base {asked}", written)
    assert (fault and fault.line) == line


def test_a_conversion_for_people() -> None:
    drawing = drawn(Base().render("base 255 to 16", "29^5P015=01^5P000"))
    assert drawing.splitlines()[2:4] == ["15   15", "15   0"]
    drawing = drawn(Base().render("base ff from 16", ";^5=10P51;^5=920P552;"))
    assert drawing.splitlines()[2:4] == ["15   15", "15   255"]
    assert drawing.endswith("\n255")


def test_numbers_to_compare_are_near_each_other() -> None:
    task = Compare(digits="6-6")
    questions = task.questions(task.draw(np.random.default_rng(0), 1000))
    answers = [task.answer(question) for question in questions]
    assert 100 < answers.count("=") < 300
    pairs = [question.split()[1:] for question in questions]
    assert sum(sum(x != y for x, y in zip(a, b, strict=True)) == 1 for a, b in pairs) > 200


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_of_the_pairs_is_trained_on(share: float) -> None:
    task = ModAdd(p=31, train_share=share)
    every = task.problems([f"modadd {a} {b}" for a in range(31) for b in range(31)])
    held_out = task.held_out(every)
    assert abs((~held_out).mean() - share) < 0.05
    met = {q for step in range(5) for q in task.questions(task.stream(999, seed=step, split="train", rank=0, step=step))}
    assert met <= set(np.array(task.questions(every))[~held_out].tolist())
    assert len(met) > 0.9 * (~held_out).sum()


def test_graphs_are_reached_about_as_often_as_not() -> None:
    task = TASKS["path"]()
    questions = task.questions(task.draw(np.random.default_rng(0), 600))
    assert 200 < sum(task.answer(question) == "yes" for question in questions) < 400
    assert {len(task.lines(question)) for question in questions} >= {2, 3, 4, 5}


@pytest.mark.parametrize("cell", [(6, 8), (10, 20), (10, 90)])
def test_a_row_of_a_graph_takes_one_look_at_the_row_before(cell: tuple[int, int]) -> None:
    """By the page alone: its columns, and the row before."""
    task = TASKS["path"]()
    problems = task.draw_suite(np.random.default_rng(0), 100, cell, "edges")
    for text in task.pages(problems).texts():
        given, written = text.rstrip("$").split("=")
        before, after, row = re.split("[>:]", given)
        ends = re.findall("[,+-]", written)
        for line, end in zip(re.findall("[0-9n]+", written), ends, strict=True):
            assert [char if char != "n" else None for char in line] == [
                b if a in row else None for a, b in zip(before, after, strict=True)
            ]
            goes_on = line[-1] == "n" and line != row.ljust(len(before), "n")
            assert end == ("," if goes_on else "-" if line[-1] == "n" else "+")
            row = line
        assert len(ends) <= 10


@pytest.mark.parametrize(
    ("asked", "written", "line"),
    [
        ("ab,bc:a>c", "01nn,012n,0122+", None),
        ("ab,bc:a>c", "01nn,01nn-", 2),
        ("ab,bc:a>c", "012n,0122+", 1),
        ("ab,bc:a>c", "01nn,012n+", 2),
        ("ab,bc:a>c", "01nn,012n,0122,", 3),
        ("ab,bc:a>c", "01nn,012n,0122+0122+", 4),
        ("ab,bc:b>a", "1n2n,1n2n-", None),
        ("ab,bc:b>a", "1n2n,1n2n,1n2n-", 2),
        ("ab,bc:c>c", "2nn2+", None),
        ("ab,bc:c>a", "2nnn-", None),
    ],
)
def test_the_wrong_row_of_a_graph_is_named(asked: str, written: str, line: int | None) -> None:
    fault = TASKS["path"]().verify(f"path {asked}", written)
    assert (fault and fault.line) == line


def test_a_graph_for_people() -> None:
    task = TASKS["path"]()
    rows = drawn(task.render("path ab,bc,ca,de:a>c", "01nnnn,012nnn,0120n2+")).splitlines()
    assert rows[2:5] == ["a ab .. .. .. ..", "a ab bc .. .. ..", "a ab bc ca .. c   c is reached"]
    assert rows[-1] == "yes"
    rows = drawn(task.render("path ab,bc:b>a", "1n2n,1n2n-")).splitlines()
    assert (rows[2:4], rows[-1]) == (["b .. bc ..", "b .. bc ..   nothing new"], "no")


def test_rules_apply_more_than_once() -> None:
    task = TASKS["rewrite"]()
    steps = [len(task.lines(question)) - 1 for question in task.questions(task.draw(np.random.default_rng(0), 600))]
    assert max(steps) == task.steps
    assert all(steps.count(k) > 10 for k in range(4))


def test_a_task_for_lm_eval_of_numbers_only() -> None:
    made = {"n": 20, "cells": None, "suite": None, "seed": 0, "command": "arithgpt export-lm-eval", "version": "0"}
    files = harness_task(TASKS["count"](digits="6-8"), shots=0, **made)
    asked = [json.loads(line) for line in files["arithgpt_count.jsonl"].splitlines()]
    assert all(row["answer"] == ANSWERS["count"](row["question"].removeprefix("count "), None) for row in asked)
    with pytest.raises(ValueError, match="free text"):
        harness_task(TASKS["copy"](), shots=0, **made)


def test_the_command_line(arithgpt: Call, tmp_path: File) -> None:
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

"""Reachability in graphs and string rewriting."""

import re

import numpy as np
import pytest

from tasks import drawn, make


def test_graphs_are_reached_about_as_often_as_not() -> None:
    task = make("path")
    questions = task.questions(task.sample(np.random.default_rng(0), 600))
    assert 200 < sum(task.answer(question) == "yes" for question in questions) < 400
    assert {len(task.expected_lines(question)) for question in questions} >= {2, 3, 4, 5}


@pytest.mark.parametrize("cell", [(6, 8), (10, 20), (10, 90)])
def test_a_row_of_a_graph_takes_one_look_at_the_row_before(cell: tuple[int, int]) -> None:
    """By the page alone: its columns, and the row before."""
    task = make("path")
    problems = task.sample_suite(np.random.default_rng(0), 100, cell, "edges")
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
    fault = make("path").verify(f"path {asked}", written)
    assert (fault and fault.line) == line


def test_drawings_of_graphs() -> None:
    task = make("path")
    rows = drawn(task.render("path ab,bc,ca,de:a>c", "01nnnn,012nnn,0120n2+")).splitlines()
    assert rows[2:5] == ["a ab .. .. .. ..", "a ab bc .. .. ..", "a ab bc ca .. c   c is reached"]
    assert rows[-1] == "yes"
    rows = drawn(task.render("path ab,bc:b>a", "1n2n,1n2n-")).splitlines()
    assert (rows[2:4], rows[-1]) == (["b .. bc ..", "b .. bc ..   nothing new"], "no")


def test_rules_apply_more_than_once() -> None:
    task = make("rewrite")
    steps = [len(task.expected_lines(question)) - 1 for question in task.questions(task.sample(np.random.default_rng(0), 600))]
    assert max(steps) == task.steps
    assert all(steps.count(k) > 10 for k in range(4))

"""Tasks on natural numbers: conversion of bases, comparison, addition modulo a number."""

import re

import numpy as np
import pytest
from helpers.named_tasks import converted

from tasks import QuestionError, drawn
from tasks.numbers.base import Base
from tasks.numbers.compare import Compare
from tasks.numbers.modadd import ModAdd


@pytest.mark.parametrize("way", ["to", "from"])
def test_conversions_are_written_in_facts_of_one_digit(way: str) -> None:
    """Each digit of a row follows from those above it and the one before: digit * base + remainder = 10 * carry + digit."""
    task = Base(digits="1-12", direction=way)
    problems = task.sample(np.random.default_rng(7), 200)
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


def test_drawings_of_conversions() -> None:
    drawing = drawn(Base().render("base 255 to 16", "29^5P015=01^5P000"))
    assert drawing.splitlines()[2:4] == ["15   15", "15   0"]
    drawing = drawn(Base().render("base ff from 16", ";^5=10P51;^5=920P552;"))
    assert drawing.splitlines()[2:4] == ["15   15", "15   255"]
    assert drawing.endswith("\n255")


def test_numbers_to_compare_are_near_each_other() -> None:
    task = Compare(digits="6-6")
    questions = task.questions(task.sample(np.random.default_rng(0), 1000))
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

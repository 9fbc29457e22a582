"""Tasks whose questions begin with their name: variants to test, and their answers by means that share nothing with them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from tasks import Task, find
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

TESTED_NAMED_TASKS: list[Task] = [
    Copy(digits="30-40"),
    Reverse(digits="2-6,20"),
    Reverse(scratchpad=False),
    Sort(digits="1-20"),
    Count(digits="5-30", hit_share=1.0),
    Parity(digits="10-40"),
    Parity(scratchpad=False),
    Compare(digits="1-6,20x3", near_share=1.0),
    ModAdd(p=113, train_share=0.3),
    Sum(operands="1-6", digits="2-12"),
    GCD(digits="1-9", common_share=1.0),
    Base(digits="2-9", bases="2-12", direction="to"),
    Base(digits="3-15", direction="from"),
    Path(nodes="2-10", edges="2-30", long_path_share=0.2),
    Rewrite(digits="4-20", rules="1-8", steps=15, hit_share=1.0),
]


def ordered(digits: str) -> str:
    """Sort digits."""
    return "".join(digit * len(re.findall(digit, digits)) for digit in "0123456789")


def converted(asked: str) -> str:
    """Convert a number, as in `255 to 16`."""
    number, way, base = asked.split()
    if way == "to":
        return np.base_repr(int(number), int(base)).lower()
    return str(sum(int(digit, 16) * int(base) ** place for place, digit in enumerate(reversed(number))))


def added(asked: str, p: int) -> str:
    """Add two numbers modulo p."""
    total = sum(map(int, asked.split()))
    return str(total - p if total >= p else total)


def reached(asked: str) -> str:
    """Tell whether a node is reached, by powers of the adjacency matrix."""
    edges, start, _, goal = re.fullmatch("(.*):(.)(>)(.)", asked).groups()
    matrix = np.eye(10, dtype=int)
    for edge in edges.split(","):
        matrix[tuple(ord(node) - ord("a") for node in edge)] = 1
    ways = np.linalg.matrix_power(matrix.astype(object), 10)
    return "yes" if ways[ord(start) - ord("a"), ord(goal) - ord("a")] else "no"


def rewritten(asked: str, steps: int) -> str:
    """Apply rules to a string, place by place."""
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
    """Compare two numbers."""
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
    """Read numbers off a page, where they stand least significant digit first."""
    return " ".join(number[::-1] for number in text.split("=")[0].split(mark))


def graph_on(text: str) -> str:
    """Read the graph and the question off a page of `path`."""
    letters = text.split("=")[0].translate(str.maketrans("0123456789", "abcdefghij"))
    before, after, start = re.split("[>:]", letters)
    assert start == before[0] == after[0]
    assert before[-1] == after[-1]
    edges = ",".join(map("".join, zip(before[1:-1], after[1:-1], strict=True)))
    return f"{edges}:{start}>{before[-1]}"


def conversion_on(text: str) -> str:
    """Read the number and the bases off a page of `base`."""
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
    return CELLS.get(task.name, [(1, 1), (task.size_span.high, task.size_span.high), (25, 25), (6, 6)])


every_named_task = pytest.mark.parametrize("name", ANSWERS)


def small_task(name: str) -> Task:
    """With lengths that leave many problems, and short pages."""
    return find(name)(**{"parity": {"digits": "1-16"}, "modadd": {}, "path": {}}.get(name, {"digits": "1-6"}))

"""Expressions for tests: random ones as trees, what a person types, and the pages of the task."""

from __future__ import annotations

from helpers.paths import TYPED_EXPRESSIONS
from hypothesis import strategies as st

from tasks.expression.task import Expression

TASK = Expression()
TYPED = [line.rpartition(" = ")[::2] for line in TYPED_EXPRESSIONS.read_text("utf-8").splitlines()]
"""Typed expressions and their answers."""


def page(question: str) -> str:
    """Return the whole page of a plain question."""
    [text] = TASK.pages(TASK.problems([question])).texts()
    return text


def written(question: str) -> str:
    """Return what follows the prompt, without the stop."""
    return page(question).partition("=")[2].removesuffix("$")


_numbers = st.builds(
    lambda whole, fraction, sign: f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}",
    st.integers(0, 10**6) | st.integers(0, 9),
    st.sampled_from(["", "", ""]) | st.text("0123456789", min_size=1, max_size=4),
    st.sampled_from(["", "", "-"]),
)
trees = st.recursive(
    _numbers,
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner) | st.tuples(st.sampled_from(["", "-"]), inner),
    max_leaves=7,
)
questions = st.builds(lambda tree, places: f"{text_of(tree)} to {places}", trees, st.integers(0, 9))


def text_of(tree: str | tuple) -> str:
    """Write a tree: a number, (sign, tree) or (tree, operator, tree)."""
    if isinstance(tree, str):
        return tree
    if len(tree) == 2:
        return f"{tree[0]}({text_of(tree[1])})"
    left, sign, right = tree
    left, right = (
        f"({text_of(side)})" if isinstance(side, tuple) and len(side) == 3 else text_of(side) for side in (left, right)
    )
    return f"{left}{sign}{right}"

"""Tables fit a terminal, and figures are not rounded up to certainty."""

import pandas as pd
from helpers.evaluation import ask
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eval.metrics.accuracy import by_length
from eval.reports.format import percent
from eval.reports.tables import length_table
from eval.solvers.reference import ExactSolver
from tasks.arithmetic.addition import Addition


@given(st.floats(0, 1))
def test_percent_never_rounds_up_to_certainty(share: float) -> None:
    shown = percent(share)
    assert (shown == "100%") == (share == 1)
    assert (shown == "0%") == (share == 0)


def test_the_table_fits_eighty_columns() -> None:
    rows = ask(
        ExactSolver(),
        Addition(digits="1-8"),
        [(1, 1), (8, 8), (100, 100)],
        samples=1000,
        seed=0,
        suites=("random", "chains", "nines"),
    )
    wrong = pd.concat([rows, rows.assign(digits="1000", outcome="wrong").iloc[1:]])
    console = Console(width=80, record=True, force_terminal=False)
    with console.capture() as shown:
        console.print(length_table(by_length(pd.concat([wrong, rows.iloc[:1].assign(digits="1000")]))))
    text = shown.get()
    assert "…" not in text
    assert "1000/1000" in text
    assert max(map(len, text.splitlines())) <= 80


def test_suites_of_different_lengths_stand_in_one_table() -> None:
    def rows_of(digits: int, suite: str) -> pd.DataFrame:
        return ask(ExactSolver(), Addition(digits="1-8"), [(digits, digits)], samples=5, seed=0, suites=(suite,))

    console = Console(width=80, record=True, force_terminal=False)
    with console.capture() as shown:
        console.print(length_table(by_length(pd.concat([rows_of(8, "random"), rows_of(800, "chains")]))))
    lines = [line.split() for line in shown.get().splitlines()[2:]]
    assert lines[0] == ["8", "held", "out", "5", "100%", "56.55", "to", "100%", "100%", "-", "0"]
    assert lines[1] == ["800", "beyond", "-", "-", "-", "-", "5/5", "0"]

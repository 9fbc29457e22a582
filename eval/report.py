"""Tables of results for a terminal."""

from __future__ import annotations

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

SUITE_TITLES = {"random": "exact", "chains": "carries", "nines": "9..9+1"}


def length_table(summary: pd.DataFrame, title: str) -> Table:
    """Exact match by digit length: one line a length, the random suite in full and the others as right/asked.

    It fits a terminal of 80 columns.
    """
    suites = [suite for suite in summary.suite.unique() if suite != "random"]
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for name in (
        "digits",
        "trained",
        "n",
        "exact",
        "95%",
        *(SUITE_TITLES.get(suite, suite) for suite in suites),
        "unread",
        "cut",
    ):
        table.add_column(name, justify="left" if name == "trained" else "right", no_wrap=True)
    for digits, rows in summary.groupby("digits", sort=False):
        row = rows[rows.suite == "random"].iloc[0]
        others = [rows[rows.suite == suite].iloc[0] for suite in suites]
        table.add_row(
            str(digits),
            row.trained,
            str(row.n),
            percent(row.accuracy),
            f"{percent(row.low)} to {percent(row.high)}".replace("% to", " to"),
            *(f"{other.right}/{other.n}" for other in others),
            str(int(rows.unreadable.sum())),
            str(int(rows.unfinished.sum())),
            style=None if row.right == row.n else "yellow",
        )
    return table


def percent(share: float) -> str:
    """Two decimals, but 100% only for 1 and 0% only for 0: 0.99999 reads 99.99%."""
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{min(max(100 * share, 0.01), 99.99):.2f}%"

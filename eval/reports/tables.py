"""Tables of results for a terminal; each fits 80 columns where the number of lengths allows it."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from eval.metrics.accuracy import is_grid
from tasks import TASKS, Task

SUITE_TITLES = {"nines": "9..9+1"}
MOST_BESIDE, MANY = 2, 10_000  # suites that have room beside the first one; one less where so many were asked
MARKS = {"seen": "°", "mixed": "°", "beyond": "›"}
ROOM = {9: 2, 11: 1, math.inf: 0}  # columns of a grid that have room in a terminal, and with how many decimals


def results(summary: pd.DataFrame, name: str) -> list[Table | str]:
    """What `by_length` found, task by task, with titles: a grid where the lengths form one, else a line a length."""
    tables: list[Table | str] = []
    for task, rows in summary.groupby("task", sort=False):
        others = []
        for suite, own in rows.groupby("suite", sort=False):
            if is_grid(own):
                tables.append(f"{name}, {task}, {suite}: exact match in % by {_down_across(task)}")
                tables += [grid(own), *filter(None, [_legend(own)]), _in_all(own)]
            else:
                others.append(own)
        if others:
            room = MOST_BESIDE - (rows.n.max() >= MANY)
            beside = others if len(others) <= 1 + room else others[:1]
            tables += [f"{name}, {task}: exact match by {lengths_title(task)}", length_table(pd.concat(beside))]
            if len(others) > len(beside):
                tables += [f"{name}, {task}: right of the problems of each suite", suites_table(pd.concat(others[1:]))]
    return tables


def counted(task: str) -> tuple[str, str] | None:
    """What the lengths of a task count where it is not the digits of both operands: operators and levels."""
    counts = TASKS[task].counts if task in TASKS else Task.counts
    return None if counts == Task.counts else counts


def lengths_title(task: str) -> str:
    """What the lengths of a task are called."""
    return " x ".join(dict.fromkeys(counted(task) or ["digit length"]))


def _down_across(task: str) -> str:
    counts = counted(task)
    return f"{counts[0]}, down, and {counts[1]}, across" if counts else "digits, left operand down, right across"


def grid(cells: pd.DataFrame) -> Table:
    """Exact match of one suite in %, digits of the left operand by digits of the right, with MARKS for what training met."""
    rights = sorted(cells.right.unique())
    decimals = next(decimals for columns, decimals in ROOM.items() if len(rights) <= columns)
    table = plain_table()
    table.add_column("", justify="right")
    for right in rights:
        table.add_column(f"{right} ", justify="right", no_wrap=True)
    for left, row in cells.sort_values("right").groupby("left"):
        table.add_row(str(left), *(_cell(cell.accuracy, cell.trained, decimals) for cell in row.itertuples()))
    return table


def _cell(share: float, trained: str, decimals: int) -> str:
    shown = percent(share, decimals).removesuffix("%") + MARKS.get(trained, " ")
    style = "yellow" if share < 1 else "dim" if trained == "beyond" else ""
    return f"[{style}]{shown}[/]" if style else shown


def _legend(cells: pd.DataFrame) -> str:
    """What the marks of a grid mean, those that it has."""
    has = set(cells.trained)
    told = {"°": "some or all seen in training" if "mixed" in has else "seen in training", "›": "beyond its lengths"}
    marked = [f"{mark} {told[mark]}" for mark in dict.fromkeys(MARKS[kind] for kind in MARKS if kind in has)]
    return ", ".join([*marked, "unmarked: held out of it" if "held out" in has else ""]).rstrip(", ") if marked else ""


def _in_all(cells: pd.DataFrame) -> str:
    n, right, valid = (int(cells[name].sum()) for name in ("n", "right_answers", "valid"))
    worst = cells.sort_values(["accuracy", "low"]).iloc[0]
    return (
        f"{right:,} of {n:,} right, {valid:,} of those with a valid working\n"
        f"the worst cell, {worst.digits}: {worst.right_answers} of {worst.n}, {percent(worst.low)} to {percent(worst.high)}"
    )


def length_table(summary: pd.DataFrame) -> Table:
    """Exact match by digit length: one line a length, the first suite in full ("exact") and the others as right/asked.

    `valid` is the share of right answers with a valid working, `none` counts what was no answer or unfinished in any suite,
    and `failed`, where there is one, what could not be asked.
    """
    first, *others = summary.suite.unique()
    table = plain_table()
    counted = [suite_title(suite) for suite in others]
    partial = ["failed"] if summary.failed.any() else []
    exact = "exact" if first == "random" else first
    for name in ("digits", "trained", "n", exact, "95%", "valid", *counted, "none", *partial):
        table.add_column(name, justify="left" if name == "trained" else "right", no_wrap=True)
    for digits, rows in summary.groupby("digits", sort=False):
        of_suite = {row.suite: row for row in rows.itertuples()}  # not every suite has problems of every length
        table.add_row(
            str(digits),
            rows.iloc[0].trained,
            *(_in_full(of_suite[first]) if first in of_suite else ["-"] * 4),
            *(f"{of_suite[suite].right_answers}/{of_suite[suite].n}" if suite in of_suite else "-" for suite in others),
            str(int(rows.unreadable.sum() + rows.unfinished.sum())),
            *(str(int(rows[name].sum())) for name in partial),
            style=None if (rows.right_answers == rows.n).all() else "yellow",
        )
    return table


def _in_full(row: NamedTuple) -> list[str]:
    """How many were asked, the share that was right with its interval, and that of valid workings."""
    interval = f"{percent(row.low)} to {percent(row.high)}".replace("% to", " to")
    return [str(row.n), percent(row.accuracy), interval, percent(row.valid / row.right_answers) if row.right_answers else "-"]


def characters_table(kinds: pd.DataFrame) -> Table:
    """What `characters.first_wrong` found: the kinds of characters that were wrong first, the most frequent on top."""
    table = plain_table()
    for name in ("in the number after", "character", "first wrong", "of", "rate", "on lines"):
        table.add_column(name, justify="left" if name in ("character", "on lines") else "right")
    for kind in kinds[kinds.wrong > 0].itertuples():
        shown = (str(kind.wrong), f"{kind.reached:,}", f"{kind.rate:.1e}", kind.lines)
        table.add_row(escape(kind.number), escape(kind.character), *shown)
    return table


def suites_table(summary: pd.DataFrame) -> Table:
    """Right/asked of several suites: one line a length."""
    table = plain_table()
    suites = list(summary.suite.unique())
    for name in ("digits", *(suite_title(suite) for suite in suites)):
        table.add_column(name, justify="right", no_wrap=True)
    for digits, rows in summary.groupby("digits", sort=False):
        own = {row.suite: f"{row.right_answers}/{row.n}" for row in rows.itertuples()}
        right = (rows.right_answers == rows.n).all()
        table.add_row(str(digits), *(own.get(suite, "-") for suite in suites), style=None if right else "yellow")
    return table


def kinds_table(counts: pd.DataFrame) -> Table:
    """What `mistakes.counted` found."""
    table = plain_table()
    for name in ("task", "kind", "mistakes"):
        table.add_column(name, justify="right" if name == "mistakes" else "left")
    for row in counts.itertuples():
        table.add_row(row.task, row.kind, f"{row.n:,}")
    return table


def side_by_side_table(table: pd.DataFrame) -> Table:
    """What `compare.side_by_side` found: a line for each task, suite and lengths."""
    shown = plain_table()
    for name in table.columns:
        shown.add_column(escape(name), justify="left" if name in ("task", "suite") else "right")
    for row in table.itertuples(index=False):
        shown.add_row(*(cell if isinstance(cell, str) else "-" if pd.isna(cell) else percent(cell) for cell in row))
    return shown


def paired_table(table: pd.DataFrame, a: str, b: str) -> Table:
    """What `compare.paired` found of the solvers called a and b."""
    shown = plain_table()
    for name in ("task", "suite", "digits", "n", "both", f"only {a}", f"only {b}", "neither", "p"):
        shown.add_column(escape(name), justify="left" if name in ("task", "suite") else "right")
    for row in table.itertuples(index=False):
        counts = (row.n, row.both, row.only_a, row.only_b, row.neither)
        style = "yellow" if row.p < 0.05 else None
        shown.add_row(row.task, row.suite, row.digits, *map(str, counts), f"{row.p:.2g}", style=style)
    return shown


def plain_table() -> Table:
    """An empty table as all of them look."""
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)


def suite_title(suite: str) -> str:
    """The name of a suite as tables show it."""
    return SUITE_TITLES.get(suite, suite)


def percent(share: float, decimals: int = 2) -> str:
    """As many decimals, but 100% only for 1 and 0% only for 0: 0.99999 reads 99.99%. `-` where there is none."""
    if math.isnan(share):
        return "-"
    if share in (0, 1):
        return f"{share:.0%}"
    least = 10.0**-decimals
    return f"{min(max(100 * share, least), 100 - least):.{decimals}f}%"

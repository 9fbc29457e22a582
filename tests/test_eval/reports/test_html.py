"""The page of a report: its figures are those measured, nothing from outside is taken for HTML, and it needs nothing else."""

import re
from html import unescape

from helpers.reports import HOSTILE, Reader, Slips, adder, grid, log
from hypothesis import given
from hypothesis import strategies as st

from eval.reports.charts import heatmaps
from eval.reports.format import map_cell, percent
from eval.reports.html import page
from eval.reports.html_parts import escape


def test_the_figures_are_those_of_the_summary() -> None:
    result = adder()
    rows = Reader(page([result], "title")).rows
    for row in result.table.itertuples():
        shown = [row.digits, row.trained, str(row.n), str(row.correct), *map(percent, (row.accuracy, row.low, row.high))]
        assert shown in [line[:7] for line in rows]
    total = {"held out": (3, "random"), "seen": (1, "random"), "beyond": (5, "random")}
    short = next(line for line in rows if line[1:3] == ["add", "random"])
    for cell, (left, suite) in zip(short[3:], total.values(), strict=True):
        own = result.table[(result.table.left == left) & (result.table.suite == suite)].iloc[0]
        assert cell.startswith(f"{percent(own.accuracy)} {own.correct} of {own.n}, {percent(own.low)} to")


def test_nothing_from_outside_is_taken_for_html() -> None:
    text = page([adder(recipe=f"# {HOSTILE!r}"), grid()], HOSTILE, pairs=True)
    assert "script" not in Reader(text).tags
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)


@given(st.text())
def test_text_is_shown_as_it_is(text: str) -> None:
    shown = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
    assert unescape(escape(text)) == shown
    assert not set('<>"') & set(escape(text))


def test_the_page_needs_nothing_else() -> None:
    text = page([adder(metrics=log(1)), grid()], "title")
    assert not re.search(r"https?:|url\(|@import|\bsrc=|\bhref=", text)
    assert Reader(text).tags.isdisjoint({"script", "link", "img", "iframe"})
    assert "prefers-color-scheme: dark" in text


def test_the_same_results_give_the_same_bytes() -> None:
    assert page([adder(metrics=log(1)), grid()], "title") == page([adder(metrics=log(1)), grid()], "title")


def test_the_map_marks_what_training_met() -> None:
    result = grid()
    (one, edges) = heatmaps(result)
    assert (one.lefts, one.rights) == ([1, 2, 3], [1, 2, 3])
    assert one.in_training == edges.in_training == [[True, True, False], [True, True, False], [True, False, False]]
    assert [one.borders(*cell) for cell in ((0, 0), (1, 1), (2, 0), (2, 2), (0, 1))] == ["tl", "br", "blr", "", "tr"]
    shown = Reader(page([result], "title")).rows
    for row, left in enumerate(one.lefts):
        cells = [map_cell(*cell) for cell in zip(one.shares[row], one.trained[row], strict=True)]
        assert [str(left), *cells] in shown
    assert one.trained[0][0] == "seen"
    assert map_cell(1.0, "seen") == "100°"
    assert map_cell(0.99999, "beyond") == "99.99"


def test_partial_results_are_marked() -> None:
    whole, partial = adder(), adder(Slips(fails=4))
    assert "PARTIAL" not in page([whole], "title")
    text = page([partial], "title")
    failed = int((partial.rows.outcome == "failed").sum())
    assert f"{failed} of {len(partial.rows)} problems could not be asked: HTTP 500 &lt;script&gt;" in text
    assert "not asked" in text
    none = adder(Slips(fails=1))
    assert none.table.n.sum() == 0
    Reader(page([none, grid()], "title", pairs=True))

"""The one table: nothing is cut at any width, and lines keep to the width where that is possible."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eval.reports.layout import TextTable, lay_out, print_record, print_table

WORD = st.text("abcXYZ019-_.+*/x", min_size=1, max_size=30)
SENTENCE = st.lists(WORD, min_size=1, max_size=8).map(" ".join)


@st.composite
def tables(draw: st.DrawFn, *, prose: bool) -> TextTable:
    """Tables with two to five columns, of which the last may be one of sentences."""
    n = draw(st.integers(2, 5))
    kinds = [WORD] * (n - 1) + [SENTENCE if prose else WORD]
    rows = draw(st.lists(st.tuples(*kinds), min_size=1, max_size=4))
    heads = draw(st.tuples(*[WORD] * n))
    return TextTable(heads, rows, text_columns=(0, n - 1), prose=(n - 1,) if prose else (), keys=draw(st.integers(1, n - 1)))


def shown(table: TextTable, width: int) -> list[str]:
    """The lines of a table as a terminal of some width shows them."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_table(table, console)
    return console.file.getvalue().splitlines()


@given(tables(prose=False) | tables(prose=True), st.integers(10, 200))
def test_every_cell_is_there_whole_and_in_order(table: TextTable, width: int) -> None:
    lines = shown(table, width)
    text = " ".join(" ".join(lines).split())
    for row in table.rows:
        for index, cell in enumerate(row):
            if index not in table.prose:
                assert any(cell in line for line in lines), (cell, lines)
            else:
                for word in cell.split():
                    assert word in text
    assert "…" not in text


@given(tables(prose=False) | tables(prose=True), st.integers(10, 200))
def test_only_a_cell_that_is_wider_by_itself_leaves_the_width(table: TextTable, width: int) -> None:
    longest = max(len(part) for row in [table.heads, *table.rows] for cell in row for part in cell.split())
    assert max(map(len, shown(table, width))) <= max(width, longest)


@given(tables(prose=True))
def test_where_there_is_room_a_row_is_a_line(table: TextTable) -> None:
    lines = shown(table, 2000)
    assert len(lines) == 2 + len(table.rows)
    for line, row in zip(lines[2:], table.rows, strict=True):
        assert line.split() == " ".join(row).split()


def test_figures_come_in_bands_that_repeat_the_keys() -> None:
    table = TextTable(("digits", "exact", "valid", "none"), [("1", "100%", "99%", "0"), ("10", "98.5%", "-", "3")])
    assert shown(table, 16) == [
        "digits  exact",
        "─────────────",
        "     1   100%",
        "    10  98.5%",
        "",
        "digits  valid",
        "─────────────",
        "     1    99%",
        "    10      -",
        "",
        "digits  none",
        "────────────",
        "     1     0",
        "    10     3",
    ]


def test_a_name_that_fills_the_width_gives_a_row_its_own_lines() -> None:
    table = TextTable(("run", "exact"), [("a-name-of-thirty-characters-xyz", "100%")], text_columns=(0,))
    assert len(table.rows[0][0]) == 31
    assert shown(table, 38) == ["run" + " " * 30 + "exact", "─" * 38, "a-name-of-thirty-characters-xyz   100%"]
    assert shown(table, 37) == ["run", "a-name-of-thirty-characters-xyz", "exact  100%"]
    assert shown(table, 12) == ["run", "a-name-of-thirty-characters-xyz", "exact", "  100%"]


def test_lines_of_a_cell_stay_below_each_other() -> None:
    table = TextTable(("variant", "in range"), [("page", "99.5%\n98 to 100%"), ("rope", "3%")], text_columns=(0,))
    assert [line.plain for line in lay_out(table, 80, ascii_only=True)][1:] == [
        "-------------------",
        "page          99.5%",
        "         98 to 100%",
        "rope             3%",
    ]


def test_facts_without_a_value_are_left_out() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_record({"status": "finished", "proof": "", "steps": "3"}, console)
    assert console.file.getvalue().splitlines() == ["status  finished", "steps   3"]

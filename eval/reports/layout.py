"""The one table of the project, and how a terminal shows it: nothing that somebody may want to copy is ever cut.

    run    task  exact        a table that fits its width
    ─────────────────
    add-8  add    100%

    run    add-8              a narrow terminal: each row as lines, where there is prose or a cell fills the width
    task   add
    exact  100%

A table of figures that does not fit is drawn in bands instead, each with the key columns on the left. A name, a question or a
path stays on one line, which a terminal wraps by itself, so that it can be copied whole.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

Mark: TypeAlias = Literal["", "good", "notice", "strong", "quiet"]
STYLES: Final[dict[Mark, str]] = {"": "", "good": "green", "notice": "yellow", "strong": "bold", "quiet": "dim"}
GAP: Final = "  "
NARROW: Final = 20
"""Columns that prose has at least; a table that has less room for it is drawn row by row."""


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are text. A cell may have several lines; all but the first are drawn small or dim."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: Sequence[int] = ()
    """Columns of words, drawn on the left; the others are figures."""
    marks: Sequence[Mark] = ()
    """One for each row; empty: no row is marked."""
    cell_marks: Sequence[Sequence[Mark]] = ()
    """One for each cell of each row, in place of `marks`; empty: no cell is marked by itself."""
    prose: Sequence[int] = ()
    """Columns of sentences, which may be broken between words. All other columns stay whole."""
    keys: int = 1
    """Columns on the left that say what a row is about."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table in the width that the console has."""
        for line in lay_out(self, options.max_width, ascii_only=options.ascii_only):
            line.no_wrap, line.overflow = True, "ignore"
            yield line


def print_table(table: TextTable, console: Console) -> None:
    """Print a table. A line with a cell that is wider than the terminal goes on past its edge, and is not cut."""
    console.print(table, soft_wrap=True)


def print_record(facts: Mapping[str, str], console: Console, *, prose: Collection[str] = ()) -> None:
    """Print facts as lines of a name and a value, without those that are empty.

    Args:
        facts: values by name.
        console: Where to print.
        prose: The names of sentences, which may be broken between words.
    """
    names = [*facts]
    table = TextTable(names, [[*facts.values()]], prose=[index for index, name in enumerate(names) if name in prose])
    for line in _records(table, console.width):
        console.print(line)


def lay_out(table: TextTable, width: int, *, ascii_only: bool = False) -> Iterator[Text]:
    """Yield the lines of a table.

    Args:
        table: What to draw.
        width: Columns of the terminal. Lines keep to it, except those with a cell that is wider by itself.
        ascii_only: Whether the rule below the heads must be ASCII.
    """
    natural = [_width(head, *(row[index] for row in table.rows)) for index, head in enumerate(table.heads)]
    least = [_least(table, index, each) for index, each in enumerate(natural)]
    every = [*range(len(natural))]
    rule = "-" if ascii_only else "─"
    bands = [every] if _total(least) <= width else _bands(table, least, width)
    if not bands:
        yield from _records(table, width)
    for number, columns in enumerate(bands):
        if number:
            yield Text("")
        yield from _columns(table, _shared_out(columns, natural, least, width), rule)


def _width(*cells: str) -> int:
    """The columns that the widest line of some cells takes."""
    return max((cell_len(line) for cell in cells for line in cell.split("\n")), default=0)


def _least(table: TextTable, index: int, natural: int) -> int:
    """The least width of a column: all of it, or for prose the longest word and NARROW."""
    if index not in table.prose:
        return natural
    cells = [table.heads[index], *(row[index] for row in table.rows)]
    return min(natural, max(NARROW, *(cell_len(word) for cell in cells for word in cell.split())))


def _total(widths: Sequence[int]) -> int:
    """The width of a line."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _bands(table: TextTable, widths: Sequence[int], width: int) -> list[list[int]]:
    """Share the columns out to bands that fit, each with the keys; none where there is prose, or a column has no room."""
    keys = [*range(table.keys)]
    if table.prose:
        return []
    bands = [keys]
    for index in range(table.keys, len(widths)):
        if _total([widths[i] for i in (*keys, index)]) > width:
            return []
        if _total([widths[i] for i in (*bands[-1], index)]) > width:
            bands.append(keys)
        bands[-1] = [*bands[-1], index]
    return bands if _total([widths[i] for i in keys]) <= width else []


def _shared_out(columns: Sequence[int], natural: Sequence[int], least: Sequence[int], width: int) -> dict[int, int]:
    """The width of each column: the least, and more for prose as far as there is room."""
    widths = {index: least[index] for index in columns}
    room = width - _total([*widths.values()])
    for index in columns:
        more = min(natural[index] - least[index], room)
        widths[index] += more
        room -= more
    return widths


def _columns(table: TextTable, widths: dict[int, int], rule: str) -> Iterator[Text]:
    """Draw some columns of a table, with the heads above a rule."""
    yield from _row(table, widths, table.heads, dict.fromkeys(widths, STYLES["strong"]), dims=False)
    yield Text(rule * _total([*widths.values()]))
    for number, row in enumerate(table.rows):
        yield from _row(table, widths, row, {index: _style(table, number, index) for index in widths})


def _style(table: TextTable, row: int, column: int) -> str:
    """The style of a cell."""
    if table.cell_marks:
        return STYLES[table.cell_marks[row][column]]
    return STYLES[table.marks[row]] if table.marks else ""


def _row(
    table: TextTable, widths: dict[int, int], cells: Sequence[str], styles: dict[int, str], *, dims: bool = True
) -> Iterator[Text]:
    """Draw a row, which has as many lines as its highest cell."""
    folded = {index: _fold(cells[index], width if index in table.prose else None) for index, width in widths.items()}
    for number in range(max(map(len, folded.values()))):
        line, blanks = Text(), ""
        for index, width in widths.items():
            text = folded[index][number] if number < len(folded[index]) else ""
            blank = " " * (width - cell_len(text))
            before, after = ("", blank) if index in table.text_columns else (blank, "")
            if text:
                is_small = dims and number and index not in table.prose
                line.append(blanks + before)
                line.append(text, f"{styles[index]} dim".strip() if is_small else styles[index])
                blanks = after
            else:
                blanks += blank
            blanks += GAP
        line.rstrip()
        yield line


def _fold(text: str, width: int | None) -> list[str]:
    """The lines of a cell; those of prose are broken between words."""
    lines = text.split("\n")
    if width is None:
        return lines
    return [
        part for line in lines for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]


def _records(table: TextTable, width: int) -> Iterator[Text]:
    """Draw each row as lines of a head and a cell, with an empty line between two rows.

    The head has a line of its own where it is long, or the cell has no room beside it; such a cell begins at the left edge.
    """
    heads = [" ".join(head.split()) for head in table.heads]
    short = [len(GAP) + NARROW + cell_len(head) <= width for head in heads]
    indent = max((cell_len(head) for head, is_short in zip(heads, short, strict=True) if is_short), default=0) + len(GAP)
    for number, row in enumerate(table.rows):
        if number:
            yield Text("")
        for index, (head, cell) in enumerate(zip(heads, row, strict=True)):
            lines = [line.strip() for line in _fold(cell, width - indent if index in table.prose else None)]
            if not any(lines):
                continue
            has_room = indent + _width(*lines) <= width
            is_beside = short[index] and has_room
            if head and not is_beside:
                yield Text(head, STYLES["quiet"])
            for place, line in enumerate(lines):
                label = (head if is_beside and place == 0 else "").ljust(indent if has_room else 0)
                yield Text.assemble((label, STYLES["quiet"]), (line, _style(table, number, index)))

"""The first wrong character of each page, counted by the character that should stand there.

    page    321*54=5:5160_5160;4!2940_53550$
    wrote   321*54=5:5160_5160;4!2940_53560$
                                         ^        a digit of the number that `_` opens, on line 2

A page is right up to its first wrong character, and what follows may be a consequence of it. So only the first one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from tasks import STOP, Task

CONTEXT = 24
"""Characters of a page that are shown on each side of a mistake."""
MAX_LINES = 4
"""Lines of a page that the column `lines` lists."""


@dataclass(frozen=True)
class FirstError:
    """The first wrong character of one page."""

    question: str
    page: str
    """The right page."""
    wrote: str
    """What the model wrote instead, with the prompt before it."""
    at: int
    """Index of the first character that differs."""

    def __str__(self) -> str:
        """Draw both pages around the mistake, one above the other, with a mark below it."""
        start = max(0, self.at - CONTEXT)
        end = self.at + CONTEXT
        before = "..." if start else ""
        page, wrote = (before + text[start:end] + ("..." if end < len(text) else "") for text in (self.page, self.wrote))
        return f"page    {page}\nwrote   {wrote}\n        {' ' * (len(before) + self.at - start)}^"


@dataclass
class _Counts:
    """How often one kind of character was reached with all before it right, and on which lines it was wrong."""

    reached: int = 0
    wrong_by_line: dict[int, int] = field(default_factory=dict)

    def most_wrong_lines(self) -> str:
        """The lines with the most mistakes, as `2: 5, 3: 1`."""
        ordered = sorted(self.wrong_by_line.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{line}: {n}" for line, n in ordered[:MAX_LINES])


def first_errors(task: Task, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[FirstError]]:
    """Find the first wrong character of each page.

    Args:
        task: The task that was asked, of pages.
        rows: Its rows, as in `eval.data.EvalData.rows`.

    Returns:
        A table and every first error. The table has a row for each kind of character:
        number: the mark that opens the number it stands in, "" for the first number
        character: "digit", or the mark itself
        reached: how often it was to be written while all before it was right
        wrong: how often it was the first wrong one
        rate: wrong / reached
        lines: the lines of the page with the most mistakes, as "2: 5, 3: 1"
    """
    counts: dict[tuple[str, str], _Counts] = {}
    errors = []
    pages = task.pages(task.problems(rows.question.tolist())) if len(rows) else None
    texts, prompts = (pages.texts(), pages.prompt.tolist()) if pages is not None else ([], [])
    columns = zip(rows.question, texts, prompts, rows.written, rows.outcome, strict=True)
    for question, page, prompt_length, written, outcome in columns:
        wrote = page[:prompt_length] + written + (STOP if outcome != "unfinished" else "")
        for at, line, kind in _characters(page, prompt_length):
            count = counts.setdefault(kind, _Counts())
            count.reached += 1
            if wrote[at : at + 1] != page[at]:
                count.wrong_by_line[line] = count.wrong_by_line.get(line, 0) + 1
                errors.append(FirstError(question, page, wrote, at))
                break
    table = pd.DataFrame(
        [(*kind, count.reached, sum(count.wrong_by_line.values()), count.most_wrong_lines()) for kind, count in counts.items()],
        columns=["number", "character", "reached", "wrong", "lines"],
    )
    table.insert(4, "rate", table.wrong / table.reached)
    return table.sort_values(["wrong", "reached"], ascending=[False, True], ignore_index=True), errors


def _characters(page: str, start: int) -> Iterator[tuple[int, int, tuple[str, str]]]:
    """Yield index, line and kind (the mark that opens its number, "digit" or the mark) of each character from `start` on."""
    number, line = next((char for char in reversed(page[:start]) if not char.isdigit()), ""), 1
    for at in range(start, len(page)):
        char = page[at]
        yield at, line, (number, "digit" if char.isdigit() else char)
        if not char.isdigit():
            number, line = char, line + (char == ";")

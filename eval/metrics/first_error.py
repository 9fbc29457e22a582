"""Where on the page answers go wrong: the first wrong character of each, by what it should have been.

    page    321*54=5:5160_5160;4!2940_53550$
    wrote   321*54=5:5160_5160;4!2940_53560$
                                         ^        a digit of the number that `_` opens, on line 2

Up to its first wrong character a page is right, whatever comes after it follows from the mistake; so only that one counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tasks import STOP, Task

SHOWN_AROUND = 24  # characters of a page on each side of a mistake


@dataclass(frozen=True)
class FirstError:
    """The first wrong character of one page."""

    question: str
    page: str
    """As it should be."""
    wrote: str
    """What stands there instead, the prompt included."""
    at: int
    """Index of the first character that differs."""

    def __str__(self) -> str:
        """Both one above the other, the place marked."""
        start = max(0, self.at - SHOWN_AROUND)
        end = self.at + SHOWN_AROUND
        before = "..." if start else ""
        page, wrote = (before + text[start:end] + ("..." if end < len(text) else "") for text in (self.page, self.wrote))
        return f"page    {page}\nwrote   {wrote}\n        {' ' * (len(before) + self.at - start)}^"


def first_wrong(task: Task, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[FirstError]]:
    """What `evaluate`'s rows of one task got wrong first.

    Returns a row for each kind of character: number (the mark that opens the number it stands in, "" for the first), character
    ("digit", or the mark itself), reached (how often it was to be written while all before was right), wrong (how often it was
    not, first of all), rate (wrong / reached), lines (the lines of the page with the most mistakes, as "2: 5, 3: 1"); and each
    slip.
    """
    written = rows.written.tolist()
    problems = task.problems(rows.question.tolist()) if len(rows) else None
    pages = task.pages(problems) if problems is not None else None
    reached: dict[tuple[str, str], int] = {}
    wrong: dict[tuple[str, str], dict[int, int]] = {}
    slips = []
    texts, prompts = (pages.texts(), pages.prompt.tolist()) if pages is not None else ([], [])
    for question, page, prompt, given, outcome in zip(rows.question, texts, prompts, written, rows.outcome, strict=True):
        wrote = page[:prompt] + given + (STOP if outcome != "unfinished" else "")
        number, line = next((char for char in reversed(page[:prompt]) if not char.isdigit()), ""), 1
        for at in range(prompt, len(page)):
            char = page[at]
            kind = number, "digit" if char.isdigit() else char
            reached[kind] = reached.get(kind, 0) + 1
            if at >= len(wrote) or wrote[at] != char:
                lines = wrong.setdefault(kind, {})
                lines[line] = lines.get(line, 0) + 1
                slips.append(FirstError(question, page, wrote, at))
                break
            if not char.isdigit():
                number, line = char, line + (char == ";")
    table = [
        {
            "number": number,
            "character": character,
            "reached": count,
            "wrong": sum(wrong.get((number, character), {}).values()),
            "lines": ", ".join(f"{line}: {n}" for line, n in _most(wrong.get((number, character), {}))),
        }
        for (number, character), count in reached.items()
    ]
    frame = pd.DataFrame(table, columns=["number", "character", "reached", "wrong", "lines"])
    frame.insert(4, "rate", frame.wrong / frame.reached)
    return frame.sort_values(["wrong", "reached"], ascending=[False, True], ignore_index=True), slips


def _most(counts: dict[int, int], n: int = 4) -> list[tuple[int, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:n]

"""Names that were probably meant, for messages such as "did you mean add?"."""

from __future__ import annotations

from collections.abc import Iterable

LETTERS_PER_EDIT = 4
"""One letter may be wrong, missing, too many or swapped with the next; from 8 letters on two may, from 12 on three, ..."""
LEAST_PREFIX = 3
"""Letters from which on the beginning of a name stands for the name, and a name for a longer word: `addition` for add."""


def near_names(typed: object, names: Iterable[str], n: int = 1) -> list[str]:
    """Return the names that are really near to what was typed, the nearest first.

    Args:
        typed: what was given in place of a name
        names: the names that there are
        n: how many are returned, at most
    """
    text = str(typed).lower()
    most = min(max(1, len(text) // LETTERS_PER_EDIT), len(text) // 2)
    found = []
    for name in dict.fromkeys(names):
        lower = name.lower()
        if abs(len(lower) - len(text)) <= most and (edits := _distance(text, lower)) <= most:
            found.append((0, edits, name))
        elif min(len(text), len(lower)) >= LEAST_PREFIX and (text.startswith(lower) or lower.startswith(text)):
            found.append((1, abs(len(lower) - len(text)), name))
    return [name for *_, name in sorted(found, key=lambda each: each[:2])[:n]]


def _distance(left: str, right: str) -> int:
    """The least number of letters to insert, delete, replace, or swap with the next one, to make one text of the other."""
    before: list[int] = []
    last: list[int] = [*range(len(right) + 1)]
    for i, char in enumerate(left, 1):
        row = [i]
        for j, other in enumerate(right, 1):
            edits = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (char != other))
            if i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == other:
                edits = min(edits, before[j - 2] + 1)
            row.append(edits)
        before, last = last, row
    return last[-1]

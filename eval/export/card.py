"""The data card of an export, as Markdown: what it is, how it was made, and what is in it.

# mul: 1,000 problems
multiplication of two natural numbers, worked out. ...
"""

from __future__ import annotations

import json
from collections import Counter

from eval.export.dataset import Export, Tally
from tasks import STOP, ProblemSize, Task, sizes
from tasks.splits import HELD_OUT_MIN_DIGITS, HELD_OUT_ONE_IN

MOST_LENGTHS = 64  # lines of a table; of more lengths those with the same longer operand share one
SPLITS = ("train", "held-out", "seen")
MARK = "arithgpt export-"
"""Stands in every card that was made here, and so in every one that may be written over."""

COLUMNS = f"""\
| column | what it is |
|---|---|
| `question` | the problem as a person types it |
| `answer` | the right answer, by Python's own arithmetic; {{answers}} |
| `page` | what stands before the GPT in training: `prompt`, then all that it must write, up to the stop `{STOP}` |
| `prompt` | the part of the page that is given |
| `working` | the same working in schoolbook columns, for a person to read |
| `metadata` | task and its version, {{lengths}}, suite, seed |
| `split` | `train`, `held-out` or `seen` |
"""


def card(export: Export, tally: Tally, *, file: str, command: str, version: str) -> str:
    """The text of the card. file: the name of the data file; command: what made it; version: of arithgpt."""
    task = export.task
    kind = f"suite `{export.suite or 'random'}`" if export.split == "test" else f"`{export.split}`, drawn as in training"
    versions = ", ".join(f"{part.name} {part.version}" for part in task.subtasks.values())
    return f"""\
---
license: mit
task_categories:
- text-generation
tags:
- arithmetic
---

# {task.name}: {tally.rows:,} problems

{task.summary[0].upper()}{task.summary[1:]}; {kind}. Each problem is there once. The data are in `{file}` ({tally.size:,} bytes,
SHA-256 `{tally.sha256.hexdigest()}`).

{_columns(task)}
## How it was made

    {command}

by arithgpt {version} (versions of the tasks: {versions}). The same command gives the same bytes. Every answer was computed
from its question by Python's own arithmetic, and the page, made another way, was read back and gave the same.

## Splits

{_rule(export)}

## Counts

{_counts(task, tally.counts)}

## A sample

```json
{json.dumps(tally.samples[0], indent=2)}
```

## Licence

MIT
"""


def _columns(task: Task) -> str:
    if task.answer_kind == "decimal":
        usual = "zeros at the end of decimals are dropped"
    else:
        usual = "`142 r 7` is a quotient and its remainder"
    answers = task.answer_format or usual
    plain = task.size_names == Task.size_names
    lengths_of = "digits of the left and of the right operand" if plain else " and ".join(dict.fromkeys(task.size_names))
    return COLUMNS.format(answers=answers, lengths=lengths_of)


def _rule(export: Export) -> str:
    if export.task.split_rule:
        return export.task.split_rule
    if export.task.answer_kind == "text":
        which = "A stable 64-bit hash of a problem's text decides"
        short = ""
    else:
        which = "A stable 64-bit hash of a problem's operands (a sum shares it with its operands swapped) decides"
        if export.task.size_names != Task.size_names:
            which = "A stable 64-bit hash of an expression, to whatever number of decimals, decides"
        short = f"\nProblems with fewer than {HELD_OUT_MIN_DIGITS} digits in all are too few to hold any out: they are `seen`."
    kept = f"one in {HELD_OUT_ONE_IN} is `held-out`\nand never trained on, whatever the seed; the others are `train`."
    return f"{which}: {kept}{short}"


def _counts(task: Task, counts: Counter[tuple[ProblemSize, str]]) -> str:
    cells = sorted({cell for cell, _ in counts}, key=lambda cell: (max(cell), cell))
    named, title = (
        {cell: sizes.format_size(cell) for cell in cells},
        "digits" if task.size_names == Task.size_names else " x ".join(dict.fromkeys(task.size_names)),
    )
    if len(cells) > MOST_LENGTHS and task.size_names == Task.size_names:
        named, title = {cell: str(max(cell)) for cell in cells}, "digits of the longer operand"
    lines: dict[str, Counter[str]] = {}
    for cell in cells:
        for split in SPLITS:
            lines.setdefault(named[cell], Counter())[split] += counts[cell, split]
    total = Counter({split: sum(line[split] for line in lines.values()) for split in SPLITS})
    rows = [
        f"| {name} | {' | '.join(f'{line[split]:,}' for split in SPLITS)} |" for name, line in (lines | {"all": total}).items()
    ]
    return "\n".join([f"| {title} | {' | '.join(SPLITS)} |", "|---|---|---|---|", *rows])

"""The data card of an export, as Markdown: what the data are, how they were made, and what is in them.

# mul: 1,000 problems
multiplication of two natural numbers, worked out. ...
"""

from __future__ import annotations

import json
from collections import Counter

from eval.export.dataset import Export, Tally
from tasks import STOP, ProblemSize, Task, sizes

MAX_LENGTHS = 64
"""Lines of a table. Where there are more lengths, those with the same longer operand share a line."""
SPLITS = ("train", "held-out", "seen")
MARK = "arithgpt export-"
"""Every card contains this, so a file with it may be written over."""

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
    """Write the card.

    Args:
        export: What was exported.
        tally: What was written.
        file: The name of the data file.
        command: The command that made it.
        version: The version of arithgpt, and of what else decides the problems.
    """
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

{task.split_rule}

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
    """The table of columns."""
    is_decimal = task.answer_kind == "decimal"
    numbers = "zeros at the end of decimals are dropped" if is_decimal else "`142 r 7` is a quotient and its remainder"
    counts_digits = task.size_names == Task.size_names
    lengths = "digits of the left and of the right operand" if counts_digits else " and ".join(dict.fromkeys(task.size_names))
    return COLUMNS.format(answers=task.answer_format or numbers, lengths=lengths)


def _counts(task: Task, counts: Counter[tuple[ProblemSize, str]]) -> str:
    """A table of the rows by length and split."""
    counts_digits = task.size_names == Task.size_names
    cells = sorted({size for size, _ in counts}, key=lambda size: (max(size), size))
    if counts_digits and len(cells) > MAX_LENGTHS:
        title, names = "digits of the longer operand", {size: str(max(size)) for size in cells}
    else:
        title = "digits" if counts_digits else " x ".join(dict.fromkeys(task.size_names))
        names = {size: sizes.format_size(size) for size in cells}
    lines: dict[str, Counter[str]] = {}
    for size in cells:
        for split in SPLITS:
            lines.setdefault(names[size], Counter())[split] += counts[size, split]
    lines["all"] = Counter({split: sum(line[split] for line in lines.values()) for split in SPLITS})
    rows = [f"| {name} | {' | '.join(f'{line[split]:,}' for split in SPLITS)} |" for name, line in lines.items()]
    return "\n".join([f"| {title} | {' | '.join(SPLITS)} |", "|---|---|---|---|", *rows])

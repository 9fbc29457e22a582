"""How long a command takes from nothing: the wall time of fresh processes, beside an empty Python and an import of torch.

    python -c pass      arithgpt --help     import arithgpt     arithgpt calc "123*45"      import torch

The first turn, not counted, leaves all files in the system's memory, so this is the second start of a day, not the first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from arithgpt.bench.plan import Plan, Tell
from arithgpt.bench.timing import Case, Side, by_turns
from arithgpt.errors import UserError

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import arithgpt": ("-c", "import arithgpt"),
    "arithgpt --help": ("-m", "arithgpt", "--help"),
    'arithgpt calc "123*45"': ("-m", "arithgpt", "calc", "123*45"),
    "import torch": ("-c", "import torch"),
}


def measure(plan: Plan, tell: Tell, commands: dict[str, Sequence[str]] = COMMANDS) -> Iterator[Case]:
    """Seconds of each command."""
    sides = {name: partial(seconds, arguments) for name, arguments in commands.items()}
    values = by_turns(sides, plan.repeats, lambda what: tell(f"start: {what}"))
    about = {"commands": {name: list(arguments) for name, arguments in commands.items()}}
    measured = tuple(Side(name, tuple(values[name])) for name in sides)
    yield Case("start", "a fresh process", "s", measured, more_is_better=False, about=about)


def seconds(arguments: Sequence[str]) -> float:
    """The wall time of one fresh Python with these arguments. UserError where it fails."""
    began = time.perf_counter()
    python(arguments)
    return time.perf_counter() - began


def python(arguments: Sequence[str]) -> str:
    """What a fresh Python, with this very arithgpt, prints. UserError where it fails."""
    source = str(Path(__file__).resolve().parent.parent.parent)
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"bench: python {' '.join(arguments)} ended with status {done.returncode}: {last}")
    return done.stdout

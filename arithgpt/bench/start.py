"""How long a command takes: the wall time of fresh processes, beside an empty Python and an import of torch.

    python -c pass      arithgpt --help     import arithgpt     arithgpt calc "123*45"      import torch

The first turn is not counted and leaves all files in the memory of the system, so these are starts with a warm file cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from arithgpt.bench.plan import OnProgress, Plan
from arithgpt.bench.timing import Case, Side, measure_in_turns
from arithgpt.errors import UserError

COMMANDS: Mapping[str, Sequence[str]] = {
    "python -c pass": ("-c", "pass"),
    "import arithgpt": ("-c", "import arithgpt"),
    "arithgpt --help": ("-m", "arithgpt", "--help"),
    'arithgpt calc "123*45"': ("-m", "arithgpt", "calc", "123*45"),
    "import torch": ("-c", "import torch"),
}


def measure(plan: Plan, on_progress: OnProgress, commands: Mapping[str, Sequence[str]] = COMMANDS) -> Iterator[Case]:
    """Measure the seconds of each command.

    Args:
        plan: how often
        on_progress: called with what is measured now
        commands: name -> arguments of Python
    """
    sides = {name: partial(time_command, arguments) for name, arguments in commands.items()}
    values = measure_in_turns(sides, plan.repeats, lambda what: on_progress(f"start: {what}"))
    about = {"commands": {name: list(arguments) for name, arguments in commands.items()}}
    measured = tuple(Side(name, tuple(values[name])) for name in sides)
    yield Case("start", "a fresh process", "s", measured, more_is_better=False, about=about)


def time_command(arguments: Sequence[str]) -> float:
    """Measure the wall time in seconds of one fresh Python with these arguments.

    Raises:
        UserError: it fails.
    """
    start = time.perf_counter()
    run_python(arguments)
    return time.perf_counter() - start


def run_python(arguments: Sequence[str]) -> str:
    """Run a fresh Python that imports this copy of arithgpt; returns what it prints.

    Raises:
        UserError: it fails.
    """
    source = str(Path(__file__).resolve().parent.parent.parent)
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"bench: python {' '.join(arguments)} ended with status {done.returncode}: {last}")
    return done.stdout

"""What was measured, as tables of at most 80 columns and as one JSON file.

generators: add, 1-8 digits
                          pages/s  characters/s  ratio  lowest-highest
arithgpt, 64 at once      120,000     2,100,000
textbook                  240,000     4,200,000   0.50       0.47-0.52
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from arithgpt.bench.plan import Plan
from arithgpt.bench.timing import Case
from arithgpt.provenance import commit, processor

PACKAGES = ("arithgpt", "torch", "numpy", "transformers", "reasoning-gym")


def shown(case: Case) -> Group:
    """A comparison for a terminal: the median of each side, and how many times better the first does than it."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column(case.unit, justify="right", no_wrap=True)
    also = list(dict.fromkeys(name for side in case.sides for name in side.also))
    for name in also:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("lowest-highest", justify="right", no_wrap=True)
    for number, side in enumerate(case.sides):
        ratio = case.ratio(side)
        figures = (_share(side.also[name]) if name.startswith("of ") else _figure(side.also[name]) for name in also)
        ratios = ("", "") if number == 0 else (f"{_figure(ratio.median)}", f"{_figure(ratio.low)}-{_figure(ratio.high)}")
        table.add_row(escape(side.name), _figure(side.spread.median), *figures, *ratios)
    said = [Text(f"{note}", style="dim") for note in case.notes]
    return Group(Text(f"{case.part}: {case.name}", style="bold"), table, *said)


def _share(value: float) -> str:
    return f"{value:.1%}"


def _figure(value: float) -> str:
    """Three digits of a small number, a large one whole."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}" if value >= 0.1 else f"{value:.2g}"


def about(plan: Plan) -> dict[str, Any]:
    """What it was measured with: machine, versions, threads, seed and commit."""
    import torch

    device = torch.device(plan.device)
    return {
        "machine": f"{processor()}, {platform.platform()}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "commit": commit(),
        "seed": plan.seed,
        "repeats": plan.repeats,
        "plan": asdict(plan),
    }


def as_json(cases: Sequence[Case], plan: Plan) -> str:
    """All that was measured, every value of every repeat, with what it was measured with."""
    return json.dumps(about(plan) | {"cases": [_case(case) for case in cases]}, indent=2) + "\n"


def _case(case: Case) -> dict[str, Any]:
    sides = [
        {
            "name": side.name,
            "values": list(side.values),
            **asdict(side.spread),
            "also": dict(side.also),
            "ratio": asdict(case.ratio(side)) if number else None,
        }
        for number, side in enumerate(case.sides)
    ]
    said = {"part": case.part, "name": case.name, "unit": case.unit, "more_is_better": case.more_is_better}
    return said | {"ratio": case.ratio_of, "sides": sides, "notes": list(case.notes), "about": dict(case.about)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

"""Comparisons as tables and as one JSON file.

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
from typing import Any

import torch

from arithgpt.bench.plan import Plan
from arithgpt.bench.timing import Case
from arithgpt.provenance import commit, processor, versions
from eval.reports.layout import TextTable

PACKAGES = ("torch", "numpy", "transformers", "reasoning-gym")


def case_table(case: Case) -> TextTable:
    """Make a table for a terminal: the median of each side, and how many times better the first side is."""
    also = list(dict.fromkeys(name for side in case.sides for name in side.also))
    rows = []
    for number, side in enumerate(case.sides):
        ratio = case.ratio(side)
        figures = (f"{side.also[name]:.1%}" if name.startswith("of ") else _figure(side.also[name]) for name in also)
        ratios = ("", "") if number == 0 else (_figure(ratio.median), f"{_figure(ratio.low)}-{_figure(ratio.high)}")
        rows.append([side.name, _figure(side.spread.median), *figures, *ratios])
    return TextTable(["", case.unit, *also, "ratio", "lowest-highest"], rows, text_columns=(0,))


def provenance(plan: Plan) -> dict[str, Any]:
    """Describe what is measured with: machine, device, threads, versions, commit and plan."""
    device = torch.device(plan.device)
    return {
        "machine": f"{processor()}, {platform.platform()}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": versions(*PACKAGES),
        "commit": commit(),
        "seed": plan.seed,
        "repeats": plan.repeats,
        "plan": asdict(plan),
    }


def to_json(cases: Sequence[Case], plan: Plan) -> str:
    """Write every value of every repeat as JSON, with the provenance."""
    return json.dumps(provenance(plan) | {"cases": [_case_dict(case) for case in cases]}, indent=2) + "\n"


def _figure(value: float) -> str:
    """Format a number: three digits of a small one, a large one without decimals."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}" if value >= 0.1 else f"{value:.2g}"


def _case_dict(case: Case) -> dict[str, Any]:
    """Return a comparison for JSON."""
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
    head = {"part": case.part, "name": case.name, "unit": case.unit, "more_is_better": case.more_is_better}
    return head | {"ratio": case.ratio_of, "sides": sides, "notes": list(case.notes), "about": dict(case.about)}

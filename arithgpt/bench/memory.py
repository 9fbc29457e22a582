"""The peak resident memory of training and of decoding, each in a process of its own.

    python -m arithgpt.bench.memory train textbook cpu 0 20     ->  218.4, in MB of 10^6 bytes

Two thirds of it and more may be torch itself, which is measured too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arithgpt.bench.plan import OnProgress, Plan
from arithgpt.bench.start import run_python
from arithgpt.bench.timing import Case, Side, measure_in_turns

if TYPE_CHECKING:
    import torch

SIDES = {
    "train": ("arithgpt", "textbook", "import torch"),
    "decode": ("arithgpt", "arithgpt, no verification", "textbook", "import torch"),
}
NAMES = {"train": "training, add --digits 8", "decode": "decoding 2,048 sums of 10 digits"}
N_PROBLEMS = 2048
HOST_ONLY = "this is memory of the host; memory of the GPU is not counted"


def _report(on_progress: OnProgress, name: str, side: str) -> None:
    on_progress(f"memory, {name}: {side}")


def measure(plan: Plan, on_progress: OnProgress, n_problems: int = N_PROBLEMS) -> Iterator[Case]:
    """Measure the peak resident memory in MB of each side, for training and for decoding.

    Args:
        plan: how often, and the steps of training
        on_progress: called with what is measured now
        n_problems: problems decoded at once
    """
    for work, names in SIDES.items():
        sides = {}
        for name in names:
            sizes = (plan.device, str(plan.seed), str(plan.steps if work == "train" else n_problems))
            sides[name] = partial(_measure_process, ("-m", "arithgpt.bench.memory", work, name, *sizes))
        values = measure_in_turns(sides, plan.repeats, partial(_report, on_progress, NAMES[work]))
        measured = tuple(Side(name, tuple(values[name])) for name in sides)
        about, notes = {"steps": plan.steps, "problems": n_problems}, () if plan.device == "cpu" else (HOST_ONLY,)
        yield Case("memory", NAMES[work], "MB", measured, more_is_better=False, notes=notes, about=about)


def _measure_process(arguments: tuple[str, ...]) -> float:
    """Run this module in a process of its own; returns the MB that it prints."""
    return float(run_python(arguments))


def peak_resident() -> float:
    """Return the most memory in MB that this process ever had resident.

    On Linux it is that of the program which runs now: getrusage would include what the parent had when it started the process.
    """
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6
    except (OSError, StopIteration):
        import resource

        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size / 1e6 if sys.platform == "darwin" else size * 1024 / 1e6


def do_work(work: str, side: str, device_name: str, seed: int, n: int) -> None:
    """Train or decode, as one of the sides does.

    Args:
        work: "train" or "decode"
        side: one of SIDES[work]
        device_name: "cpu" or "cuda"
        seed: seed of the problems
        n: training steps, or sums to decode
    """
    import torch

    if side == "import torch":
        return
    device = torch.device(device_name)
    if work == "train":
        _train(side, device, seed, n)
    else:
        _decode(side, device, seed, n)


def _train(side: str, device: torch.device, seed: int, n_steps: int) -> None:
    """Train some steps."""
    from arithgpt.bench import baselines, textbook, training

    recipe = training.bench_recipes()["add --digits 8"]
    if side == "arithgpt":
        training.measure_arithgpt(recipe, device, n_steps)
        return
    pages = baselines.SumPages(recipe, seed)
    model = textbook.seeded(seed, textbook.GPT, baselines.textbook_size(recipe, pages)).to(device)
    baselines.measure_baseline(model, pages, recipe.problems.alphabet, device, n_steps)


def _decode(side: str, device: torch.device, seed: int, n_problems: int) -> None:
    """Decode some sums."""
    from arithgpt.bench import decoding, textbook
    from arithgpt.inference.gpt_solver import GPTSolver
    from arithgpt.run_folder import shipped_run

    run = shipped_run()
    task = run.recipe.problems.subtasks["add"]
    problems = decoding.draw_sums(task, n_problems, seed)
    if side.startswith("arithgpt"):
        decoding.solve(GPTSolver.of(run, str(device), verify=side == "arithgpt"), task, problems)
        return
    model = textbook.seeded(seed, textbook.GPT, decoding.textbook_size(run.recipe)).to(device)
    decoding.continue_prompts(partial(textbook.generate, model), task, problems, run.recipe.problems.alphabet, device)


if __name__ == "__main__":
    side_work, side_name, device_name, *numbers = sys.argv[1:6]
    do_work(side_work, side_name, device_name, *map(int, numbers))
    print(peak_resident())

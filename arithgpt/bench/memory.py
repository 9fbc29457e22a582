"""The most memory that training and decoding ever have resident, each in a process of its own.

    python -m arithgpt.bench.memory train textbook cpu 0 20     ->  218.4, in MB of 10^6 bytes

Two thirds of it and more may be torch itself, which is measured too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arithgpt.bench.plan import Plan, Tell
from arithgpt.bench.start import python
from arithgpt.bench.timing import Case, Side, by_turns

if TYPE_CHECKING:
    import torch

SIDES = {
    "train": ("arithgpt", "textbook", "import torch"),
    "decode": ("arithgpt", "arithgpt, no verification", "textbook", "import torch"),
}
NAMES = {"train": "training, add --digits 8", "decode": "decoding 2,048 sums of 10 digits"}
PROBLEMS = 2048
NOT_THE_GPU = "of the host's memory; what the GPU holds is not counted"


def measure(plan: Plan, tell: Tell, n: int = PROBLEMS) -> Iterator[Case]:
    """MB of each side of each work. n: problems decoded"""
    for work, names in SIDES.items():
        sides = {}
        for name in names:
            sizes = (plan.device, str(plan.seed), str(plan.steps if work == "train" else n))
            sides[name] = partial(_asked, ("-m", "arithgpt.bench.memory", work, name, *sizes))
        values = by_turns(sides, plan.repeats, lambda what, work=work: tell(f"memory, {NAMES[work]}: {what}"))
        measured = tuple(Side(name, tuple(values[name])) for name in sides)
        about, notes = {"steps": plan.steps, "problems": n}, () if plan.device == "cpu" else (NOT_THE_GPU,)
        yield Case("memory", NAMES[work], "MB", measured, more_is_better=False, notes=notes, about=about)


def _asked(arguments: tuple[str, ...]) -> float:
    return float(python(arguments))


def peak_resident() -> float:
    """The most memory this process ever had resident, in MB.

    On Linux of the process's own program: getrusage counts in what the parent had when it started it.
    """
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6
    except (OSError, StopIteration):
        import resource

        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size / 1e6 if sys.platform == "darwin" else size * 1024 / 1e6


def work(what: str, side: str, device_name: str, seed: int, n: int) -> None:
    """Train n steps, or decode n sums, as one of the sides does."""
    import torch

    if side == "import torch":
        return
    device = torch.device(device_name)
    if what == "train":
        _train(side, device, seed, n)
    else:
        _decode(side, device, seed, n)


def _train(side: str, device: torch.device, seed: int, n: int) -> None:
    from arithgpt.bench import textbook, training

    recipe = training.recipes()["add --digits 8"]
    if side == "arithgpt":
        training.ours(recipe, device, n)
        return
    pages = training.Sums(recipe, seed)
    model = textbook.seeded(seed, textbook.GPT, training.textbook_size(recipe, pages)).to(device)
    training.theirs(model, pages, recipe.problems.alphabet, device, n)


def _decode(side: str, device: torch.device, seed: int, n: int) -> None:
    from arithgpt.bench import decoding, textbook
    from arithgpt.inference.gpt_solver import GPTSolver
    from arithgpt.run import shipped_run

    run = shipped_run()
    task = run.recipe.problems.subtasks["add"]
    problems = decoding.sums(task, n, seed)
    if side.startswith("arithgpt"):
        decoding.answered(GPTSolver.of(run, str(device), verify=side == "arithgpt"), task, problems)
        return
    model = textbook.seeded(seed, textbook.GPT, decoding.textbook_size(run.recipe)).to(device)
    decoding.continued(partial(textbook.generate, model), task, problems, run.recipe.problems.alphabet, device)


if __name__ == "__main__":
    work(*sys.argv[1:4], *map(int, sys.argv[4:6]))
    print(peak_resident())

"""Ask a solver problems of one task, as tests need it most often."""

from collections.abc import Sequence

import pandas as pd

from eval.evaluate import evaluate
from eval.solver import Solver
from eval.spec import EvalSpec
from tasks import ProblemSize, Task


def ask(
    solver: Solver,
    task: Task,
    sizes: Sequence[ProblemSize],
    *,
    samples: int,
    seed: int = 0,
    suites: Sequence[str] = ("random",),
) -> pd.DataFrame:
    """Evaluate a solver; returns a row for each problem."""
    return evaluate(solver, task, EvalSpec(sizes, suites, samples, seed)).rows

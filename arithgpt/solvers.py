"""What can be measured, by the name typed for it.

mine, runs/mine     a run                      hf:models/gpt2      a language model in a local folder
exact wrong random  to try the harness with    llm:qwen3           a model behind an OpenAI-compatible endpoint
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arithgpt.errors import UserError

if TYPE_CHECKING:
    from arithgpt.run import Run
    from eval.solver import Solver
    from tasks import Task

PLAIN = ("exact", "wrong", "random")


@dataclass(frozen=True)
class ResolvedSolver:
    """A solver, and the task it was trained on where it is a run."""

    solver: Solver
    task: Task | None
    run: Run | None

    @property
    def about(self) -> dict[str, Any]:
        """What a report says of a run: where it stands, its source, its machine and a hash of its weights."""
        if self.run is None:
            return {}
        said = {name: self.run.info.get(name) for name in ("step", "parameters", "commit")}
        said |= {"trained_on": self.run.info.get("device")}
        return said | {"weights_sha256": self.run.weights_sha256}


def find_solver(
    name: str | None,
    *,
    device: str = "auto",
    drafts: bool = True,
    url: str | None = None,
    shots: int = 4,
) -> ResolvedSolver:
    """The solver of a name; the newest run for None. UserError where there is none of that name, or it cannot be used."""
    if name in PLAIN:
        from eval.solver import ExactSolver, RandomSolver, WrongSolver

        return ResolvedSolver({"exact": ExactSolver, "wrong": WrongSolver, "random": RandomSolver}[name](), None, None)
    kind, _, rest = (name or "").partition(":")
    try:
        if kind == "hf":
            from arithgpt.runtime import configure
            from eval.solvers.huggingface import HFSolver

            return ResolvedSolver(HFSolver(rest, shots=shots, device=str(configure(device))), None, None)
        if kind == "llm":
            from eval.solvers.openai_api import LLMSolver

            url = url or os.environ.get("OPENAI_BASE_URL")
            if not url:
                raise UserError(f"{name}: needs --url, or OPENAI_BASE_URL in the environment")
            return ResolvedSolver(LLMSolver(rest, url, os.environ.get("OPENAI_API_KEY", ""), shots=shots), None, None)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None
    from arithgpt.inference.gpt_solver import GPTSolver
    from arithgpt.run import find_run, newest_run
    from arithgpt.runtime import configure

    run = find_run(name) if name is not None else newest_run()
    return ResolvedSolver(GPTSolver.of(run, str(configure(device)), drafts), run.recipe.problems, run)


def tasks_of(found: ResolvedSolver, task: str | None) -> list[Task]:
    """The tasks to ask: those of the run, or the one named. UserError where it is not one of them, or none is named."""
    from tasks import find
    from tasks.registry import known

    if found.task is None:
        if task is None:
            raise UserError(f"{found.solver.name}: needs --task, one of {known()}")
        try:
            return list(find(task)().subtasks.values())
        except ValueError as error:
            said = str(error)
            raise UserError(f"--task {said}" if said.startswith(task) else f"--task {task}: {said}") from None
    parts = found.task.subtasks
    if task is not None and task not in parts:
        raise UserError(f"--task {task}: run {found.solver.name} was trained on {', '.join(parts)}")
    return [parts[task]] if task is not None else list(parts.values())

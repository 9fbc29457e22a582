"""Solvers by the name that is typed for them.

mine, runs/mine     a run                        hf:models/gpt2   a language model in a local folder
exact wrong random  reference solvers            llm:qwen3        a model behind an OpenAI-compatible endpoint
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arithgpt.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from arithgpt.run_folder import RunFolder
    from eval.solver import Solver
    from tasks import Task

REFERENCE = ("exact", "wrong", "random")


@dataclass(frozen=True)
class ResolvedSolver:
    """A solver, with the run and the task it was trained on if it is a run."""

    solver: Solver
    task: Task | None = None
    run: RunFolder | None = None

    @property
    def provenance(self) -> dict[str, Any]:
        """How a run was made, a hash of its weights, and what is proven of it; empty for other solvers."""
        if self.run is None:
            return {}
        from arithgpt.proof.claim import proven_claim

        facts = {name: self.run.info.get(name) for name in ("step", "parameters", "commit")}
        facts |= {"trained_on": self.run.info.get("device"), "weights_sha256": self.run.weights_sha256}
        claim = proven_claim(self.run)
        return facts | {"proof": str(claim) if claim else None}

    def tasks_to_ask(self, name: str | None) -> list[Task]:
        """List the tasks to ask: the one that is named, or all that the run was trained on.

        Args:
            name: A task's name; None only for a run.

        Raises:
            UserError: the run was not trained on this task, the task is unknown, or none is named.
        """
        if self.task is None:
            return _named_tasks(self.solver.name, name)
        subtasks = self.task.subtasks
        if name is not None and name not in subtasks:
            raise UserError(f"--task {name}: run {self.solver.name} was trained on {', '.join(subtasks)}")
        return [subtasks[name]] if name is not None else list(subtasks.values())


def _named_tasks(solver: str, name: str | None) -> list[Task]:
    """The subtasks of a registered task."""
    from tasks import find
    from tasks.registry import known

    if name is None:
        raise UserError(f"{solver}: needs --task, one of {known()}")
    try:
        return list(find(name)().subtasks.values())
    except ValueError as error:
        message = str(error)
        raise UserError(f"--task {message}" if message.startswith(name) else f"--task {name}: {message}") from None


def is_run(name: str | None) -> bool:
    """Tell whether a solver's name means a run; None means the newest run."""
    return name is None or not (name in REFERENCE or name.startswith(("hf:", "llm:")))


def resolve_solver(
    name: str | None,
    *,
    device: str = "auto",
    verify: bool = True,
    url: str | None = None,
    shots: int = 4,
) -> ResolvedSolver:
    """Find the solver of a name.

    Args:
        name: As in the docstring of this module; None: the newest run.
        device: "auto", "cpu" or "cuda".
        verify: Whether a run reads each exact page at once and keeps what it would write (greedy verification).
        url: The endpoint of llm:MODEL; None: $OPENAI_BASE_URL.
        shots: Solved examples that hf: and llm: are shown.

    Raises:
        UserError: there is no solver of this name, or it cannot be used.
    """
    if name in REFERENCE:
        from eval.solvers.reference import ExactSolver, RandomSolver, WrongSolver

        solvers: dict[str, Callable[[], Solver]] = {"exact": ExactSolver, "wrong": WrongSolver, "random": RandomSolver}
        return ResolvedSolver(solvers[name]())
    if not is_run(name):
        kind, _, rest = (name or "").partition(":")
        try:
            return ResolvedSolver(_local_model(rest, device, shots) if kind == "hf" else _endpoint(rest, url, shots))
        except ValueError as error:
            raise UserError(f"{name}: {error}") from None
    from arithgpt.inference.gpt_solver import GPTSolver
    from arithgpt.run_folder import find_run, newest_run

    run = find_run(name) if name is not None else newest_run()
    return ResolvedSolver(GPTSolver.of(run, _device_of_run(device), verify), run.recipe.problems, run)


def _device_of_run(device: str) -> str:
    """Return where a run computes: as `runtime.resolve_device`, or NumPy where torch is not installed."""
    from arithgpt.inference.backend import has_torch

    if device == "auto" and not has_torch():
        return "numpy"
    from arithgpt.runtime import resolve_device

    return str(resolve_device(device))


def _local_model(folder: str, device: str, shots: int) -> Solver:
    from arithgpt.runtime import resolve_device
    from eval.solvers.huggingface import HFSolver

    return HFSolver(folder, shots=shots, device=str(resolve_device(device)))


def _endpoint(model: str, url: str | None, shots: int) -> Solver:
    from eval.solvers.openai_api import LLMSolver

    url = url or os.environ.get("OPENAI_BASE_URL")
    if not url:
        raise UserError(f"llm:{model}: needs --url, or OPENAI_BASE_URL in the environment")
    return LLMSolver(model, url, os.environ.get("OPENAI_API_KEY", ""), shots=shots)

"""Solvers by the name that is typed for them.

mine, runs/mine     a run                        hf:models/gpt2   a language model in a local folder, or an exported run
exact wrong random  reference solvers            llm:qwen3        a model behind an OpenAI-compatible endpoint
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arithgpt.errors import UserError, Wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from arithgpt.run_folder import RunFolder
    from eval.solver import Solver
    from tasks import Task

REFERENCE = ("exact", "wrong", "random")


@dataclass(frozen=True)
class ResolvedSolver:
    """A solver, with the run if it is one, and the task it was trained on if it is a run or an exported one."""

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
            name: A task's name; None only for a run or an exported one.

        Raises:
            UserError: the solver was not trained on this task, the task is unknown, or none is named.
        """
        if self.task is None:
            return _named_tasks(self.solver.name, name)
        subtasks = self.task.subtasks
        if name is not None and name not in subtasks:
            raise UserError(f"{self._kind} {self.solver.name} was trained on {', '.join(subtasks)}", "task", name)
        return [subtasks[name]] if name is not None else list(subtasks.values())

    @property
    def _kind(self) -> str:
        """What messages call a solver that was trained on a task."""
        return "run" if self.run is not None else "the exported run"


def _named_tasks(solver: str, name: str | None) -> list[Task]:
    """The subtasks of a registered task."""
    from tasks import find
    from tasks.registry import known

    if name is None:
        raise UserError(f"missing; {solver} needs one of {known()}", "task")
    try:
        return list(find(name)().subtasks.values())
    except ValueError as error:
        raise UserError(str(error).removeprefix(f"{name}: "), "task", name) from None


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
    trust_remote_code: bool = False,
) -> ResolvedSolver:
    """Find the solver of a name.

    Args:
        name: As in the docstring of this module; None: the newest run.
        device: "auto", "cpu" or "cuda".
        verify: Whether a run reads each exact page at once and keeps what it would write (greedy verification).
        url: The endpoint of llm:MODEL; None: $OPENAI_BASE_URL.
        shots: Solved examples that hf: and llm: are shown; an exported run is shown none.
        trust_remote_code: Whether code in the folder of hf: may be run.

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
            if kind == "hf":
                return _local_model(rest, device, shots, trust_remote_code)
            return ResolvedSolver(_endpoint(rest, url, shots))
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


def _local_model(folder: str, device: str, shots: int, trust_remote_code: bool) -> ResolvedSolver:
    """A model in a local folder; ValueError or UserError where it cannot be used. No code in the folder is run here."""
    from arithgpt.config.tables import make_task
    from arithgpt.runtime import resolve_device
    from eval.solvers.exported import ExportedSolver, is_exported
    from eval.solvers.huggingface import HFSolver
    from eval.solvers.loading import has_code, read_settings
    from tasks import Task

    solver = HFSolver(folder, shots=shots, device=str(resolve_device(device)), trust_remote_code=trust_remote_code)
    if has_code(folder) and not trust_remote_code:
        message = f"hf:{folder}: its folder has Python code, which is run only with "
        raise UserError(Wording(f"{message}trust_remote_code=True", f"{message}--trust-remote-code"))
    if not is_exported(folder):
        return ResolvedSolver(solver)
    table = read_settings(folder).get("task")
    if table is None:
        raise ValueError("is an exported run of a text, which has no problems and no answers")
    task = make_task(table, f"{folder}/config.json")
    if not isinstance(task, Task):
        raise ValueError("config.json: task: must be a task, not a text")
    return ResolvedSolver(ExportedSolver(folder, device=solver.device), task)


def _endpoint(model: str, url: str | None, shots: int) -> Solver:
    from eval.solvers.openai_api import LLMSolver

    url = url or os.environ.get("OPENAI_BASE_URL")
    if not url:
        variable = "OPENAI_BASE_URL in the environment"
        raise UserError(Wording(f"llm:{model}: needs {variable}", f"llm:{model}: needs --url, or {variable}"))
    return LLMSolver(model, url, os.environ.get("OPENAI_API_KEY", ""), shots=shots)

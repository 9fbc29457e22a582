"""arithgpt falsify: the smallest problem that a solver gets wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Optional

import typer

from arithgpt.allocator import keep_freed_memory
from arithgpt.cli.shared.solver_options import Device, Shots, TrustRemoteCode, Url
from arithgpt.cli.shared.terminal import make_console, show_status
from arithgpt.errors import UserError
from arithgpt.proof.claim import proven_claim
from arithgpt.run_folder import runs_folder
from arithgpt.solvers import ResolvedSolver, resolve_solver
from eval.evaluate import check_scratchpad, outcome
from eval.falsify.laws import LAWS, Law
from eval.falsify.search import Failure, Search, falsify
from eval.metrics.error_types import classify
from eval.solver import MissingExtra
from tasks import Task

EXIT_FALSIFIED = 1


def command(
    solver: Annotated[
        Optional[str], typer.Argument(help="A run by name or folder, hf:FOLDER or llm:MODEL. [default: the newest run]")
    ] = None,
    law: Annotated[
        str, typer.Option(help="right, commutes, neutral, undone, distributes, monotone or scales; all: each of them.")
    ] = "right",
    task: Annotated[Optional[str], typer.Option(help="Ask only this task of a mixture.")] = None,
    max_digits: Annotated[
        Optional[int], typer.Option(min=1, max=1000, help="The most digits of a number. [default: as in training]")
    ] = None,
    max_examples: Annotated[int, typer.Option(min=1, max=10_000_000, help="Different cases to try for each law.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same cases.")] = 0,
    device: Device = "auto",
    url: Url = None,
    shots: Shots = 4,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Search for the smallest problem that a solver gets wrong, or that breaks another law of arithmetic.

    A case that is found is shrunk, kept beside the runs, and tried first the next time. A proven run has no such case: the
    search is skipped. Exit status: 0 where all laws held, 1 where one was broken.
    """
    if law != "all" and law not in LAWS:
        raise UserError(f"--law {law}: must be all or one of {', '.join(LAWS)}")
    keep_freed_memory()
    resolved = resolve_solver(solver, device=device, url=url, shots=shots, trust_remote_code=trust_remote_code)
    subtasks = resolved.tasks_to_ask(task)
    whole = resolved.task if resolved.task is not None and task is None else subtasks[0]
    if not any(subtask.operator for subtask in subtasks):
        raise UserError(f"falsify: the laws are about + - * /, and task {whole.name} asks none of them")
    if (claim := resolved.run and proven_claim(resolved.run)) is not None:
        print(f"run {resolved.solver.name} is {claim}: there is no such problem to find")
        return
    laws = [LAWS[law]] if law != "all" else [one for one in LAWS.values() if _applies(one, whole)]
    broken, console = False, make_console()
    for one in laws:
        database = _database(resolved, whole, one, max_digits)
        try:
            with show_status(console) as show:
                show(f"{resolved.solver.name}: up to {max_examples:,} cases of the law {one.name}")
                search = falsify(
                    resolved.solver, whole, one, max_digits=max_digits, max_examples=max_examples, seed=seed, database=database
                )
        except (ValueError, MissingExtra) as error:
            raise UserError(f"falsify: {error}") from None
        broken |= search.failure is not None
        _show(resolved.solver.name, whole, search)
    raise typer.Exit(EXIT_FALSIFIED if broken else 0)


def _applies(law: Law, task: Task) -> bool:
    """Whether the task has the operators that the law asks."""
    operators = {subtask.operator for subtask in task.subtasks.values()}
    return any(set(needed) <= operators for needed in law.needs.values())


def _database(resolved: ResolvedSolver, task: Task, law: Law, max_digits: int | None) -> Path:
    """The folder of the cases found: one for each solver, task, law and number of digits."""
    name = resolved.solver.name
    key = repr((resolved.provenance.get("weights_sha256"), name, task, law.name, max_digits))
    return runs_folder() / ".falsified" / f"{name.replace('/', '-')}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _show(name: str, task: Task, search: Search) -> None:
    """Print what came of one search."""
    law, failure = search.law, search.failure
    pace = f"{search.tried:,} cases in {search.seconds:.1f} s"
    if failure is None:
        print(f'{law.name}: not falsified, "{law.says}" holds in {pace}, {search.tried / search.seconds:,.0f} a second')
        return
    how = "as found before" if search.remembered else pace
    print(f'{law.name}: FALSIFIED, {name} breaks "{law.says}" ({how})\n')
    for question, drawing in _drawings(task, failure):
        print(f"{question}\n{drawing}\n")


def _drawings(task: Task, failure: Failure) -> list[tuple[str, str]]:
    """Every question of a case with its answer: a wrong answer drawn in columns, a right one in a line."""
    drawings = []
    by_operator = {subtask.operator: subtask for subtask in task.subtasks.values()}
    for question, answer in failure.asked:
        subtask = next(subtask for operator, subtask in by_operator.items() if operator in question)
        expected = subtask.answer(question)
        if answer.failed is not None:
            drawings.append((question, answer.failed))
        elif outcome(answer, expected) == "right":
            drawings.append((question, f"{answer.text}, right"))
        else:
            mistake = classify(subtask, question, answer, expected, check_scratchpad(subtask, question, answer))
            drawings.append((question, str(mistake)))
    return drawings

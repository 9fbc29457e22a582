"""arithgpt falsify: the smallest problem that a solver gets wrong."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from eval.falsify.search import Failure, Search
    from tasks import Task

EXIT_FALSIFIED = 1


def command(
    solver: Annotated[
        Optional[str], typer.Argument(help="A run by name or folder, hf:FOLDER or llm:MODEL. [default: the newest run]")
    ] = None,
    law: Annotated[
        str, typer.Option(help="right, commutes, neutral, undone, distributes, monotone, scales; or all of them: all.")
    ] = "right",
    task: Annotated[Optional[str], typer.Option(help="Of a mixture, ask only this one of its tasks.")] = None,
    max_digits: Annotated[
        Optional[int], typer.Option(min=1, max=1000, help="Of the numbers drawn. [default: as trained]")
    ] = None,
    max_examples: Annotated[int, typer.Option(min=1, max=10_000_000, help="Different cases to try of a law.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same cases.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    url: Annotated[Optional[str], typer.Option(help="Of llm:MODEL, as in http://localhost:8000/v1.")] = None,
    shots: Annotated[int, typer.Option(min=0, max=64, help="Solved examples that hf: and llm: are shown.")] = 4,
) -> None:
    """Search for the smallest problem that a solver gets wrong, or that breaks another law of arithmetic.

    What it finds it shrinks, keeps beside the runs, and tries first the next time. Exit status: 0 where all held, 1 where not.
    """
    from arithgpt.errors import UserError
    from arithgpt.run import runs_folder
    from arithgpt.solvers import find_solver, tasks_of
    from eval.falsify.laws import LAWS
    from eval.falsify.search import falsify
    from eval.solver import MissingExtra

    if law != "all" and law not in LAWS:
        raise UserError(f"--law {law}: must be all or one of {', '.join(LAWS)}")
    found = find_solver(solver, device=device, url=url, shots=shots)
    parts = tasks_of(found, task)
    whole = found.task if found.task is not None and task is None else parts[0]
    if not any(part.operator for part in parts):
        raise UserError(f"falsify: the laws are about + - * /, and task {whole.name} asks none of them")
    tried = [LAWS[law]] if law != "all" else [one for one in LAWS.values() if _fits(one.needs, whole)]
    broken = False
    for one in tried:
        # What is kept must belong to the very solver, law and lengths that it was found with.
        of = repr((found.about.get("weights_sha256"), found.solver.name, whole, one.name, max_digits))
        kept = (
            runs_folder()
            / ".falsified"
            / f"{found.solver.name.replace('/', '-')}-{hashlib.sha256(of.encode()).hexdigest()[:12]}"
        )
        try:
            search = falsify(
                found.solver, whole, one, max_digits=max_digits, max_examples=max_examples, seed=seed, database=kept
            )
        except (ValueError, MissingExtra) as error:
            raise UserError(f"falsify: {error}") from None
        broken |= search.failure is not None
        _tell(found.solver.name, whole, search)
    raise typer.Exit(EXIT_FALSIFIED if broken else 0)


def _fits(needs: dict[str, str], task: Task) -> bool:
    operators = {part.operator for part in task.subtasks.values()}
    return any(set(operators_needed) <= operators for operators_needed in needs.values())


def _tell(name: str, task: Task, search: Search) -> None:
    law, failure = search.law, search.failure
    pace = f"{search.tried:,} cases in {search.seconds:.1f} s"
    if failure is None:
        print(f"{law.name}: not falsified, {law.says}: {pace}, {search.tried / search.seconds:,.0f} a second")
        return
    found = "as found before" if search.remembered else pace
    print(f"{law.name}: FALSIFIED, {name} breaks {law.says} ({found})\n")
    for question, drawn in _drawn(task, failure):
        print(f"{question}\n{drawn}\n")


def _drawn(task: Task, failure: Failure) -> list[tuple[str, str]]:
    """Every question of a case with its answer: a wrong one in columns with the wrong place marked, a right one in a line."""
    from eval.evaluate import outcome, working
    from eval.metrics.error_types import mistake_of

    shown = []
    parts = {part.operator: part for part in task.subtasks.values()}
    for question, answer in failure.asked:
        part = next(part for operator, part in parts.items() if operator in question)
        truth = part.answer(question)
        if answer.failed is not None:
            shown.append((question, answer.failed))
        elif outcome(answer, truth) == "right":
            shown.append((question, f"{answer.text}, right"))
        else:
            shown.append((question, str(mistake_of(part, question, answer, truth, working(part, question, answer)))))
    return shown

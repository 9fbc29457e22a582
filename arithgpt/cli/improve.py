"""arithgpt improve: let a run learn longer problems from its own answers."""

from __future__ import annotations

from typing import Annotated

import typer

from arithgpt.cli.shared.options import DEVICE_HELP
from arithgpt.cli.shared.terminal import make_console
from arithgpt.config.imported import command_line
from arithgpt.errors import UserError
from arithgpt.run_folder import find_run
from arithgpt.runtime import configure
from arithgpt.training.self_improve import FILTERS, ImproveSettings, RoundResult, self_improve

EXIT_INTERRUPTED = 130


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run to begin with; its own files stay as they are.")],
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Each round is a run of its own: RUN-r1, RUN-r2, ...")] = 3,
    digits_step: Annotated[int, typer.Option(min=1, max=100, help="Digits by which problems grow each round.")] = 1,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Problems of each new length.")] = 1000,
    keep: Annotated[
        str,
        typer.Option(
            help="Which answers are learned: check: the right ones; vote: those given again when asked another way; length: "
            "the longest ones; none: all."
        ),
    ] = "check",
    steps: Annotated[int, typer.Option(min=1, max=100_000_000, help="Training steps per round.")] = 200,
    share: Annotated[float, typer.Option(help="Fraction of each batch that the model wrote itself.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the problems that are asked.")] = 0,
    device: Annotated[str, typer.Option(help=DEVICE_HELP)] = "auto",
) -> None:
    """Ask a run problems longer than it was trained on, keep some answers, and train on them; again and again.

    Rounds that are done are not repeated. Ctrl-C stops with a checkpoint, and the same command goes on. Only `check` uses the
    right answers; the other filters do without, and the table shows how many of the kept answers are right.
    """
    if keep not in FILTERS:
        raise UserError(f"--keep {keep}: must be {', '.join(FILTERS)}")
    if not 0 < share < 1:
        raise UserError(f"--share {share}: must be above 0 and below 1")
    console, first = make_console(), find_run(run)
    settings = ImproveSettings(digits_step, samples, keep, steps, share, seed)
    width = max(24, len(f"{first.name}-r{rounds}") + 1)  # the longest name
    console.print(f"{'run':<{width}}{'digits':>7}{'asked':>9}{'right':>8}{'kept':>9}{'right':>8}")
    for result in self_improve(first, settings, rounds, configure(device)):
        console.print(_line(result, width))
        if result.status == "interrupted":
            console.print("stopped; the same command goes on")
            raise typer.Exit(EXIT_INTERRUPTED)
    trained, longest = first.recipe.problems.size_span.high, result.digits + settings.digits_step
    console.print(f"measure it: {command_line('eval', result.name, '--digits', f'{trained}-{longest}')}")


def _line(result: RoundResult, width: int) -> str:
    """One row of the table, with a name of so many columns."""
    asked = f"{result.asked:>9,}{result.right / result.asked:>8.1%}"
    kept = f"{result.kept:>9,}{result.kept_right / result.kept:>8.1%}"
    return f"{result.name:<{width}}{result.digits:>7}{asked}{kept}"

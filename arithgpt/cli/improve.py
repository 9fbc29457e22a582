"""arithgpt improve: let a run learn longer problems from its own answers."""

from __future__ import annotations

from typing import Annotated

import typer

EXIT_INTERRUPTED = 130


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run to begin with; its own files stay as they are.")],
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Each is a run of its own: RUN-r1, RUN-r2, ...")] = 3,
    digits_step: Annotated[int, typer.Option(min=1, max=100, help="Digits by which problems grow each round.")] = 1,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Problems of each new length.")] = 1000,
    keep: Annotated[
        str,
        typer.Option(
            help="Which answers are learned: check: the right ones; vote: alike when asked another way; length; none."
        ),
    ] = "check",
    steps: Annotated[int, typer.Option(min=1, max=100_000_000, help="Of training, each round.")] = 200,
    share: Annotated[float, typer.Option(help="Of a step's pages, those that the model wrote itself.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Of the problems that are asked.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Ask a run problems longer than it was trained on, keep some answers, and train on them; again and again.

    Rounds that are done are not done again; Ctrl-C stops with a checkpoint, and the same command goes on. Only `check` needs to
    know what is right; of all filters it is told how many of the kept answers are.
    """
    from rich.console import Console

    from arithgpt.errors import UserError
    from arithgpt.run import find_run
    from arithgpt.runtime import configure
    from arithgpt.training.self_improve import FILTERS, Rounds, improve

    if keep not in FILTERS:
        raise UserError(f"--keep {keep}: must be {', '.join(FILTERS)}")
    if not 0 < share < 1:
        raise UserError(f"--share {share}: must be above 0 and below 1")
    console, first = Console(highlight=False), find_run(run)
    how = Rounds(digits_step, samples, keep, steps, share, seed)
    console.print(f"{'run':<24}{'digits':>7}{'asked':>9}{'right':>8}{'kept':>9}{'right':>8}")
    for found in improve(first, how, rounds, configure(device)):
        shares = (f"{part / whole:.1%}" for part, whole in ((found.right, found.asked), (found.kept_right, found.kept)))
        told = (f"{found.asked:>9,}{next(shares):>8}", f"{found.kept:>9,}{next(shares):>8}")
        console.print(f"{found.name:<24}{found.digits:>7}{told[0]}{told[1]}", markup=False, soft_wrap=True)
        if found.status == "interrupted":
            console.print("stopped; the same command goes on")
            raise typer.Exit(EXIT_INTERRUPTED)
    most = found.digits + how.digits_step
    longest = first.recipe.problems.size_span.high
    console.print(f"measure it: arithgpt eval {found.name} --digits {longest}-{most}", soft_wrap=True)

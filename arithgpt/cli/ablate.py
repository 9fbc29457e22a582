"""arithgpt ablate: does a change help?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from arithgpt.cli.sweep import EXIT_FAILED, EXIT_INTERRUPTED, Backend, Device, Jobs, Threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from arithgpt.experiments.ablation import Ablation
    from arithgpt.experiments.ablation_summary import Findings
    from eval.metrics.paired_tests import Comparison
    from eval.reports.charts import Chart


def command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's file, or a task for its built-in recipe.")],
    varied: Annotated[
        Optional[list[str]],
        typer.Option("--vary", metavar="FIELD=VALUES", help="As in positions=page,rope,alibi; may be given several times."),
    ] = None,
    seeds: Annotated[
        Optional[int], typer.Option(help="Of each variant. [default: the fewest that can show a difference]")
    ] = None,
    own: Annotated[
        bool, typer.Option("--baseline", help="Compare with the recipe's own values. [default: with the first values]")
    ] = False,
    overrides: Annotated[
        Optional[list[str]], typer.Option("--set", metavar="FIELD=VALUE", help="Change a recipe's field for all variants.")
    ] = None,
    steps: Annotated[Optional[int], typer.Option(help="Of each training. [default: the recipe's]")] = None,
    beyond: Annotated[
        Optional[str], typer.Option(metavar="LENGTHS", help="As in 20,50,100. [default: twice and five times the longest]")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Different problems a length, at most.")] = 200,
    level: Annotated[float, typer.Option(help="Of the p from which on it helps or hurts.")] = 0.05,
    name: Annotated[Optional[str], typer.Option(help="How the runs' names begin. [default: as the recipe]")] = None,
    jobs: Jobs = None,
    threads: Threads = None,
    backend: Backend = "loky",
    device: Device = "auto",
    csv_file: Annotated[Optional[Path], typer.Option("--csv", metavar="FILE", help="A row a trial and length.")] = None,
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="All that is told, and more.")] = None,
    html_file: Annotated[Optional[Path], typer.Option("--html", metavar="FILE", help="A page to read.")] = None,
    png_file: Annotated[Optional[Path], typer.Option("--png", metavar="FILE", help="Draw accuracy by length.")] = None,
) -> None:
    """Train variants of a recipe with the same seeds and budget, ask all the same problems, and say whether a change helps.

    Each value of a --vary but the first is a variant: the baseline with this one field changed. None stops early, so that all
    see as many examples. The test is paired over seeds: an exact sign-flip test, two-sided, corrected for several variants
    (Holm). Trials are runs, trained as by sweep: what is done is not done again, and Ctrl-C stops all with checkpoints; the
    same command goes on. Exit status: 0, or 1 where a trial failed.
    """
    from rich.console import Console

    from arithgpt.cli.options import output_files
    from arithgpt.cli.reports import check_extras
    from arithgpt.cli.sweep import check_alone, train_all
    from arithgpt.experiments.ablation import planned
    from arithgpt.experiments.sweep import DONE, STOPPED, check_backend

    check_alone("ablate")
    files = output_files({"--csv": csv_file, "--json": json_file, "--html": html_file, "--png": png_file})
    check_extras(files)
    check_backend(backend)
    asked = {"beyond": beyond, "samples": samples, "level": level}
    plan = planned(recipe, varied or [], seeds=seeds, own=own, overrides=overrides or [], steps=steps, name=name, **asked)
    console = Console(highlight=False)
    if few := too_few(len(plan.seeds), plan, level):
        console.print(few, markup=False)
    outcomes = train_all(plan.trials, plan.exam, console, jobs=jobs, threads=threads, backend=backend, device=device)
    statuses = {outcomes[number].status if number in outcomes else STOPPED for number in range(len(plan.trials))}
    if STOPPED in statuses or any(outcome.status == DONE and outcome.rows is None for outcome in outcomes.values()):
        console.print("stopped before all was trained and asked; the same command goes on", soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED)

    from arithgpt.experiments.ablation_summary import findings

    found = findings(plan, outcomes)
    _tell(found, level, console)
    _write(files, found, level)
    if statuses != {DONE}:
        raise typer.Exit(EXIT_FAILED)


def _tell(found: Findings, level: float, console: Console) -> None:
    from eval.reports.variants import to_terminal, variant_tables

    for table in variant_tables(found.told, found.comparisons, level):
        console.print()
        console.print(to_terminal(table))
    console.print()
    for note in notes(found, level):
        console.print(note, markup=False)


def notes(found: Findings, level: float) -> list[str]:
    """What the figures mean, for people."""
    from arithgpt.experiments.ablation import IN_RANGE
    from eval.metrics.paired_tests import median_coverage

    plan = found.ablation
    seeds, tests, limits = len(plan.seeds), len(plan.variants) - 1, plan.trials[0].recipe.train
    pairs = min((len(one.differences) for one in found.comparisons if one.differences), default=seeds)
    told = [
        f"{limits.max_steps * limits.batch_size:,} examples each; none stopped early. "
        f"Target: {limits.target_accuracy:.4g} at every length of training "
        f"at two looks in a row; below the examples it took, how many of {seeds} seeds came to it.",
        f"Medians over {seeds} seeds; below them the least to the most, between which the median of all seeds there could be "
        f"lies with a chance of {median_coverage(seeds):.1%}. Wilson 95%: of all problems in range of these trained models.",
        f"Differences to {plan.variants[0].name}: the mean, and below it the least to the most. p: exact sign-flip test over "
        "seeds, two-sided" + f"; Holm: corrected for {tests} variants, in each measure by itself" * (tests > 1) + ".",
    ]
    if not plan.asked.held_out[plan.asked["where"] == IN_RANGE].any():
        told.append("No problem of these lengths is held out: training may have met those in range.")
    few = too_few(pairs, plan, level)
    return [*told, few] if few else told


def too_few(seeds: int, plan: Ablation, level: float) -> str:
    """That so many seeds cannot show anything, whatever comes of them; empty where they can."""
    from eval.metrics.paired_tests import least_p, seeds_needed

    tests = len(plan.variants) - 1
    least, by_holm = least_p(seeds, tests), " by Holm" if tests > 1 else ""
    if least <= level:
        return ""
    return (
        f"{seeds} seeds cannot give less than p = {least:.3g}{by_holm}: no difference can be shown at {level:g}, however "
        f"large; --seeds {seeds_needed(level, tests)} could."
    )


def _write(files: Mapping[str, Path], found: Findings, level: float) -> None:
    """Make every file that is asked for, then write them."""
    from arithgpt.training.checkpoint import write_atomic

    makers = {"--csv": lambda: found.table.to_csv(index=False), "--json": lambda: _json(found, level)}
    makers |= {"--html": lambda: _html(found, level), "--png": lambda: _png(found)}
    made = {path: makers[option]() for option, path in files.items()}
    for path, data in made.items():
        write_atomic(path, data)


def _json(found: Findings, level: float) -> str:
    import json
    import math

    def compared(one: Comparison) -> dict[str, Any]:
        ps = {name: None if math.isnan(p) else p for name, p in (("p", one.p), ("corrected", one.corrected))}
        said = {"variant": one.variant, "measure": one.measure, "says": one.says(level)} | ps
        said |= {"difference": one.mean if one.differences else None, "differences": [one.unit * d for d in one.differences]}
        by_problem = {} if one.measure == TO_TARGET else {"by_problem": found.by_problem(one.variant, one.measure)}
        return said | by_problem

    from arithgpt.experiments.ablation_summary import TO_TARGET

    plan = found.ablation
    said = {
        "ablation": plan.name,
        "baseline": plan.variants[0].name,
        "seeds": list(plan.seeds),
        "level": level,
        "variants": [one.as_dict() for one in found.told],
        "comparisons": [compared(one) for one in found.comparisons],
        "trials": found.trials,
        "notes": notes(found, level),
    }
    return json.dumps(said, indent=2, allow_nan=False) + "\n"


def _charts(found: Findings) -> list[Chart]:
    """Accuracy by length, and that of the worst length while they learned: a seed thin, the median of a variant thick."""
    from eval.reports.charts import accuracy_charts
    from eval.reports.learning_charts import worst_length_chart

    groups = found.measured
    if not groups:
        return []
    logs = {name: [result.metrics for result in group] for name, group in groups.items()}
    return [*accuracy_charts([one for group in groups.values() for one in group], groups), worst_length_chart(logs)]


def _png(found: Findings) -> bytes:
    from eval.reports.figures import chart_figure, png

    figure = chart_figure(f"{found.ablation.name}: exact match, each seed thin, the median thick", _charts(found))
    return png([figure] if figure is not None else [])


def _html(found: Findings, level: float) -> str:
    from eval.reports.variants import page, variant_tables

    plan = found.ablation
    title, recipe = f"Does a change help? {plan.name}", plan.trials[0].recipe.to_toml()
    return page(title, variant_tables(found.told, found.comparisons, level), notes(found, level), _charts(found), recipe)

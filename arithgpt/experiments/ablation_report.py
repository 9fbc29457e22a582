"""An ablation as notes for people, and as CSV, JSON, HTML and PNG files."""

from __future__ import annotations

import json
import math
from typing import Any

from arithgpt.experiments.ablation import Ablation
from arithgpt.experiments.ablation_problems import IN_RANGE
from arithgpt.experiments.ablation_summary import TO_TARGET, AblationSummary
from eval.metrics.paired_tests import Comparison, least_p, median_coverage, seeds_needed
from eval.reports.charts import Chart, accuracy_charts
from eval.reports.figures import chart_figure, png
from eval.reports.learning_charts import worst_length_chart
from eval.reports.variants import page, variant_tables


def notes(summary: AblationSummary, level: float) -> list[str]:
    """Explain what the figures mean, in sentences for people."""
    ablation = summary.ablation
    seeds, tests, limits = len(ablation.seeds), len(ablation.variants) - 1, ablation.trials[0].recipe.train
    pairs = min((len(one.differences) for one in summary.comparisons if one.differences), default=seeds)
    lines = [
        f"{limits.max_steps * limits.batch_size:,} examples each; none stopped early. "
        f"The target is {limits.target_accuracy:.4g} at every length of training at two validations in a row. "
        f"Below the examples to the target: how many of {seeds} seeds reached it.",
        f"Medians over {seeds} seeds, and below them the least to the most. The median of all possible seeds lies between "
        f"these with a probability of {median_coverage(seeds):.1%}. Wilson 95%: over all problems in range of these models.",
        f"Differences to {ablation.variants[0].name}: the mean, and below it the least to the most. p: exact sign-flip test "
        "over seeds, two-sided" + f"; Holm: corrected for {tests} variants, in each measure by itself" * (tests > 1) + ".",
    ]
    if not ablation.problems.held_out[ablation.problems["where"] == IN_RANGE].any():
        lines.append("No problem of these lengths is held out: training may have met those in range.")
    warning = too_few_seeds(pairs, ablation, level)
    return [*lines, warning] if warning else lines


def too_few_seeds(seeds: int, ablation: Ablation, level: float) -> str:
    """Warn where so many seeds cannot show any difference; an empty text where they can."""
    tests = len(ablation.variants) - 1
    least, by_holm = least_p(seeds, tests), " by Holm" if tests > 1 else ""
    if least <= level:
        return ""
    return (
        f"{seeds} seeds cannot give less than p = {least:.3g}{by_holm}: no difference can be shown at {level:g}, however "
        f"large; --seeds {seeds_needed(level, tests)} could."
    )


def ablation_csv(summary: AblationSummary) -> str:
    """Make a CSV file with a row for each trial and size."""
    return str(summary.table.to_csv(index=False))


def ablation_json(summary: AblationSummary, level: float) -> str:
    """Make a JSON file with all figures of variants, comparisons and trials."""
    ablation = summary.ablation
    tables = {
        "ablation": ablation.name,
        "baseline": ablation.variants[0].name,
        "seeds": list(ablation.seeds),
        "level": level,
        "variants": [one.as_dict() for one in summary.variants],
        "comparisons": [_comparison_dict(summary, one, level) for one in summary.comparisons],
        "trials": [one.as_dict() for one in summary.trials],
        "notes": notes(summary, level),
    }
    return json.dumps(tables, indent=2, allow_nan=False) + "\n"


def ablation_html(summary: AblationSummary, level: float) -> str:
    """Make an HTML page with tables, notes, charts and the recipe of the baseline."""
    ablation = summary.ablation
    title, recipe = f"Does a change help? {ablation.name}", ablation.trials[0].recipe.to_toml()
    tables = variant_tables(summary.variants, summary.comparisons, level)
    return page(title, tables, notes(summary, level), _charts(summary), recipe)


def ablation_png(summary: AblationSummary) -> bytes:
    """Draw accuracy by size and during training: each seed thin, the median of a variant thick."""
    figure = chart_figure(f"{summary.ablation.name}: exact match, each seed thin, the median thick", _charts(summary))
    return png([figure] if figure is not None else [])


def _comparison_dict(summary: AblationSummary, one: Comparison, level: float) -> dict[str, Any]:
    """Return a comparison for JSON."""
    values: dict[str, Any] = {
        "variant": one.variant,
        "measure": one.measure,
        "says": one.says(level),
        "p": None if math.isnan(one.p) else one.p,
        "corrected": None if math.isnan(one.corrected) else one.corrected,
        "difference": one.mean if one.differences else None,
        "differences": [one.unit * difference for difference in one.differences],
    }
    if one.measure != TO_TARGET:
        values["by_problem"] = summary.mcnemar_by_seed(one.variant, one.measure)
    return values


def _charts(summary: AblationSummary) -> list[Chart]:
    """Make the charts of the accuracy by size, and of the worst size during training."""
    groups = summary.eval_results
    if not groups:
        return []
    logs = {name: [result.metrics for result in results] for name, results in groups.items()}
    return [*accuracy_charts([one for results in groups.values() for one in results], groups), worst_length_chart(logs)]

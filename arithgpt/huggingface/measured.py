"""The figures of a run's evaluation, for its model card: exact match by length from eval.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eval.metrics.accuracy import wilson
from eval.reports.format import interval, percent, printable

if TYPE_CHECKING:
    from arithgpt.run_folder import RunFolder

MAX_LINES = 120
"""Lines of the table. Where there are more lengths, those with the same longer operand share a line."""
HEAD = (
    "| task | problems | digits | in training | right | exact match | 95% interval | working valid |",
    "|---|---|---|---|---|---|---|---|",
)
MEANING = """\
*Exact match*: every character of the answer is right, decoded greedily and checked with Python's own arithmetic; the interval
is Wilson's. *Digits*: of both operands, or `12x6`; of `expr`, operators by levels of parentheses. *In training*: `held out`,
never trained on; `seen`, too short to keep any out; `beyond`, a length never trained on. *Working valid*: right answers whose
working holds line by line."""


def measured(run: RunFolder) -> str:
    """Write the figures of eval.json as Markdown; where there are none for these weights, say so and name the command."""
    report = _report(run)
    if report is None:
        return f"These weights were not evaluated. `arithgpt eval {run.name}` does that; then export the run again."
    try:
        return _text_figures(report) if "bits_per_character" in report else _table(report)
    except (KeyError, TypeError, ValueError, AttributeError):
        return f"The file of the evaluation is damaged. `arithgpt eval {run.name}` writes it anew; then export the run again."


def _report(run: RunFolder) -> Mapping[str, Any] | None:
    """Read eval.json; None where it is missing, damaged, or about other weights."""
    report = run.evaluation
    return report if report.get("weights_sha256") == run.weights_sha256 else None


def _table(report: Mapping[str, Any]) -> str:
    """A line for each task, suite and length."""
    rows = _lines(report.get("results", []))
    partial = [f"PARTIAL: {printable(report['partial'])}", ""] if report.get("partial") else []
    versions = ", ".join(f"{name} {number}" for name, number in report.get("versions", {}).items())
    measured_with = (
        f"Measured with seed {report.get('seed')} and up to {report.get('samples'):,} problems a length, on "
        f"{printable(report.get('measured_on'))}, with {versions}."
    )
    return "\n".join([*HEAD, *(_line(row) for row in rows if row["n"]), "", *partial, MEANING, "", measured_with])


def _line(row: Mapping[str, Any]) -> str:
    right, asked = row["correct"], row["n"]
    cells = [row["task"], row["suite"], row["digits"], row["trained"], f"{right:,} of {asked:,}"]
    cells += [percent(right / asked), interval(*wilson(right, asked)), f"{row['valid']:,}"]
    return f"| {' | '.join(cells)} |"


def _lines(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the table; joined by the longer operand where they are too many."""
    if len(results) <= MAX_LINES:
        return [dict(row) for row in results]
    joined: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in results:
        longer = max(row["left"], row["right"])
        line = joined.setdefault((row["task"], row["suite"], longer), dict(row) | {"digits": f"at most {longer}"} | _NOTHING)
        for name in _NOTHING:
            line[name] += row[name]
        line["trained"] = row["trained"] if line["trained"] == row["trained"] else "mixed"
    return list(joined.values())


_NOTHING = {"n": 0, "correct": 0, "valid": 0}


def _text_figures(report: Mapping[str, Any]) -> str:
    """The loss of the held-out part of a text."""
    least, most = report["before"]
    return (
        f"On the {report['characters']:,} characters of the text that were held out, each read after the {least} to {most} "
        f"characters before it: {report['loss']:.4f} nats a character, {report['bits_per_character']:.4f} bits, perplexity "
        f"{report['perplexity']:.3f}."
    )

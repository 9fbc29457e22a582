"""What `arithgpt eval` does with runs that learned a text: it reports the loss of the held-out part."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from arithgpt.cli.shared.options import output_files
from arithgpt.cli.shared.terminal import make_console, show_status
from arithgpt.errors import UserError
from arithgpt.run_folder import RunFolder, find_run, newest_run
from arithgpt.solvers import is_run
from arithgpt.training.checkpoint import write_atomic

if TYPE_CHECKING:
    from arithgpt.training.text_loss import TextLoss

TEXT_PARAMETERS = ("solvers", "device", "json_file")
"""The parameters of the command that apply to a text."""


def text_runs(names: Sequence[str | None]) -> list[RunFolder]:
    """List the runs if all of them learned a text; an empty list if none did.

    Raises:
        UserError: only some learned a text, or there is no such run.
    """
    runs = [find_run(name) if name is not None else newest_run() for name in names if is_run(name)]
    text_runs = [run for run in runs if run.task_name == "text"]
    if text_runs and len(text_runs) < len(names):
        raise UserError(
            f"eval: run {text_runs[0].name} learned a text and another did not; they have nothing in common: ask them apart"
        )
    return text_runs


def evaluate_texts(context: typer.Context, runs: Sequence[RunFolder], device: str, json_file: Path | None) -> None:
    """Measure the held-out loss of each run, print it, and write it to eval.json in the run's folder and to `json_file`.

    Raises:
        UserError: an option was given that does not apply to a text, or a text file cannot be read.
    """
    for option in context.command.params:
        source = context.get_parameter_source(option.name)
        if option.name not in TEXT_PARAMETERS and source is not None and source.name == "COMMANDLINE":
            flag = next((flag for flag in option.opts if flag.startswith("--")), option.name)
            raise UserError(f"{flag}: run {runs[0].name} learned a text, which has no problems; only --device and --json apply")
    output_files({"--json": json_file})
    # Only here: `arithgpt eval exact` needs no torch.
    from arithgpt.models.language_model import LanguageModel
    from arithgpt.runtime import configure
    from arithgpt.training.text_loss import held_out_loss

    console, reports = make_console(), []
    chosen = configure(device)
    for run in runs:
        assert run.recipe.text is not None  # all of them are runs of a text
        text = run.recipe.text.resolve()
        model = run.load_model(str(chosen))
        assert isinstance(model, LanguageModel)  # the NumPy model comes only for the device numpy
        with show_status(console) as show:
            loss = held_out_loss(model, text, chosen, lambda done, total: show(f"{done} of {total} windows"))
        reports.append(_report(run, loss))
        least, most = loss.before
        console.print(f"{run.name}: {loss.characters:,} characters of {text.path}, never trained on")
        console.print(f"  loss         {loss.loss:.4f} nats a character, standard error {loss.error:.4f}")
        console.print(f"  bits         {loss.bits:.4f} a character")
        console.print(f"  perplexity   {loss.perplexity:.3f}")
        console.print(f"  each read after the {least} to {most} characters before it, but for the first {most}")
        if not run.is_shipped:
            write_atomic(run.path / "eval.json", json.dumps(reports[-1], indent=2) + "\n")
    if json_file is not None:
        write_atomic(json_file, json.dumps(reports[0] if len(reports) == 1 else reports, indent=2) + "\n")


def _report(run: RunFolder, loss: TextLoss) -> dict[str, object]:
    """What eval.json says of one run."""
    text = run.recipe.text
    assert text is not None
    report: dict[str, object] = {"solver": run.name, "task": "text", "path": text.path, "text_sha256": text.sha256}
    report |= {"loss": loss.loss, "standard_error": None if math.isnan(loss.error) else loss.error}
    report |= {"bits_per_character": loss.bits, "perplexity": loss.perplexity, "characters": loss.characters}
    report |= {"context": text.context, "before": list(loss.before)}
    report |= {name: run.info.get(name) for name in ("step", "parameters", "commit")}
    return report | {"weights_sha256": run.weights_sha256}

"""What `arithgpt eval` does with runs of a text: the loss of what was held out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from arithgpt.run import Run

UNDERSTOOD = ("solvers", "device", "json_file")
"""The options that mean something of a text."""


def text_runs(names: Sequence[str | None]) -> list[Run]:
    """The runs of texts, where all are. UserError where only some are, or there is no such run."""
    from arithgpt.errors import UserError
    from arithgpt.run import find_run, newest_run
    from arithgpt.solvers import PLAIN

    found = []
    for name in names:
        if name in PLAIN or (name or "").startswith(("hf:", "llm:")):
            continue
        run = find_run(name) if name is not None else newest_run()
        if run.task_name == "text":
            found.append(run)
    if found and len(found) < len(names):
        raise UserError(
            f"eval: run {found[0].name} learned a text and another did not; they have nothing in common: ask them apart"
        )
    return found


def evaluate(context: typer.Context, runs: Sequence[Run], device: str, json_file: Path | None) -> None:
    """Measure, tell and keep. UserError for options that mean nothing of a text, or where a file cannot be read."""
    import json

    from rich.console import Console

    from arithgpt.cli.options import output_files
    from arithgpt.errors import UserError
    from arithgpt.runtime import configure
    from arithgpt.training.checkpoint import write_atomic
    from arithgpt.training.text_loss import held_out_loss

    for option in context.command.params:
        source = context.get_parameter_source(option.name)
        if option.name not in UNDERSTOOD and source is not None and source.name == "COMMANDLINE":
            flag = next((flag for flag in option.opts if flag.startswith("--")), option.name)
            raise UserError(f"{flag}: run {runs[0].name} learned a text, which has no problems; only --device and --json apply")
    output_files({"--json": json_file})
    console, reports = Console(highlight=False), []
    chosen = configure(device)
    for run in runs:
        text = run.recipe.text.resolve()
        model = run.load_model(str(chosen))
        with console.status("") as status:
            found = held_out_loss(model, text, chosen, lambda done, of: status.update(f"{done} of {of} windows"))
        reports.append(_report(run, found))
        least, most = found.before
        console.print(
            f"{run.name}: {found.characters:,} characters of {text.path}, never trained on", markup=False, soft_wrap=True
        )
        console.print(f"  loss         {found.loss:.4f} nats a character, standard error {found.error:.4f}")
        console.print(f"  bits         {found.bits:.4f} a character")
        console.print(f"  perplexity   {found.perplexity:.3f}")
        console.print(f"  each read after the {least} to {most} characters before it, but for the first {most}")
        if not run.is_shipped:
            write_atomic(run.path / "eval.json", json.dumps(reports[-1], indent=2) + "\n")
    if json_file is not None:
        write_atomic(json_file, json.dumps(reports[0] if len(reports) == 1 else reports, indent=2) + "\n")


def _report(run: Run, found: object) -> dict[str, object]:
    from arithgpt.training.text_loss import TextLoss

    assert isinstance(found, TextLoss)
    text = run.recipe.text
    said = {"solver": run.name, "task": "text", "path": text.path, "text_sha256": text.sha256}
    said |= {"loss": found.loss, "standard_error": found.error if found.error == found.error else None}
    said |= {"bits_per_character": found.bits, "perplexity": found.perplexity, "characters": found.characters}
    said |= {"context": text.context, "before": list(found.before)}
    said |= {name: run.info.get(name) for name in ("step", "parameters", "commit")}
    return said | {"weights_sha256": run.weights_sha256}

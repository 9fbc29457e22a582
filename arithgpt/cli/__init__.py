"""The command line: one file a command, each of which parses, calls and draws. Nothing heavy is imported before it is used."""

from __future__ import annotations

import os
import sys
import time

import typer

from arithgpt.cli import (
    ablate,
    bench,
    calc,
    compare,
    evaluate,
    export,
    falsify,
    improve,
    inspect,
    runs,
    sample,
    sweep,
    tasks,
    train,
)

app = typer.Typer(
    help="Train small GPTs to do arithmetic, measure how far they can be trusted, and ask them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train", short_help="Teach a GPT from nothing.")(train.command)
app.command("sweep", short_help="Train a grid of recipes side by side.")(sweep.command)
app.command("improve", short_help="Let a run learn from its own answers.")(improve.command)
app.command("ablate", short_help="Does a change help? Tested over seeds.")(ablate.command)
app.command("eval", short_help="Measure a run by digit length.")(evaluate.command)
app.command("compare", short_help="Measure several side by side.")(compare.command)
app.command("falsify", short_help="Find the smallest problem a run gets wrong.")(falsify.command)
# An unknown option is an expression here, so that -5+3 is answered like any other line that is not understood.
app.command("calc", short_help="Ask a GPT, checked exactly.", context_settings={"ignore_unknown_options": True})(calc.command)
app.command("bench", short_help="Measure speed beside baselines.")(bench.command)
app.command("inspect", short_help="Show what a GPT looks at while it writes.")(inspect.command)
app.command("sample", short_help="Let a GPT write.")(sample.command)
app.command("runs", short_help="List the runs on disk.")(runs.command)
app.command("export-data", short_help="Write problems with answers and workings to a file.")(export.data_command)
app.command("export-lm-eval", short_help="Write a task for lm-evaluation-harness.")(export.lm_eval_command)
app.command("tasks", short_help="List the tasks.")(tasks.command)


SPINS = "10000"
"""How often a thread of torch looks for work before it sleeps; OpenMP's own choice, to look as long as it can, slows a busy
machine. Read when torch is loaded."""


def main() -> None:
    """The console script: the project's own error becomes one line and exit status 2, and nothing else is caught."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    from arithgpt.errors import PeerLostError, UserError

    try:
        app()
    except UserError as error:
        # Of several processes on a machine (ranks.py) all meet the same error, unless one has gone.
        if os.environ.get("LOCAL_RANK", "0") != "0" and not isinstance(error, PeerLostError):
            time.sleep(1)  # a launcher ends all as soon as one ends: let the first say why
        elif str(error):
            print(f"arithgpt: {error}", file=sys.stderr)
        sys.exit(2)

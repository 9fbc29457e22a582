"""The command line: one file per command, which parses options, calls the library and draws the result.

A command's module is imported only when the command is asked for, so that `arithgpt --help` needs neither torch nor pandas.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Annotated, Optional

import typer

from arithgpt.cli.shared.lazy import LazyGroup
from arithgpt.cli.shared.own_packages import check_own_packages
from arithgpt.cli.shared.task_files import IMPORT_OPTION, import_files
from arithgpt.errors import PeerLostError, UserError

SPIN_COUNT = "10000"
"""GOMP_SPINCOUNT: how often a thread of torch looks for work before it sleeps. OpenMP's own choice slows a busy machine. It is
read when torch is loaded."""

app = typer.Typer(
    cls=LazyGroup,
    help="Train small GPTs to do arithmetic, measure how far they can be trusted, and ask them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _shared(task_files: Annotated[Optional[list[str]], IMPORT_OPTION] = None) -> None:
    """Handle the options that stand before the command."""
    if task_files:
        import_files(task_files)


def main() -> None:
    """Run the console script: the project's own error becomes one line and exit status 2; nothing else is caught."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    try:
        check_own_packages()
        app()
    except UserError as error:
        # All processes that a launcher started on a machine meet the same error, unless one of them is gone.
        if os.environ.get("LOCAL_RANK", "0") != "0" and not isinstance(error, PeerLostError):
            time.sleep(1)  # a launcher ends all processes as soon as one ends: let the first one print the line
        elif str(error):
            print(f"arithgpt: {error}", file=sys.stderr)
        sys.exit(2)

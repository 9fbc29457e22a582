"""The command line: one file per command, which parses options, calls the library and draws the result.

A command's module is imported only when the command is asked for, so that `arithgpt --help` needs neither torch nor pandas.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Optional

import typer

from arithgpt.cli.shared.lazy import IMPORT_OPTION, LazyGroup, import_files
from arithgpt.errors import PeerLostError, UserError

SPIN_COUNT = "10000"
"""GOMP_SPINCOUNT: how often a thread of torch looks for work before it sleeps. OpenMP's own choice slows a busy machine. It is
read when torch is loaded."""

OWN_PACKAGES = ("tasks", "eval")
"""Packages with common names, which another file may hide."""

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


def check_own_packages() -> None:
    """Check that `tasks` and `eval` would be imported from beside the package arithgpt.

    Raises:
        UserError: another file or folder of this name comes first on the import path
    """
    home = Path(__file__).resolve().parents[2]
    for name in OWN_PACKAGES:
        spec = find_spec(name)
        origin = spec.origin if spec is not None else None
        if origin is None:
            raise UserError(f"the package {name} of arithgpt is missing; install arithgpt again")
        if Path(origin).resolve() != home / name / "__init__.py":
            raise UserError(f"{origin}: hides the package {name} of arithgpt; rename it, or start in another folder")

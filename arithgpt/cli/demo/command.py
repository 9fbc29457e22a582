"""arithgpt demo: two minutes that train a model, measure it, falsify another, prove the first one, and ask it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Annotated, Final, Optional

import typer

from arithgpt.cli.demo.story import ADDER, LEARNED, Step, story
from arithgpt.errors import UserError

EXIT_INTERRUPTED: Final = 130
MAX_WIDTH: Final = 90
DURATION: Final = "This takes about two minutes on two free cores, and longer on a busy machine."


def command(
    folder: Annotated[
        Optional[Path], typer.Option(metavar="FOLDER", help="Where the runs are kept. [default: a new temporary folder]")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Train for a moment only: shows the steps, but what is trained is no good.")
    ] = False,
) -> None:
    """Show what arithgpt does: each step says what it is for, prints a command and runs it.

    It takes about two minutes on two free cores, and longer on a busy machine.

    It trains a GPT to add, measures it far beyond the lengths of training, finds the smallest sum that another one gets wrong,
    proves the first one, and asks it. Ctrl-C ends it. No run is ever overwritten.
    """
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.default_int_handler)  # ends the command that runs, as Ctrl-C does
    home: Path | None = None
    try:
        home = _folder_of_runs(folder)
        _say("Training is cut short, so that nothing below comes out right." if quick else DURATION)
        _tell(home, story(quick))
    except KeyboardInterrupt:
        kept = f"; the runs so far are in {home}" if home is not None else ""
        print(f"\ndemo: stopped{kept}", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _folder_of_runs(folder: Path | None) -> Path:
    """Make the folder of the runs.

    Raises:
        UserError: it cannot be made, or has a run of the demo already
    """
    try:
        if folder is None:
            return Path(tempfile.mkdtemp(prefix="arithgpt-demo-"))
        for name in (ADDER, LEARNED):
            if (folder / name).exists():
                raise UserError(f"--folder {folder}: {folder / name} is there already, and no run is overwritten; name another")
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UserError(f"--folder {folder}: cannot be made: {getattr(error, 'strerror', None) or error}") from None
    return folder.resolve()


def _tell(home: Path, steps: list[Step]) -> None:
    """Run all steps.

    Raises:
        UserError: a command failed
    """
    began = time.perf_counter()
    _say(f"Each step prints the command that it runs; you can type it yourself. All runs are kept in {home}:")
    print(f"\n$ export ARITHGPT_RUNS={shlex.quote(str(home))}")
    for number, step in enumerate(steps, 1):
        print(f"\n{number} of {len(steps)}. {step.title}\n")
        _say(step.text)
        typed = shlex.join(["arithgpt", *step.arguments])
        print(f"\n$ {typed}", flush=True)  # before the command prints
        status = _run(step.arguments, home)
        if status not in step.after:
            raise UserError(f"demo: stopped, because this failed with status {status}: {typed}")
        print()
        _say(step.after[status])
    seconds = time.perf_counter() - began
    print()
    _say(
        f"{seconds:.0f} s in all. Go on with arithgpt tasks, arithgpt train --task mul, or arithgpt --help. "
        f"The runs stay in {home}; delete the folder when you need them no more."
    )


def _run(arguments: tuple[str, ...], home: Path) -> int:
    """Run `arithgpt ARGUMENTS` and return its exit status. It is killed where this process is interrupted meanwhile."""
    environment = os.environ | {"ARITHGPT_RUNS": str(home)}
    # A session of its own: Ctrl-C reaches this process alone, which then prints one line for both.
    process = subprocess.Popen([sys.executable, "-m", "arithgpt", *arguments], env=environment, start_new_session=True)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _say(text: str) -> None:
    """Print a paragraph, as wide as the terminal."""
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    print(textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False))

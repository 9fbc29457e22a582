"""Call the command line in processes of its own, as a user would, and look at what it says.

`call` starts a new interpreter, as a shell does. `call_forked` forks a process that has imported torch and the commands: it
saves their imports, and the process is as real, with its own exit status, files and environment.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch
from helpers.forks import FORKS

from arithgpt import cli

Done: TypeAlias = subprocess.CompletedProcess[str]
Call: TypeAlias = Callable[..., Done]

PLAIN = {"COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
TIMEOUT = 120


def call(*arguments: str, stdin: str | bytes = "", **environment: str) -> Done:
    """Run `python -m arithgpt ARGUMENTS` in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-m", "arithgpt", *arguments],
        input=stdin if isinstance(stdin, bytes) else stdin.encode(),
        capture_output=True,
        timeout=TIMEOUT,
        env=os.environ | PLAIN | environment,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def call_forked(folder: Path, *arguments: str, **environment: str) -> Done:
    """Run `arithgpt ARGUMENTS` in a forked process without input, with files in `folder` for what it prints."""
    assert not [name for name in environment if name.startswith("PYTHON")], "read by a new interpreter only"
    out, error = folder / "stdout", folder / "stderr"
    process = FORKS.Process(target=_run, args=(arguments, dict(os.environ | PLAIN | environment), Path.cwd(), out, error))
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
        raise subprocess.TimeoutExpired(arguments, TIMEOUT, out.read_bytes(), error.read_bytes())
    said, complained = (file.read_bytes().decode() for file in (out, error))
    return subprocess.CompletedProcess(arguments, process.exitcode, said, complained)


def _run(arguments: tuple[str, ...], environment: dict[str, str], folder: Path, out: Path, error: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    torch.set_num_threads(1)
    for number, file in ((1, out), (2, error)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["arithgpt", *arguments]
    cli.main()


def one_clear_line(done: Done, *said: str) -> None:
    """Check that a command was refused in one line that has these parts, with exit status 2."""
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for part in said:
        assert part in done.stderr

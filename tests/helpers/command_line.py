"""Call the command line in processes of its own, as a user would, and look at what it says.

`call` starts a new interpreter, as a shell does. `call_forked` forks a process that has imported torch and the commands: it
saves their imports, and the process is as real, with its own exit status, files and environment.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeAlias

import torch
from helpers.forks import FORKS

from arithgpt import cli

Done: TypeAlias = subprocess.CompletedProcess[str]
Call: TypeAlias = Callable[..., Done]

PLAIN = {"COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
PRINTED = ("stdout", "stderr")
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


def in_terminal(*arguments: str, until: str = "", typed: bytes = b"", width: int = 80) -> tuple[int, str]:
    """Run `python -m arithgpt ARGUMENTS` in a terminal of its own.

    Args:
        arguments: of the command
        until: what is waited for before anything is typed
        typed: the keys
        width: columns of the terminal

    Returns:
        The exit status, and all that the terminal showed.
    """
    environment = os.environ | PLAIN
    del environment["COLUMNS"]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "arithgpt", *arguments], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    shown, ends, key_again = b"", time.monotonic() + TIMEOUT, 0.0
    while time.monotonic() < ends:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 1 << 16)
            except OSError:  # the process has ended
                break
        if typed and until.encode() in shown and time.monotonic() > key_again:
            os.write(terminal, typed)  # once more after a while: Ctrl-C between the prompt and the reading is lost
            key_again = time.monotonic() + 5
    else:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    return code, shown.decode()


def call_forked(folder: Path, *arguments: str, **environment: str) -> Done:
    """Run `arithgpt ARGUMENTS` in a forked process without input, with files in `folder` for what it prints."""
    process = start_forked(folder, *arguments, **environment)
    return wait_for_forked(process, folder)


def start_forked(folder: Path, *arguments: str, **environment: str) -> BaseProcess:
    """Start what `call_forked` calls."""
    assert not [name for name in environment if name.startswith("PYTHON")], "read by a new interpreter only"
    process = FORKS.Process(target=_run, args=(arguments, dict(os.environ | PLAIN | environment), Path.cwd(), folder))
    process.start()
    return process


def wait_for_forked(process: BaseProcess, folder: Path) -> Done:
    """Wait until a forked process has ended; returns what it printed to the files in `folder`."""
    process.join(TIMEOUT)
    ended = not process.is_alive()
    process.kill()
    said, complained = ((folder / name).read_bytes().decode() for name in PRINTED)
    assert ended, (said, complained)
    return subprocess.CompletedProcess(process.name, process.exitcode, said, complained)


def _run(arguments: tuple[str, ...], environment: dict[str, str], cwd: Path, folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    torch.set_num_threads(1)
    for number, name in enumerate(PRINTED, 1):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["arithgpt", *arguments]
    cli.main()


def one_clear_line(done: Done, *said: str) -> None:
    """Check that a command was refused in one line that has these parts, with exit status 2."""
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for part in said:
        assert part in done.stderr

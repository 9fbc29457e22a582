"""Run the blocks of a page from top to bottom in a folder of its own, and compare what they print with what the page shows."""

import contextlib
import difflib
import io
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from helpers.command_line import PLAIN, call_forked
from helpers.documents.pages import EXTRAS, Block, Step, blocks, matches
from helpers.forks import FORKS
from helpers.paths import ROOT

SLOW_TIMEOUT = 1800
PYTHON_TIMEOUT = 300


def runs(block: Block, slow: bool) -> bool:
    """Whether a block is run on this machine."""
    if block.marks & {"network", "long"} or not all(find_spec(EXTRAS[mark]) for mark in block.marks & EXTRAS.keys()):
        return False
    if "gpu" in block.marks:
        return slow and torch.cuda.is_available()
    return slow or "slow" not in block.marks


def prepare(folder: Path) -> None:
    """Make a working folder like a clone of the repository: its recipes, its examples, no runs."""
    (folder / "runs" / "papers").mkdir(parents=True)
    for file in [*(ROOT / "runs").glob("*.toml"), *(ROOT / "runs" / "papers").glob("*.toml")]:
        shutil.copy(file, folder / file.relative_to(ROOT))
    shutil.copytree(ROOT / "tests" / "examples", folder / "tests" / "examples")


def run_page(page: Path, folder: Path, slow: bool) -> int:
    """Run the blocks of a page that can run here; returns how many were run.

    Args:
        page: a Markdown file
        folder: the working folder, from `prepare`; the current one
        slow: run the blocks marked `slow` too
    """
    n_run = 0
    chosen = blocks(page)
    with python_process(folder) as python:
        for block, after in zip(chosen, [*chosen[1:], None], strict=True):
            if not runs(block, slow):
                continue
            if name := block.options.get("file"):
                (folder / name).write_text(block.text, "utf-8")
            elif block.language == "console":
                for step in block.steps:
                    _run_step(block, step, folder, slow)
            elif block.language == "python":
                _run_python(python, block, after)
            else:
                continue
            n_run += 1
    return n_run


def _run_step(block: Block, step: Step, folder: Path, slow: bool) -> None:
    """Run a command, and compare its exit status and its output."""
    if slow or step.needs_shell:
        tools = Path(sys.executable).parent
        environment = os.environ | PLAIN | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=SLOW_TIMEOUT,
        )
    else:
        printed = folder.parent / "printed"
        printed.mkdir(exist_ok=True)
        done = call_forked(printed, *step.words[1:])
    printed_text = done.stdout + done.stderr
    said = f"{block.place}: $ {step.command}\n{printed_text}"
    assert done.returncode == int(block.options.get("status", "0")), said
    _compare(block, step.command, step.output, printed_text)


def _run_python(python: Connection, block: Block, after: Block | None) -> None:
    """Run a Python block, and compare what it prints with the block of output after it."""
    python.send((block.text, block.place, block.line))
    assert python.poll(PYTHON_TIMEOUT), f"{block.place}: no end after {PYTHON_TIMEOUT} s"
    printed, error = python.recv()
    assert error is None, f"{block.place}: {error}"
    shown = after if after is not None and "output" in after.marks else None
    if shown is None:
        assert printed == "", f"{block.place}: prints, but no ```text output follows it:\n{printed}"
    else:
        _compare(shown, block.text, shown.text, printed)


def _compare(block: Block, source: str, shown: str, real: str) -> None:
    if shown == "" and block.language == "console":
        return
    difference = "\n".join(difflib.unified_diff(shown.splitlines(), real.splitlines(), "shown", "real", lineterm=""))
    assert matches(shown, real, "varies" in block.marks), f"{block.place}: {source}\n{difference}"


@contextlib.contextmanager
def python_process(folder: Path) -> Iterator[Connection]:
    """Start a forked process that runs Python blocks in one namespace.

    It takes (source, place, line) and answers with (what was printed, the traceback or None).
    """
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=_serve, args=(theirs, dict(os.environ | PLAIN), folder))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)
        process.kill()


def _serve(pipe: Connection, environment: dict[str, str], folder: Path) -> None:
    """Run each block that arrives, and answer with what it printed and with its error."""
    os.environ.clear()
    os.environ.update(environment | {"MPLBACKEND": "agg"})
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    torch.set_num_threads(1)
    namespace = {"__name__": "__main__"}
    sys.modules["__main__"].__dict__.update(namespace)
    while True:
        try:
            text, place, line = pipe.recv()
        except EOFError:
            return
        printed, error = io.StringIO(), None
        with contextlib.redirect_stdout(printed):
            try:
                exec(compile("\n" * line + text, place, "exec"), namespace)
            except BaseException:
                error = traceback.format_exc()
        pipe.send((printed.getvalue(), error))

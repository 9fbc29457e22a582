"""arithgpt demo: it runs the commands that it prints, overwrites no run, and ends in one line on Ctrl-C."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from helpers.command_line import PLAIN, Call, one_clear_line

from arithgpt import cli
from arithgpt.cli.demo.story import story

QUICK = ("demo", "--quick", "--folder")
DEADLINE = 90  # seconds


def typed(said: str) -> list[list[str]]:
    """The commands that a demo printed, as words."""
    return [shlex.split(line[2:]) for line in said.splitlines() if line.startswith("$ ")]


def running_in(runs: Path) -> list[int]:
    """The processes that keep their runs in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"ARITHGPT_RUNS={runs}\0".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("quick", [True, False])
def test_every_command_of_the_story_can_be_typed(quick: bool) -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, cli.LazyGroup)
    made = []
    for step in story(quick):
        name, *arguments = step.arguments
        context = group.get_command(None, name).make_context(name, arguments)
        made += [context.params["name"]] if name == "train" else []
        asked = [value for key in ("name", "solver", "run") if (value := context.params.get(key))]
        assert name == "train" or set(asked) <= set(made), "asks a run that is made before"
    assert len(made) == len(set(made)) == 2


@pytest.mark.slow
def test_the_demo_runs_what_it_prints(new_arithgpt: Call, tmp_path: Path) -> None:
    runs = tmp_path / "some runs"
    done = new_arithgpt(*QUICK, str(runs), COLUMNS="60")
    assert (done.returncode, done.stderr) == (0, "")
    export, *commands = typed(done.stdout)
    assert export == ["export", f"ARITHGPT_RUNS={runs}"]
    assert commands == [["arithgpt", *step.arguments] for step in story(quick=True)]
    assert "all steps done: step 20" in done.stdout
    assert 'FALSIFIED, learned breaks "every answer is right"' in done.stdout
    assert "refuted: " in done.stdout
    assert "123*45 = 5535  right" in done.stdout
    assert sorted(folder.name for folder in runs.iterdir() if folder.name[0] != ".") == ["adder", "learned"]
    before = {file: file.read_bytes() for file in runs.rglob("*") if file.is_file()}
    one_clear_line(new_arithgpt(*QUICK, str(runs)), f"--folder {runs}", f"{runs / 'adder'} is there already")
    assert {file: file.read_bytes() for file in runs.rglob("*") if file.is_file()} == before


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc, where processes are looked for")
@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_demo_that_is_stopped_says_so_in_one_line(stop: signal.Signals, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = [sys.executable, "-m", "arithgpt", "demo", "--folder", str(runs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | PLAIN, **pipes) as demo:  # type: ignore[call-overload]
        deadline = time.monotonic() + DEADLINE
        while not (runs / "adder" / "recipe.toml").exists():  # the first command trains
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert running_in(runs)
        demo.send_signal(stop)
        said, complained = demo.communicate(timeout=DEADLINE)
    assert demo.returncode == 130
    assert complained == f"\ndemo: stopped; the runs so far are in {runs}\n"
    assert "1 of 7" in said
    assert "2 of 7" not in said
    assert running_in(runs) == []


def test_a_folder_that_cannot_be_made_is_one_clear_line(arithgpt: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one_clear_line(arithgpt("demo", "--folder", str(tmp_path / "file")), "--folder", "cannot be made")
    one_clear_line(arithgpt("demo", "--folder", str(tmp_path / "file" / "below")), "--folder", "cannot be made")
    one_clear_line(arithgpt("demo", "--folder", "x" * 300), "--folder", "too long")

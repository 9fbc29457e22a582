"""What several test files need: a small trained run, made once, and a way to call the command line."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from helpers.training import SMALL, Silent
from hypothesis import settings

from arithgpt.config.recipe import Recipe
from arithgpt.run import Run, new_run
from arithgpt.training.trainer import Trainer

settings.register_profile("arithgpt", deadline=None, max_examples=50)
settings.load_profile("arithgpt")

torch.set_num_threads(1)  # small operations shared by two threads crawl when something else runs beside the tests


@pytest.fixture(autouse=True)
def _denormal_numbers() -> Iterator[None]:
    """Commands called in this process flush denormal numbers to zero, where Hypothesis draws no floats."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _own_runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARITHGPT_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An adder of one- and two-digit numbers, trained for a few seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARITHGPT_RUNS", str(tmp_path_factory.mktemp("trained")))
        recipe = Recipe.from_dict(SMALL, "test")
        run = new_run("small", recipe)
        Trainer(recipe, run, device=torch.device("cpu"), callback=Silent()).fit()
    return run


@pytest.fixture
def runs(trained: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the trained run lies, as the one in which the command line looks."""
    monkeypatch.setenv("ARITHGPT_RUNS", str(trained.path.parent))
    return trained.path.parent


@pytest.fixture
def arithgpt() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line as a user would: a process of its own."""

    def call(*arguments: str, stdin: str | bytes = "", **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "arithgpt", *arguments],
            input=stdin if isinstance(stdin, bytes) else stdin.encode(),
            capture_output=True,
            timeout=120,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"} | environment,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return call

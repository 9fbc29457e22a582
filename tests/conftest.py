"""What several test files need: a small trained run, made once, and a way to call the command line."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import helpers.one_thread  # noqa: F401  before NumPy is loaded
import pytest
import torch
from helpers.command_line import Call, call, call_forked
from helpers.training import SMALL, train_once
from hypothesis import settings

from arithgpt.run_folder import RunFolder

NUMBERS = count()

settings.register_profile("arithgpt", deadline=None, max_examples=50)
settings.load_profile("arithgpt")

torch.set_num_threads(1)  # small operations shared by two threads crawl when something else runs beside the tests


@pytest.fixture(autouse=True)
def _denormal_numbers() -> Iterator[None]:
    """Commands called in this process flush denormal numbers to zero, where Hypothesis draws no floats."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _own_runs_folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_runs: Path) -> None:
    """Each test has runs of its own; a folder is made only for tests that ask for one, or train."""
    if "tmp_path" in request.fixturenames:
        monkeypatch.setenv("ARITHGPT_RUNS", str(request.getfixturevalue("tmp_path") / "runs"))
    else:
        monkeypatch.setenv("ARITHGPT_RUNS", str(no_runs / f"{next(NUMBERS)}"))


@pytest.fixture(scope="session")
def no_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The place for runs of tests without a folder of their own."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """An adder of one- and two-digit numbers, trained for a few seconds."""
    return train_once(tmp_path_factory, "small", SMALL)


@pytest.fixture
def runs(trained: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the trained run lies, as the one in which the command line looks."""
    monkeypatch.setenv("ARITHGPT_RUNS", str(trained.path.parent))
    return trained.path.parent


@pytest.fixture
def arithgpt(tmp_path_factory: pytest.TempPathFactory) -> Call:
    """Call the command line in a process of its own, forked from one that has imported what commands need."""
    return partial(call_forked, tmp_path_factory.mktemp("said"))


@pytest.fixture
def new_arithgpt() -> Call:
    """Call the command line as a user would: a new interpreter, which may read a pipe."""
    return call

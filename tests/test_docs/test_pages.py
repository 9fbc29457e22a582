"""Every command and every Python block of the documentation runs, and prints what its page shows."""

from pathlib import Path

import pytest
from helpers.documents.pages import PAGES, blocks
from helpers.documents.run_pages import prepare, run_page, runs
from helpers.paths import ROOT

RUN = {"console", "python"}


def name(page: Path) -> str:
    """The path of a page, as the name of its test."""
    return str(page.relative_to(ROOT))


FAST = [page for page in PAGES if any(block.language in RUN and runs(block, slow=False) for block in blocks(page))]
SLOW = [page for page in PAGES if any("slow" in block.marks for block in blocks(page))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder like a clone, which is the current one; runs go to its folder `runs`."""
    prepare(tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.delenv("ARITHGPT_RUNS")
    return tmp_path / "clone"


@pytest.mark.parametrize("page", FAST, ids=name)
def test_a_page_runs_as_it_says(page: Path, folder: Path) -> None:
    assert run_page(page, folder, slow=False) > 0


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW, ids=name)
def test_a_page_runs_as_it_says_with_what_takes_minutes(page: Path, folder: Path) -> None:
    assert run_page(page, folder, slow=True) > 0

"""The recipes of runs/papers: each says what it is after, and its trials can be trained."""

import re
from pathlib import Path

import pytest
import torch
from helpers.paths import ROOT

from arithgpt.config.recipe import SWEEP, Recipe, load_recipe, read_tables
from arithgpt.data.source import ProblemSource
from arithgpt.experiments.grid import load_sweep
from arithgpt.run_folder import new_run
from arithgpt.training.callbacks import NullCallback
from arithgpt.training.trainer import Trainer
from tasks import sizes

CPU = torch.device("cpu")
PAPERS = sorted((ROOT / "runs" / "papers").glob("*.toml"))
ONE_STEP = {"max_steps": 1, "batch_size": 2, "eval_samples": 2}


def recipes(file: Path) -> list[Recipe]:
    """Load the recipes of a file, of one seed."""
    if SWEEP in read_tables(file, str(file)):
        return [trial.recipe for trial in load_sweep(file) if trial.recipe.seed == 0]
    return [load_recipe(file=file)]


def quick(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=ONE_STEP)})


def test_there_are_some() -> None:
    assert len(PAPERS) >= 10


@pytest.mark.parametrize("file", PAPERS, ids=lambda file: file.stem)
def test_each_names_its_paper_and_its_command(file: Path) -> None:
    head = "".join(line[1:] for line in file.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert re.search(r"\b[0-9]{4}\.[0-9]{5}\b", head)
    assert "Measured" in head or "Not measured yet" in " ".join(head.split())
    assert f"runs/papers/{file.name}" in head
    for named in re.findall("--eval-digits ([^ ]+)", head):
        assert sizes.parse_sizes(named)


@pytest.mark.parametrize("file", PAPERS, ids=lambda file: file.stem)
def test_every_trial_can_be_trained(file: Path) -> None:
    plans = recipes(file)
    for plan in plans:  # room for every page, and enough problems
        few = plan.train.model_copy(update={"eval_samples": 2})
        assert len(ProblemSource(plan.model_copy(update={"train": few}), CPU).pages(0)) == plan.train.batch_size
    plan = quick(plans[-1])
    assert Trainer(plan, new_run("one", plan), device=CPU, callback=NullCallback()).fit().step == 1

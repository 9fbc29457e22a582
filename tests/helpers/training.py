"""What tests need to train: a small recipe, a callback that prints nothing, and runs that all workers share."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from arithgpt.config.recipe import Recipe
from arithgpt.run_folder import RunFolder, new_run
from arithgpt.training.callbacks import Callback
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import Trainer

SMALL = {
    "task": {"name": "add", "digits": "1-3"},
    "train": {"max_steps": 350, "batch_size": 64, "eval_samples": 64, "eval_every": 50, "target_accuracy": 0.98},
}


class Silent(Callback):
    """A callback that only remembers the validations."""

    def __init__(self) -> None:
        self.accuracies: list[dict[str, float]] = []

    def on_validation(self, progress: Progress) -> None:
        self.accuracies.append(dict(progress.accuracy))


def train_once(factory: pytest.TempPathFactory, name: str, plan: dict[str, Any]) -> RunFolder:
    """Train a run once in a session, whatever the number of workers.

    Args:
        factory: pytest's maker of folders
        name: the name of the run, and what tells it from others
        plan: the tables of its recipe

    Returns:
        A copy for this worker, alone in its folder.
    """
    own, base = factory.mktemp(name), factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / name).exists():
            _train(name, plan, factory.mktemp("unfinished")).rename(shared / name)
    shutil.copytree(shared / name, own / name)
    return RunFolder(own / name)


def _train(name: str, plan: dict[str, Any], folder: Path) -> Path:
    recipe = Recipe.from_dict(plan, "test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARITHGPT_RUNS", str(folder))
        run = new_run(name, recipe)
    Trainer(recipe, run, device=torch.device("cpu"), callback=Silent()).fit()
    return run.path

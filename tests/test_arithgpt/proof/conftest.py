"""A run that is proven, trained once."""

import pytest
import torch
from helpers.proofs import PROVABLE
from helpers.training import Silent

from arithgpt.config.recipe import Recipe
from arithgpt.run import Run, new_run
from arithgpt.training.trainer import Trainer


@pytest.fixture(scope="session")
def provable(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An adder with fixed kernels, trained for some seconds; nothing may be written to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARITHGPT_RUNS", str(tmp_path_factory.mktemp("provable")))
        recipe = Recipe.from_dict(PROVABLE, "test")
        run = new_run("provable", recipe)
        Trainer(recipe, run, device=torch.device("cpu"), callback=Silent()).fit()
    return run

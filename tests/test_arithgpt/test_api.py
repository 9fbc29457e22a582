"""The public API: a run trained and loaded from Python, and names that are imported when they are used."""

import subprocess
import sys

import pytest
import torch

import arithgpt
from arithgpt.inference.numpy_gpt import NumpyGPT
from arithgpt.run_folder import find_run

TINY = {"train.max_steps": 2, "train.eval_samples": 2, "train.batch_size": 4, "model.n_embd": 16, "model.n_head": 2}


def test_a_run_is_trained_and_loaded() -> None:
    run = arithgpt.train("add", digits="2", options=TINY, name="mine", device="cpu")
    assert run.recipe.problems.size_span == (2, 2)
    assert find_run("mine").recipe == run.recipe
    model = arithgpt.load("mine")
    assert model(torch.zeros(1, 3, dtype=torch.long)).shape == (1, 3, len(run.recipe.alphabet))
    assert isinstance(arithgpt.load("mine", device="numpy"), NumpyGPT)
    again = arithgpt.train(recipe=run.recipe, options={"seed": 1}, name="again", device="cpu")
    assert again.recipe.seed == 1
    assert again.recipe.problems == run.recipe.problems


def test_a_wrong_option_is_one_clear_line() -> None:
    with pytest.raises(arithgpt.UserError, match="model.n_layers: no such field"):
        arithgpt.train("add", options={"model.n_layers": 3})


def test_names_are_imported_when_they_are_used() -> None:
    code = "import sys, arithgpt; assert 'torch' not in sys.modules; assert set(arithgpt.__all__) == set(arithgpt._MODULES)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = arithgpt.nothing

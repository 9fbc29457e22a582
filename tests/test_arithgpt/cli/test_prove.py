"""arithgpt prove, as users meet it: a process of its own."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.models import random_model

from arithgpt.config.recipe import Recipe
from arithgpt.run import Run, new_run
from arithgpt.training.checkpoint import save_tensors

Call = Callable[..., subprocess.CompletedProcess[str]]
MODEL = {"n_layer": 1, "n_head": 4, "head_dim": 8, "kernel_strength": 25}


def untrained(name: str, task: dict[str, object], **model: object) -> Run:
    """A run with random weights."""
    recipe = Recipe.from_dict({"task": task, "model": MODEL | model}, "test")
    run = new_run(name, recipe)
    weights = random_model(recipe.alphabet, **recipe.model.model_dump())
    notes = {"identity": recipe.resume_identity, "alphabet": recipe.alphabet}
    save_tensors(run.path / "weights.safetensors", weights.state_dict(), notes)
    return run


def one_line(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("arithgpt: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for part in said:
        assert part in done.stderr


def test_a_random_run_is_refuted(arithgpt: Call, tmp_path: Path) -> None:
    run = untrained("wrong", {"name": "add"})
    file = tmp_path / "wrong.json"
    done = arithgpt("prove", "wrong", "--json", str(file), "--certificate", str(tmp_path / "none"))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("refuted: ")
    facts = json.loads(file.read_text())
    left, right = map(int, facts["counterexample"]["question"].split("+"))
    assert facts["counterexample"]["expected"] == str(left + right) != facts["counterexample"]["answer"]
    assert f"{left}+{right} goes wrong" in done.stdout
    assert not (tmp_path / "none").exists()
    assert not (run.path / "certificate.safetensors").exists()


@pytest.mark.parametrize(
    ("task", "model", "said"),
    [
        ({"name": "copy"}, {}, "task copy: prove covers add, sub"),
        ({"name": "add", "order": "plain"}, {}, "task.order = 'plain': prove covers 'reversed'"),
        ({"name": "add"}, {"kernel_strength": 0}, "model.kernel_strength = 0: prove covers fixed kernels"),
        ({"name": "add"}, {"kernel_strength": 0, "positions": "rope"}, "model.positions = 'rope': prove covers 'page'"),
        ({"name": "add"}, {"n_layer": 2}, "model.n_layer = 2: prove covers 1"),
    ],
)
def test_runs_that_are_not_covered(arithgpt: Call, task: dict[str, object], model: dict[str, object], said: str) -> None:
    untrained("other", task, **model)
    one_line(arithgpt("prove", "other"), f"run other: {said}")


def test_bad_input(arithgpt: Call, tmp_path: Path) -> None:
    untrained("wrong", {"name": "add"})
    nothing = str(tmp_path / "nothing")
    one_line(arithgpt("prove", "nobody"), "'nobody': not found")
    one_line(arithgpt("prove", "wrong", "--json", f"{nothing}/x"), "--json", "does not exist")
    one_line(arithgpt("prove", "wrong", "--json", nothing, "--certificate", nothing), "is the file of --json too")
    one_line(arithgpt("prove", "wrong", "--check", nothing), "nothing: there is no such file")
    one_line(arithgpt("prove", "wrong", "--check", nothing, "--json", nothing), "--check", "leave --json out")

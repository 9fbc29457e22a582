"""arithgpt prove and train --until-proven, as users meet them: processes of their own."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line
from helpers.models import random_model

from arithgpt.config.recipe import Recipe
from arithgpt.run_folder import RunFolder, new_run
from arithgpt.training.checkpoint import save_tensors

MODEL = {"n_layer": 1, "n_head": 4, "head_dim": 8, "kernel_strength": 25}


def untrained(name: str, task: dict[str, object], **model: object) -> RunFolder:
    """A run with random weights."""
    recipe = Recipe.from_dict({"task": task, "model": MODEL | model}, "test")
    run = new_run(name, recipe)
    weights = random_model(recipe.alphabet, **recipe.model.model_dump())
    notes = {"identity": recipe.resume_identity, "alphabet": recipe.alphabet}
    save_tensors(run.path / "weights.safetensors", weights.state_dict(), notes)
    return run


def test_a_run_is_proven_and_its_certificate_checked(arithgpt: Call, provable: RunFolder, tmp_path: Path) -> None:
    folder, certificate = tmp_path / "runs" / "copied", tmp_path / "mine.safetensors"
    shutil.copytree(provable.path, folder)
    (folder / "certificate.safetensors").unlink()
    done = arithgpt("prove", "copied", "--certificate", str(certificate), "--json", str(tmp_path / "mine.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("proven for every length: adds any two numbers, of any length; 24,956 windows, least margin ")
    assert json.loads((tmp_path / "mine.json").read_text())["status"] == "proven"
    assert certificate.read_bytes() == (folder / "certificate.safetensors").read_bytes()
    done = arithgpt("prove", "copied", "--check", str(certificate))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("valid: run copied adds any two numbers, of any length; 24,956 windows")
    certificate.write_bytes(certificate.read_bytes()[:-1])
    one_clear_line(
        arithgpt("prove", "copied", "--check", str(certificate)), "mine.safetensors: no certificate, damaged or cut short"
    )


def test_training_until_a_proof_has_an_exit_status(arithgpt: Call) -> None:
    done = arithgpt("train", "--until-proven", "--digits", "2", "--steps", "3", "--name", "short")
    assert (done.returncode, done.stderr) == (1, "")
    assert "of 24,956 windows are not proven" in done.stdout
    done = arithgpt("train", "--task", "sort", "--until-proven")
    one_clear_line(done, "train.until_proven = true: task sort: prove covers add, ")


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
        ({"name": "sort"}, {}, "task sort: prove covers add, "),
        ({"name": "add", "order": "plain"}, {}, "task.order = 'plain': prove covers 'reversed'"),
        ({"name": "add"}, {"kernel_strength": 0}, "model.kernel_strength = 0: prove covers fixed kernels"),
        ({"name": "add"}, {"kernel_strength": 0, "positions": "rope"}, "model.positions = 'rope': prove covers 'page'"),
        ({"name": "add"}, {"n_head": 3}, "the heads do not see enough"),
        ({"name": "add"}, {"n_layer": 2}, "model.n_layer = 2: prove covers 1"),
    ],
)
def test_runs_that_are_not_covered(arithgpt: Call, task: dict[str, object], model: dict[str, object], said: str) -> None:
    untrained("other", task, **model)
    one_clear_line(arithgpt("prove", "other"), f"run other: {said}")


def test_bad_input(arithgpt: Call, tmp_path: Path) -> None:
    untrained("wrong", {"name": "add"})
    nothing = str(tmp_path / "nothing")
    one_clear_line(arithgpt("prove", "nobody"), "'nobody': not found")
    one_clear_line(arithgpt("prove", "wrong", "--json", f"{nothing}/x"), "--json", "does not exist")
    one_clear_line(arithgpt("prove", "wrong", "--json", nothing, "--certificate", nothing), "is the file of --json too")
    one_clear_line(arithgpt("prove", "wrong", "--check", nothing), "nothing: there is no such file")
    one_clear_line(arithgpt("prove", "wrong", "--check", nothing, "--json", nothing), "--check", "leave --json out")

"""Initial weights from another run: matched by character, recorded, reproducible, and refused in one clear line."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers.training import Silent

from arithgpt.cli import app
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.errors import UserError
from arithgpt.models import build_model
from arithgpt.run_folder import RunFolder, new_run, shipped_run
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.init_weights import initial_weights, resolve, weights_hash
from arithgpt.training.trainer import Trainer

CPU = torch.device("cpu")
TWO_BLOCKS = [f"--set=model.{field}" for field in ("n_layer=2", "n_head=4", "head_dim=0", "mlp_ratio=4")]
"""The shape of a recipe that names none, which is not that of the built-in recipe of `add`."""
QUICK = {"max_steps": 4, "batch_size": 8, "eval_samples": 2, "eval_every": 2, "checkpoint_every": 2, "stop_early": False}


@pytest.fixture
def pre() -> RunFolder:
    """A run of a few steps."""
    plan = Recipe.from_dict({"task": {"name": "add"}, "train": QUICK}, "test")
    run = new_run("pre", plan)
    Trainer(plan, run, device=CPU, callback=Silent()).fit()
    return run


def recipe(task: str = "add", **init: str) -> Recipe:
    return Recipe.from_dict({"task": {"name": task}, "train": QUICK, "init": {"run": "pre"} | init}, "test")


def test_the_weights_that_ship_carry_the_identity_of_their_recipe() -> None:
    assert shipped_run().load_model().n_params == 628_084
    notes = load_tensors(shipped_run().path / "weights.safetensors", "numpy")[1]
    assert notes["identity"] == shipped_run().recipe.resume_identity


def test_the_identity_knows_the_weights_and_not_the_name() -> None:
    plans = [recipe(), recipe(weights="0" * 64), recipe(weights="1" * 64), recipe(run="other", weights="1" * 64)]
    a, b, c, d = (plan.identity for plan in plans)
    assert len({a, b, c}) == 3
    assert c == d
    assert load_recipe(task="add").identity not in (a, b, c)


def test_characters_that_both_know_keep_their_rows(pre: RunFolder) -> None:
    plan = resolve(recipe("arith"))
    alphabet = plan.problems.alphabet
    drawn = build_model(plan.model, alphabet, plan.seed).state_dict()
    weights = initial_weights(plan, alphabet, drawn)
    old, known = pre.load_model().state_dict(), pre.recipe.problems.alphabet
    assert weights.keys() == drawn.keys()
    for char in alphabet:
        row = alphabet.index(char)
        for name, shift in (("token_embedding.weight", 0), ("head.weight", 0), ("positions.mark_embedding", 1)):
            source = old[name][known.index(char) + shift] if char in known else drawn[name][row + shift]
            assert torch.equal(weights[name][row + shift], source), (name, char)
    assert torch.equal(weights["positions.mark_embedding"][0], old["positions.mark_embedding"][0])
    assert torch.equal(weights["blocks.1.attention.qkv.weight"], old["blocks.1.attention.qkv.weight"])


def test_a_run_from_another_begins_there_and_resumes_without_it(pre: RunFolder) -> None:
    plan = resolve(recipe())
    run = new_run("fine", plan)
    watched = []

    class Watch(Silent):
        def on_train_start(self, run: object, model: object, *about: object) -> None:
            watched.append(weights_hash(model.state_dict()))

    Trainer(plan, run, device=CPU, callback=Watch()).fit()
    assert watched == [plan.init.weights] == [weights_hash(pre.load_model().state_dict())]
    assert json.loads((run.path / "run.json").read_text())["init"] == {"run": "pre", "weights": plan.init.weights}
    assert RunFolder(run.path).recipe == plan
    shutil.rmtree(pre.path)
    more = plan.model_copy(update={"train": plan.train.model_copy(update={"max_steps": 6})})
    assert Trainer(more, run, device=CPU, callback=Silent()).fit(resume=True).step == 6
    assert load_tensors(run.path / "weights.safetensors")[1]["identity"] == plan.resume_identity


def test_fields_that_shape_no_weights_may_differ(pre: RunFolder) -> None:
    for same in ({"block_size": 64}, {"dropout": 0.1}):
        assert resolve(recipe().model_copy(update={"model": pre.recipe.model.model_copy(update=same)})).init.weights
    for other in ({"tied": True}, {"loops": 2}, {"positions": "rope"}, {"arch": "lstm"}):
        plan = recipe().model_copy(update={"model": pre.recipe.model.model_copy(update=other)})
        with pytest.raises(UserError, match=f"init.run = 'pre': model.{next(iter(other))} is"):
            resolve(plan)


def test_other_weights_of_the_same_name_are_refused(pre: RunFolder) -> None:
    with pytest.raises(UserError, match=r"init.weights = 000000000000\.\.\.: the weights of run pre are others"):
        resolve(recipe(weights="0" * 64))
    with pytest.raises(UserError, match=r"init.weights: missing"):
        initial_weights(recipe(), "", {})


def test_from_on_the_command_line(pre: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ("--digits", "4", "--steps", "2", "--set", "train.eval_samples=2", "--name", "fine", *TWO_BLOCKS)
    app(["train", "--from", "pre", *options], standalone_mode=False)
    assert "begins with the weights of run pre" in capsys.readouterr().out
    written = load_recipe(file=tmp_path / "runs" / "fine" / "recipe.toml")
    assert (written.init.run, len(written.init.weights)) == ("pre", 64)
    for arguments, part in [
        (("--from", "pre", "--set", "model.n_layer=3"), "--from pre: model.n_layer is 2 there and 3 here"),
        (("--from", "pref"), "run 'pref': not found"),
        (("--resume", "--name", "fine", "--from", "pre", "--steps", "3"), "--from: a resumed run keeps its own"),
    ]:
        with pytest.raises(UserError) as caught:
            app(["train", *arguments], standalone_mode=False)
        assert part in caught.value.in_shell
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["fine", "pre"]

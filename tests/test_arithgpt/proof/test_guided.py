"""Training until a proof: what is not proven is learned, deterministically and without held-out problems."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.proofs import PROVABLE
from helpers.training import Silent

from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.config.tables import task_table
from arithgpt.data.source import make_data_source
from arithgpt.errors import UserError
from arithgpt.proof.checker.check import check
from arithgpt.proof.families.covered import COVERED, load_provable
from arithgpt.proof.guided import MAX_WINDOWS, attempt
from arithgpt.run_folder import RunFolder, new_run
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import Trainer

CPU = torch.device("cpu")
EARLY = PROVABLE | {
    "train": {"max_steps": 60, "eval_every": 20, "eval_samples": 8, "until_proven": True, "target_accuracy": 1e-9}
}


class StopAt(Silent):
    """Stops after the validation of a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step, self.reached = step, False

    def on_validation(self, progress: Progress) -> None:
        self.reached |= progress.step >= self.step


def early(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe that tries to prove an adder that has learned next to nothing."""
    monkeypatch.setattr(Progress, "has_reached", lambda *_: True)
    return Recipe.from_dict(EARLY, "test")


def test_a_proven_run_says_so_and_has_a_certificate(provable: RunFolder) -> None:
    assert provable.info["status"] == "proven"
    assert provable.info["step"] <= provable.recipe.train.max_steps
    weights, certificate = provable.path / "weights.safetensors", provable.path / "certificate.safetensors"
    assert check(certificate, weights, provable.recipe.alphabet, task_table(provable.recipe.task)).least > 0
    trainer = Trainer(provable.recipe, provable, device=CPU)
    with pytest.raises(UserError, match="nothing left to do, it is proven"):
        trainer.fit(resume=True)


def test_what_is_not_proven_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = early(monkeypatch)
    run = new_run("early", recipe)
    progress = Trainer(recipe, run, device=CPU, callback=Silent()).fit()
    assert progress.status == "finished"
    assert "windows are not proven" in progress.proof
    [*_, (start, questions)] = progress.hard_questions
    assert start > progress.step
    task, source = recipe.problems, make_data_source(recipe, CPU)
    assert 0 < len(questions) <= 4 * MAX_WINDOWS
    assert not task.held_out(task.problems(questions)).any()
    source.learn([(10, questions)])
    hard = set(task.pages(task.problems(questions)).texts())
    before, after = (source.pages(step).texts() for step in (9, 10))
    assert len(before) == len(after) == recipe.train.batch_size
    assert set(after[-16:]) <= hard
    assert len(set(before) & hard) < 8


def test_interrupted_and_resumed_is_bit_identical(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = early(monkeypatch)
    whole, parts = new_run("whole", recipe), new_run("parts", recipe)
    Trainer(recipe, whole, device=CPU, callback=Silent()).fit()
    for step in (20, 40):
        stop = StopAt(step)
        progress = Trainer(recipe, parts, device=CPU, callback=stop, should_stop=lambda stop=stop: stop.reached).fit(step > 20)
        assert (progress.status, progress.step) == ("interrupted", step)
    Trainer(recipe, parts, device=CPU, callback=Silent()).fit(resume=True)
    (expected, _), (found, _) = (load_tensors(run.path / "weights.safetensors", "numpy") for run in (whole, parts))
    assert all(np.array_equal(expected[name], found[name]) for name in expected.keys() | found.keys())


def test_learning_goes_on_with_the_list_before_until_the_next_one_counts() -> None:
    progress = Progress(step=20)
    progress.learn_from(36, ["1+1"])
    progress.step = 40
    progress.learn_from(56, ["2+2"])
    assert progress.hard_questions == [(36, ["1+1"]), (56, ["2+2"])]
    progress.step = 60
    progress.learn_from(76, [])
    assert progress.hard_questions == [(56, ["2+2"]), (76, [])]


@pytest.mark.parametrize("name", COVERED)
def test_recipes_are_provable_unless_they_are_changed(name: str) -> None:
    recipe = load_provable(task=name, options={"task.digits": "1-5"})
    assert recipe.train.until_proven
    assert recipe.model.kernel_strength > 0
    assert recipe.problems.size_span.high == 5
    for change in ("model.positions=rope", "model.n_layer=3", "model.kernel_strength=0", "model.arch=lstm", "model.n_head=2"):
        assert load_provable(task=name, overrides=[change]) == load_recipe(task=name, overrides=[change])
    assert load_provable(task=name, options={"train.max_steps": 7}).train.max_steps == 7


def test_other_recipes_stay_as_they_are() -> None:
    assert load_provable(task="sort") == load_recipe(task="sort")
    scratchpad = {"task.scratchpad": True}
    assert load_provable(task="add", options=scratchpad) == load_recipe(task="add", options=scratchpad)


def test_what_cannot_be_proven_is_refused_before_training(tmp_path: Path) -> None:
    recipe = load_provable(task="sort", options={"train.until_proven": True})
    run = new_run("sort", recipe)
    with pytest.raises(UserError, match=r"^train\.until_proven = true: task sort: prove covers add, .*$"):
        Trainer(recipe, run, device=CPU)


def test_heads_that_see_too_little_are_refused_before_training() -> None:
    recipe = load_provable(
        options={"train.until_proven": True, "model.kernel_strength": 25, "model.n_head": 3, "model.head_dim": 8}
    )
    with pytest.raises(UserError, match=r"^train\.until_proven = true: the heads do not see enough"):
        Trainer(recipe, new_run("few", recipe), device=CPU)


def test_attempts_are_the_same_each_time(provable: RunFolder) -> None:
    tensors, _ = load_tensors(provable.path / "weights.safetensors", "numpy")
    assert attempt(provable.recipe, tensors, 5).n_open == 0
    weak = tensors | {"head.weight": 0.1 * tensors["head.weight"], "norm.weight": 0.1 * tensors["norm.weight"]}
    first, second = (attempt(provable.recipe, weak, 5) for _ in range(2))
    assert first == second

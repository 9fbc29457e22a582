"""A finite training set: different problems, met equally often, in orders that depend on seed and step alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import Call
from helpers.training import Silent

from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.data.finite_set import rows_of_step, training_set
from arithgpt.data.source import make_data_source
from arithgpt.errors import UserError
from arithgpt.run_folder import new_run
from arithgpt.training.init_weights import weights_hash
from arithgpt.training.trainer import Trainer
from tasks import find

CPU = torch.device("cpu")
QUICK = {"max_steps": 6, "batch_size": 8, "eval_samples": 2, "eval_every": 6, "checkpoint_every": 3, "stop_early": False}


def recipe(size: int, **more: object) -> Recipe:
    model = {"n_layer": 1, "n_embd": 16}
    said = {"task": {"name": "add", "digits": "1-3"}, "model": model, "train": QUICK, "data": {"train_size": size}}
    return Recipe.from_dict(said | more, "test")


@pytest.mark.parametrize("name", ["add", "mul", "arith", "reverse", "modadd"])
def test_problems_differ_and_a_smaller_set_is_the_beginning_of_a_larger_one(name: str) -> None:
    task = find(name)()
    few, many = training_set(task, 100, seed=3), training_set(task, 2000, seed=3)
    questions = task.questions(many)
    assert len(set(questions)) == 2000
    assert not task.held_out(many).any()
    assert questions[:100] == task.questions(few)
    assert task.questions(training_set(task, 100, seed=4)) != questions[:100]


def test_a_set_can_have_all_problems_and_no_more() -> None:
    task = find("modadd")(p=13, train_share=0.5)
    pairs = [f"modadd {a} {b}" for a in range(13) for b in range(13)]
    existing = np.array(pairs)[~task.held_out(task.problems(pairs))]
    assert sorted(task.questions(training_set(task, len(existing), seed=0))) == sorted(existing)
    with pytest.raises(UserError, match=f"data.train_size = 169: task modadd has only {len(existing)} different"):
        training_set(task, 169, seed=0)


@pytest.mark.parametrize(("n", "size"), [(10, 4), (7, 7), (3, 8), (1, 5)])
def test_each_epoch_has_every_row_once_in_another_order(n: int, size: int) -> None:
    met = np.concatenate([rows_of_step(n, size, seed=1, step=step) for step in range(5 * n)])
    epochs = met.reshape(-1, n)
    assert (np.sort(epochs) == np.arange(n)).all()
    assert n < 4 or len({tuple(epoch) for epoch in epochs.tolist()}) > len(epochs) // 2
    assert np.array_equal(rows_of_step(n, size, seed=1, step=3), met[3 * size : 4 * size])


def test_training_meets_the_set_and_nothing_else_and_resumes_to_the_same_bits() -> None:
    plan = recipe(20)
    source, task = make_data_source(plan, CPU), plan.problems
    known = set(task.pages(training_set(task, 20, seed=0)).texts())
    met = [text for step in range(5) for text in source.pages(step).texts()]
    assert set(met) == known
    assert sorted(met[:20]) == sorted(met[20:]) == sorted(known)
    whole, parts = new_run("whole", plan), new_run("parts", plan)
    Trainer(plan, whole, device=CPU, callback=Silent()).fit()
    Trainer(plan, parts, device=CPU, callback=Silent(), should_stop=lambda: True).fit()
    Trainer(plan, parts, device=CPU, callback=Silent()).fit(resume=True)
    assert weights_hash(whole.load_model().state_dict()) == weights_hash(parts.load_model().state_dict())


def test_the_identity_depends_on_the_size_of_the_set() -> None:
    plain = load_recipe(task="add")
    assert recipe(0).identity != recipe(5).identity != recipe(6).identity
    assert load_recipe(task="add", overrides=["data.train_size=0"]).identity == plain.identity
    assert Recipe.from_toml(recipe(5).to_toml(), "again") == recipe(5)
    with pytest.raises(UserError, match=r"data.train_size = -1.*greater than or equal to 0"):
        recipe(-1)


def test_the_command_says_how_many_there_are(arithgpt: Call, tmp_path: Path) -> None:
    options = ["--task", "modadd", "--set", "task.p=7", "--set", "data.train_size=49", "--steps", "1", "--name", "small"]
    done = arithgpt("train", *options)
    assert done.returncode == 2
    assert done.stderr.startswith("arithgpt: data.train_size = 49: task modadd has only ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs" / "small").exists()

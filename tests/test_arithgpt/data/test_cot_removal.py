"""Scratchpads removed in training: which characters go when, the last pages are those without one, and it resumes."""

import numpy as np
import pytest
import torch
from helpers.training import Silent
from typer.testing import CliRunner

from arithgpt.cli import app
from arithgpt.config.recipe import CotRemovalConfig, Recipe, load_recipe
from arithgpt.data.cot_removal import ScratchpadRemoval
from arithgpt.data.source import make_data_source
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.run_folder import new_run
from arithgpt.training.init_weights import weights_hash
from arithgpt.training.trainer import Trainer
from tasks import find

CPU = torch.device("cpu")
QUICK = {"max_steps": 6, "batch_size": 8, "eval_samples": 2, "eval_every": 6, "checkpoint_every": 3, "stop_early": False}
WITH_SCRATCHPAD = ["add", "mul", "div", "parity", "reverse"]


def recipe(name: str = "mul", digits: str = "1-2", **removal: object) -> Recipe:
    said = {"task": {"name": name, "digits": digits, "scratchpad": False}, "model": {"n_layer": 1, "n_embd": 16}}
    return Recipe.from_dict(said | {"train": QUICK, "cot_removal": {"every": 1} | removal}, "test")


@pytest.mark.parametrize("name", WITH_SCRATCHPAD)
def test_a_page_loses_its_scratchpad_from_the_start_until_only_the_answer_is_left(name: str) -> None:
    task = find(name)(digits="1-3", scratchpad=False)
    removal = ScratchpadRemoval(task, CotRemovalConfig(every=1), seed=0)
    problems = task.stream(200, seed=0, split="train", rank=0, step=0)
    plain, full = task.pages(problems), task.with_scratchpad().pages(problems)
    none, all_of_it = (removal.remove(problems, np.full(200, gone)) for gone in (0, removal.longest))
    assert all_of_it.texts() == plain.texts()
    assert (none.total - plain.total).max() == removal.longest
    cut = {lost: removal.remove(problems, np.full(200, lost)).texts() for lost in (1, 3)}
    for row, (whole, short, worked) in enumerate(zip(none.texts(), plain.texts(), full.texts(), strict=True)):
        prompt, answer = short[: plain.prompt[row]], short[plain.prompt[row] :]
        scratchpad = whole[len(prompt) : -len(answer)]
        assert whole == prompt + scratchpad + answer
        assert worked.startswith(prompt + scratchpad)
        ending = worked[len(prompt + scratchpad) : -1]
        if name == "reverse":  # a digit a line
            assert ending == ";".join(answer[:-1])
            ending = answer[:-1]
        assert ending.removeprefix(answer[:-1]).strip("0") == ""  # a product may have zeros on top
        assert all(cut[lost][row] == prompt + scratchpad[lost:] + answer for lost in cut)


def test_the_schedule_and_its_resets() -> None:
    removal = ScratchpadRemoval(
        find("mul")(digits="1-1", scratchpad=False), CotRemovalConfig(every=4, characters=3, after=10), seed=0
    )
    assert removal.longest == len("4!42_")
    assert [removal.n_removed(step) for step in (0, 10, 13, 14, 17, 18)] == [0, 0, 0, 3, 3, 6]
    assert [step for step in range(60) if removal.resets(step)] == [14, 18]
    assert removal.last_step == 18
    never = ScratchpadRemoval(find("mul")(digits="1-1", scratchpad=False), CotRemovalConfig(every=4, reset=False), seed=0)
    assert not any(never.resets(step) for step in range(60))


def test_some_pages_lose_a_little_more_by_the_seed_and_the_step() -> None:
    task = find("mul")(digits="3-3", scratchpad=False)
    problems = task.stream(4000, seed=0, split="train", rank=0, step=0)
    smooth, plain = (ScratchpadRemoval(task, CotRemovalConfig(every=10, smoothing=strength), seed=1) for strength in (1.0, 0.0))
    more = plain.pages(problems, 20).total - smooth.pages(problems, 20).total
    assert abs((more == 0).mean() - (1 - np.exp(-1))) < 0.03
    assert abs((more == 1).mean() - (1 - np.exp(-1)) * np.exp(-1)) < 0.03
    hardly = ScratchpadRemoval(task, CotRemovalConfig(every=10, smoothing=1e-300), seed=1)
    assert hardly.pages(problems, 20).texts() == task.pages(problems).texts()
    assert smooth.pages(problems, 20).texts() == smooth.pages(problems, 20).texts()
    assert (
        smooth.pages(problems, 20).texts()
        != ScratchpadRemoval(task, CotRemovalConfig(every=10, smoothing=1.0), 2).pages(problems, 20).texts()
    )


def test_training_resumes_while_it_removes_and_the_run_is_asked_without_a_scratchpad() -> None:
    plan = recipe()
    assert max(make_data_source(plan, CPU).pages(0).total) > max(make_data_source(plan, CPU).pages(60).total)
    whole, parts = new_run("whole", plan), new_run("parts", plan)
    Trainer(plan, whole, device=CPU, callback=Silent()).fit()
    for resume in (False, True, True):
        Trainer(plan, parts, device=CPU, callback=Silent(), should_stop=lambda: True).fit(resume=resume)
    Trainer(plan, parts, device=CPU, callback=Silent()).fit(resume=True)
    assert weights_hash(whole.load_model().state_dict()) == weights_hash(parts.load_model().state_dict())
    solver, problems = GPTSolver.of(whole, "numpy"), plan.problems.test(5, (2, 2), seed=0)
    assert len(solver.solve(plan.problems, problems)) == 5
    assert plan.alphabet == find("mul")().alphabet


def test_the_optimiser_forgets() -> None:
    plan = recipe(every=2)
    trainer = Trainer(plan, new_run("one", plan), device=CPU)
    counts = []
    for step in range(4):
        trainer.train_step(step, trainer.make_batch(step))
        counts.append(max(int(entry["step"]) for entry in trainer.optimisers[-1].state.values()))
    trainer.gradients.close()
    assert counts == [1, 2, 1, 2]


def test_which_tasks_can_have_it() -> None:
    assert recipe().identity != recipe(every=2).identity != recipe(every=0).identity
    assert Recipe.from_toml(recipe().to_toml(), "again") == recipe()
    for task in ("mul", "modadd", "arith", "add"):
        overrides = ["cot_removal.every=5"] + (["task.scratchpad=true"] if task == "add" else [])
        message = "cot_removal.every = 5: needs a task that can write a scratchpad, and task.scratchpad = false"
        with pytest.raises(UserError, match=message):
            load_recipe(task=task, overrides=overrides)
    with pytest.raises(UserError, match="cot_removal.characters = 0"):
        recipe(characters=0)


def test_the_command_says_when_nothing_is_left() -> None:
    options = [
        *("--task", "add", "--digits", "1", "--steps", "2"),
        *("--set", "task.scratchpad=false", "--set", "cot_removal.every=3"),
    ]
    done = CliRunner().invoke(app, ["train", *options, "--set", "train.eval_samples=2"])
    assert done.exit_code == 0, done.output
    assert "the working is taken away until step 24, after the last" in done.output

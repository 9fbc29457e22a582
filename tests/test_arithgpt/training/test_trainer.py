"""The Trainer: it learns, it resumes to the same bits, it stops cleanly."""

import json
import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from helpers.command_line import start_forked, wait_for_forked
from helpers.evaluation import ask
from helpers.training import SMALL, Silent

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import collate
from arithgpt.data.source import teacher_forced_accuracy
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models.language_model import LanguageModel
from arithgpt.run_folder import RunFolder, new_run
from arithgpt.runtime import limit_threads, useful_threads
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import Trainer
from eval.metrics.accuracy import by_length

CPU = torch.device("cpu")


def recipe(steps: int, **train: object) -> Recipe:
    return Recipe.from_dict(SMALL | {"train": SMALL["train"] | {"max_steps": steps, "stop_early": False} | train}, "test")


def test_a_small_model_learns_two_digits(trained: RunFolder) -> None:
    summary = by_length(ask(GPTSolver.of(trained), trained.recipe.problems, [(1, 1), (2, 2)], samples=300, seed=5))
    assert (summary.accuracy >= 0.95).all()
    assert trained.info["status"] in ("finished", "reached target")
    assert trained.info["versions"]["torch"] == torch.__version__.split("+")[0] or "+" in trained.info["versions"]["torch"]


def test_what_a_run_leaves_behind(trained: RunFolder) -> None:
    files = {"recipe.toml", "weights.safetensors", "resume.safetensors", "metrics.jsonl", "run.json"}
    assert files <= {file.name for file in trained.path.iterdir()} <= files | {"eval.csv", "eval.json"}
    assert trained.recipe == Recipe.from_dict(SMALL, "test")
    metrics = list(trained.metrics())
    losses = [entry["loss"] for entry in metrics if "loss" in entry]
    assert losses[0] > 1.5 > 0.3 > losses[-1]
    assert [entry["step"] for entry in metrics if "accuracy" in entry][:2] == [50, 100]


def test_every_gradient_moves_its_weight() -> None:
    """The fused AdamW of torch 2.13 reads strided gradients wrongly on a CPU, so none may reach it."""
    plan = Recipe.from_dict({"task": SMALL["task"], "model": {"n_layer": 1}, "train": {"max_steps": 1}}, "test")
    trainer = Trainer(plan, new_run("one-step", plan), device=CPU, callback=Silent())
    before = {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}
    trainer.fit()
    for name, parameter in trainer.model.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.is_contiguous(), name
        if "bos_logit" in name or "norm" in name:  # AdamW's first step is the sign of the gradient
            moved = before[name] - parameter.detach()
            assert torch.equal(moved.sign(), parameter.grad.sign()), name


class StopAt(Silent):
    """Presses Ctrl-C after the validation of a certain step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def on_validation(self, progress: Progress) -> None:
        if progress.step == self.step:
            signal.raise_signal(signal.SIGINT)


def test_interrupted_and_resumed_is_bit_identical() -> None:
    plan = recipe(30, eval_every=10)
    whole, parts = new_run("whole", plan), new_run("parts", plan)
    Trainer(plan, whole, device=CPU, callback=Silent()).fit()
    first = Trainer(plan, parts, device=CPU, callback=StopAt(10)).fit()
    assert (first.status, first.step) == ("interrupted", 10)
    parts.log({"step": 20, "loss": 9.0})  # as if it had gone on a little after its last checkpoint
    second = Trainer(plan, parts, device=CPU, callback=StopAt(20)).fit(resume=True)
    assert (second.status, second.step) == ("interrupted", 20)
    third = Trainer(plan, parts, device=CPU, callback=Silent()).fit(resume=True)
    assert (third.status, third.step) == ("finished", 30)
    for name in ("weights.safetensors", "resume.safetensors"):
        a, b = (load_tensors(run.path / name)[0] for run in (whole, parts))
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a)
    a, b = ([{k: v for k, v in entry.items() if k != "seconds"} for entry in run.metrics()] for run in (whole, parts))
    assert a == b


def test_other_seeds_give_other_weights() -> None:
    weights = []
    for seed in (0, 1):
        plan = Recipe.from_dict(SMALL | {"seed": seed, "train": {"max_steps": 2, "eval_samples": 1}}, "test")
        run = new_run(f"seed-{seed}", plan)
        Trainer(plan, run, device=CPU, callback=Silent()).fit()
        weights.append(load_tensors(run.path / "weights.safetensors")[0]["head.weight"])
    assert not torch.equal(*weights)


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    plan = recipe(1, eval_samples=1)
    Trainer(plan, new_run(None, plan), device=CPU, callback=Silent()).fit()
    assert torch.equal(torch.rand(3), expected)


def test_it_stops_when_the_target_holds_twice() -> None:
    plan = recipe(100, eval_every=5, target_accuracy=0.01, stop_early=True, eval_samples=200)
    callback = Silent()
    progress = Trainer(plan, new_run(None, plan), device=CPU, callback=callback).fit()
    assert progress.status == "reached target"
    met = [min(accuracy.values()) >= 0.01 for accuracy in callback.accuracies]
    assert met[-2:] == [True, True]
    assert not any(a and b for a, b in pairwise(met[:-1]))


def test_a_higher_target_goes_on() -> None:
    plan = recipe(100, eval_every=5, target_accuracy=0.01, stop_early=True)
    run = new_run(None, plan)
    first = Trainer(plan, run, device=CPU, callback=Silent()).fit()
    with pytest.raises(UserError, match="has reached 0.01; a larger train.target_accuracy goes on"):
        Trainer(plan, run, device=CPU, callback=Silent()).fit(resume=True)
    higher = recipe(first.step + 5, eval_every=5, target_accuracy=1.0, stop_early=True)
    second = Trainer(higher, run, device=CPU, callback=Silent()).fit(resume=True)
    assert (first.status, second.status) == ("reached target", "finished")
    assert second.step == first.step + 5
    assert RunFolder(run.path).recipe == higher


def test_a_finished_run_says_so(trained: RunFolder) -> None:
    with pytest.raises(UserError, match="nothing left to do"):
        Trainer(trained.recipe, trained, device=CPU, callback=Silent()).fit(resume=True)


def test_validations_for_another_target_do_not_count() -> None:
    low = recipe(20, eval_every=5, target_accuracy=0.0001, stop_early=False)
    run = new_run(None, low)
    Trainer(low, run, device=CPU, callback=Silent()).fit()
    high = recipe(30, eval_every=5, target_accuracy=1.0, stop_early=True)
    assert Trainer(high, run, device=CPU, callback=Silent()).fit(resume=True).status == "finished"


def test_weights_that_are_no_numbers_are_not_kept() -> None:
    plan = recipe(20, checkpoint_every=5, eval_samples=5)
    run = new_run(None, plan)

    class Poison(Silent):
        def on_step(self, progress: Progress, loss: float) -> None:
            with torch.no_grad():
                self.model.head.weight[0, 0] = float("inf")

        def on_train_start(self, run: object, model: LanguageModel, *about: object) -> None:
            self.model = model

    with pytest.raises(UserError, match="weights are no longer numbers at step 10"):
        Trainer(plan, run, device=CPU, callback=Poison()).fit()
    assert load_tensors(run.path / "resume.safetensors")[1]["progress"]["step"] == 5


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    plan = Recipe.from_dict(SMALL | {"optim": {"name": "adamw", "adamw_lr": 1.0, "grad_clip": 1e30, "warmup_steps": 0}}, "test")
    run = new_run(None, plan)

    class Poison(Silent):
        def on_train_start(self, run: object, model: LanguageModel, *about: object) -> None:
            with torch.no_grad():
                model.head.weight.fill_(float("nan"))

    with pytest.raises(UserError, match="the loss is nan at step 10"):
        Trainer(plan, run, device=CPU, callback=Poison()).fit()
    assert list(run.metrics()) == []


def test_validation_agrees_with_greedy_decoding(trained: RunFolder) -> None:
    """Teacher forcing and free running give one verdict on every page, right or wrong."""
    task, model = trained.recipe.problems, trained.load_model()
    with torch.no_grad():
        head = model.head.weight
        head.add_(0.5 * torch.randn(head.shape, generator=torch.Generator().manual_seed(2)))
    tokenizer, problems = Tokenizer(task.alphabet), task.test(300, (2, 2), seed=9)
    rows = ask(GPTSolver("noisy", model, task), task, [(2, 2)], samples=300, seed=9)
    share = teacher_forced_accuracy(model, {"2": collate(task.pages(problems), tokenizer)})["2"]
    assert 0.05 < share < 0.98
    assert share == pytest.approx((rows.outcome == "right").mean(), abs=1e-6)


def test_buckets_side_by_side_learn_what_one_batch_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Recipe.from_dict({"task": {"name": "arith"}, "train": {"batch_size": 24}}, "test")
    losses, gradients, n_buckets = [], [], []
    for flops, threads in ((1e30, 1), (1e6, 2)):
        monkeypatch.setattr("arithgpt.training.gradients.BUCKET_FLOPS", flops)
        with limit_threads(threads):
            trainer = Trainer(plan, new_run(None, plan), device=CPU)
            buckets = trainer.make_batch(0)
            n_buckets.append((len(buckets), trainer.gradients.n_workers))
            losses.append(trainer.train_step(0, buckets).item())
            gradients.append({name: weight.grad.clone() for name, weight in trainer.model.named_parameters()})
            trainer.gradients.close()
    assert n_buckets == [(1, 1), (8, 2)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradients[1][name], gradient, atol=1e-5), name


def test_resuming_with_buckets_side_by_side_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arithgpt.training.gradients.BUCKET_FLOPS", 1e6)
    small = {"n_layer": 1, "n_head": 4, "n_embd": 16}
    limits = {"batch_size": 24, "eval_samples": 2, "eval_every": 2, "stop_early": False, "max_steps": 6}
    plan = Recipe.from_dict({"task": {"name": "arith"}, "model": small, "train": limits}, "test")
    weights = []
    for threads, n_sessions in ((1, 1), (2, 1), (2, 3)):
        run = new_run(f"run-{len(weights)}", plan)
        with limit_threads(threads):
            for session in range(n_sessions):
                callback = StopAt(2 * session + 2) if n_sessions > 1 else None
                progress = Trainer(plan, run, device=CPU, callback=callback).fit(resume=session > 0)
        assert progress.step == 6
        weights.append(load_tensors(run.path / "weights.safetensors")[0])
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
        assert torch.equal(tensor, weights[2][name]), name


def test_threads_follow_the_work() -> None:
    with limit_threads(4):
        assert [useful_threads(flops) for flops in (0, 1e8, 3e8, 1e12)] == [1, 1, 2, 4]
    with limit_threads(2):
        assert useful_threads(1e12) == 2


def test_sigterm_leaves_a_checkpoint(tmp_path: Path) -> None:
    process = start_forked(tmp_path, "train", "--name", "killed", "--steps", "100000", "--set", "train.checkpoint_every=5")
    weights = Path(os.environ["ARITHGPT_RUNS"]) / "killed" / "weights.safetensors"
    try:
        for _ in range(600):
            if weights.exists():
                break
            time.sleep(0.1)
        process.terminate()
        done = wait_for_forked(process, tmp_path)
    finally:
        process.kill()
    assert done.returncode == 130
    assert "go on with: arithgpt train --resume --name killed" in done.stdout
    info = json.loads((weights.parent / "run.json").read_text())
    assert info["status"] == "interrupted"
    RunFolder(weights.parent).load_model()

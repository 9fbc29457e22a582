"""Training: it learns, it resumes to the same bits, it stops cleanly."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SMALL, Silent
from helpers.evaluation import ask

from arithgpt.config.recipe import OptimConfig, Recipe
from arithgpt.data.collate import IGNORED, Batch, bucketed, padding, prefetched, tensors
from arithgpt.data.source import look
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.generate import complete
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models.gpt import GPT
from arithgpt.run import Run, new_run
from arithgpt.runtime import limit_threads, useful_threads
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.optim import Muon, make_optimisers, orthogonal, rate
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import Trainer
from eval.metrics.accuracy import by_length
from tasks import make
from tasks.core.ragged import Ragged

CPU = torch.device("cpu")


def recipe(steps: int, **budget: object) -> Recipe:
    return Recipe.from_dict(SMALL | {"train": SMALL["train"] | {"max_steps": steps, "stop_early": False} | budget}, "test")


def test_a_small_model_learns_two_digits(trained: Run) -> None:
    summary = by_length(ask(GPTSolver.of(trained), trained.recipe.problems, [(1, 1), (2, 2)], samples=300, seed=5))
    assert (summary.accuracy >= 0.95).all()
    assert trained.info["status"] in ("finished", "reached target")
    assert trained.info["versions"]["torch"] == torch.__version__.split("+")[0] or "+" in trained.info["versions"]["torch"]


def test_what_a_run_leaves_behind(trained: Run) -> None:
    files = {"recipe.toml", "weights.safetensors", "resume.safetensors", "metrics.jsonl", "run.json"}
    assert files <= {file.name for file in trained.path.iterdir()} <= files | {"eval.csv", "eval.json"}
    assert trained.recipe == Recipe.from_dict(SMALL, "test")
    metrics = list(trained.metrics())
    losses = [entry["loss"] for entry in metrics if "loss" in entry]
    assert losses[0] > 1.5 > 0.3 > losses[-1]
    assert [entry["step"] for entry in metrics if "accuracy" in entry][:2] == [50, 100]


class StopAt(Silent):
    """Presses Ctrl-C when a look at a certain step is done."""

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
        weights.append(load_tensors(run.path / "weights.safetensors")[0]["head"])
    assert not torch.equal(*weights)


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    plan = recipe(1, eval_samples=1)
    Trainer(plan, new_run(None, plan), device=CPU, callback=Silent()).fit()
    assert torch.equal(torch.rand(3), expected)


def test_it_stops_when_the_target_holds_twice() -> None:
    plan = recipe(100, eval_every=5, target=0.01, stop_early=True, eval_samples=200)
    observer = Silent()
    progress = Trainer(plan, new_run(None, plan), device=CPU, callback=observer).fit()
    assert progress.status == "reached target"
    met = [min(look.values()) >= 0.01 for look in observer.looks]
    assert met[-2:] == [True, True]
    assert not any(a and b for a, b in pairwise(met[:-1]))


def test_a_higher_target_goes_on() -> None:
    plan = recipe(100, eval_every=5, target=0.01, stop_early=True)
    run = new_run(None, plan)
    first = Trainer(plan, run, device=CPU, callback=Silent()).fit()
    with pytest.raises(UserError, match="has reached 0.01; a larger --target goes on"):
        Trainer(plan, run, device=CPU, callback=Silent()).fit(resume=True)
    higher = recipe(first.step + 5, eval_every=5, target=1.0, stop_early=True)
    second = Trainer(higher, run, device=CPU, callback=Silent()).fit(resume=True)
    assert (first.status, second.status) == ("reached target", "finished")
    assert second.step == first.step + 5
    assert Run(run.path).recipe == higher


def test_a_finished_run_says_so(trained: Run) -> None:
    with pytest.raises(UserError, match="nothing left to do"):
        Trainer(trained.recipe, trained, device=CPU, callback=Silent()).fit(resume=True)


def test_looks_at_another_target_do_not_count() -> None:
    low = recipe(20, eval_every=5, target=0.0001, stop_early=False)
    run = new_run(None, low)
    Trainer(low, run, device=CPU, callback=Silent()).fit()
    high = recipe(30, eval_every=5, target=1.0, stop_early=True)
    assert Trainer(high, run, device=CPU, callback=Silent()).fit(resume=True).status == "finished"


def test_weights_that_are_no_numbers_are_not_kept() -> None:
    plan = recipe(20, checkpoint_every=5, eval_samples=5)
    run = new_run(None, plan)

    class Poison(Silent):
        def on_step(self, progress: Progress, loss: float) -> None:
            with torch.no_grad():
                self.model.weights["head"][0, 0] = float("inf")

        def on_train_start(self, run: object, model: GPT, *about: object) -> None:
            self.model = model

    with pytest.raises(UserError, match="weights are no longer numbers at step 10"):
        Trainer(plan, run, device=CPU, callback=Poison()).fit()
    assert load_tensors(run.path / "resume.safetensors")[1]["progress"]["step"] == 5


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    plan = Recipe.from_dict(SMALL | {"optim": {"name": "adamw", "lr": 1.0, "grad_clip": 1e30, "warmup": 0}}, "test")
    run = new_run(None, plan)

    class Poison(Silent):
        def on_train_start(self, run: object, model: GPT, *about: object) -> None:
            with torch.no_grad():
                model.weights["head"].fill_(float("nan"))

    with pytest.raises(UserError, match="the loss is nan at step 10"):
        Trainer(plan, run, device=CPU, callback=Poison()).fit()
    assert list(run.metrics()) == []


def test_a_look_agrees_with_greedy_decoding(trained: Run) -> None:
    """Teacher forcing and free running give one verdict on every page, right or wrong."""
    task, model = trained.recipe.problems, trained.load_model()
    with torch.no_grad():
        head = model.weights["head"]
        head.add_(0.5 * torch.randn(head.shape, generator=torch.Generator().manual_seed(2)))
    vocab, problems = Tokenizer(task.alphabet), task.test(300, (2, 2), seed=9)
    rows = ask(GPTSolver("noisy", model, task), task, [(2, 2)], samples=300, seed=9)
    share = look(model, {"2": tensors(task.pages(problems), vocab)})["2"]
    assert 0.05 < share < 0.98
    assert share == pytest.approx((rows.outcome == "right").mean(), abs=1e-6)


def test_muon_is_the_rule_of_the_library() -> None:
    """torch.optim.Muon orthogonalises in bfloat16, so the two agree to its precision only."""
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in ((16, 8), (8, 16), (16, 8))]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    a = Muon(ours, lr=0.1, weight_decay=0.1, momentum=0.95)
    b = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.1, momentum=0.95)
    for _ in range(3):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        assert torch.allclose(p, q, atol=0.02)


def test_orthogonal_matrices_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonal(torch.randn(4, 24, 8, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_buckets_hold_the_same_pages_with_less_padding() -> None:
    task = make("arith")
    pages, vocab = task.batch(50, seed=0, split="train", rank=0, step=0), Tokenizer(task.alphabet)

    def rows(batches: list[Batch]) -> list[tuple[list[int], list[int]]]:
        kept = [(x[: int((y != IGNORED).nonzero().max()) + 1], y) for xs, ys in batches for x, y in zip(xs, ys, strict=True)]
        return sorted((x.tolist(), y[y != IGNORED].tolist()) for x, y in kept)

    whole = bucketed(pages, vocab, 1)
    cells = []
    for n in (1, 2, 5, 50, 60):
        batches = bucketed(pages, vocab, n)
        assert len(batches) <= n
        assert rows(batches) == rows(whole)
        cells.append(sum(x.numel() for x, _ in batches))
        assert cells[-1] - sum(padding(y) for _, y in batches) == int((pages.total - 1).sum())
    assert cells == sorted(cells, reverse=True)
    assert cells[3] == cells[4] == int((pages.total - 1).sum())
    # two buckets are cut in the best place: no other cut has less padding
    lengths = np.sort(pages.total) - 1
    assert cells[1] == min(int(k * lengths[k - 1] + (50 - k) * lengths[-1]) for k in range(1, 50))


def test_buckets_side_by_side_learn_what_one_batch_learns() -> None:
    plan = Recipe.from_dict({"task": {"name": "arith"}, "train": {"batch_size": 24}}, "test")
    losses, gradients = [], []
    for n in (1, 4):
        trainer = Trainer(plan, new_run(None, plan), device=CPU)
        trainer.workers = ThreadPoolExecutor(2) if n > 1 else None
        batch = trainer.lessons.batches(trainer.lessons.pages(0), n)
        losses.append(trainer.learn(0, batch).item())
        gradients.append({name: weight.grad.clone() for name, weight in trainer.weights.items()})
        trainer.close()
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradients[1][name], gradient, atol=1e-5), name


def test_resuming_with_buckets_side_by_side_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arithgpt.training.trainer.BUCKET_FLOPS", 1e6)
    small = {"n_layer": 1, "n_head": 4, "n_embd": 16}
    budget = {"batch_size": 24, "eval_samples": 2, "checkpoint_every": 2, "stop_early": False}
    plan = Recipe.from_dict({"task": {"name": "arith"}, "model": small, "train": budget | {"max_steps": 6}}, "test")
    weights = []
    for n, stops in ((1, [6]), (2, [6]), (2, [2, 4, 6])):
        run = new_run(f"run-{len(weights)}", plan)
        with limit_threads(n):
            for steps in stops:
                part = plan.model_copy(update={"train": plan.train.model_copy(update={"steps": steps})})
                # the schedule depends on all steps, so an interrupted run keeps its recipe and is stopped from outside
                monkeypatch.setattr("arithgpt.training.trainer.rate", lambda config, step, _: 1.0)
                Trainer(part, run, device=CPU, callback=Silent()).fit(resume=steps != stops[0])
        weights.append(load_tensors(run.path / "weights.safetensors")[0])
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
        assert torch.equal(tensor, weights[2][name]), name


def test_every_parameter_has_one_optimiser(trained: Run) -> None:
    model = trained.load_model()
    for name in ("muon", "adamw"):
        optimisers = make_optimisers(model.weights, OptimConfig(name=name))
        owned = [id(p) for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]]
        assert sorted(owned) == sorted(id(p) for p in model.weights.values())


def test_the_learning_rate_rises_stays_and_falls() -> None:
    config = OptimConfig(warmup=10, decay=0.5)
    rates = [rate(config, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[10:50] == [1.0] * 40
    assert rates[50:] == pytest.approx([1 - k / 50 for k in range(50)])
    assert rates[-1] > 0


def test_batches_come_in_order_and_errors_come_through() -> None:
    def make(step: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        if step == 9:
            raise ValueError("no ninth batch")
        return [(torch.tensor(step), torch.tensor(-step))]

    assert [int(a) for ((a, _),) in prefetched(make, range(3, 8), CPU)] == [3, 4, 5, 6, 7]
    with pytest.raises(ValueError, match="no ninth"):
        list(prefetched(make, range(7, 12), CPU))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_decoding_ends_at_the_stop_or_the_budget(trained: Run) -> None:
    task, model = trained.recipe.problems, trained.load_model()
    vocab = Tokenizer(task.alphabet)
    prompts = Ragged.from_strings(["1+2=", "21+34=", "9+9=", "5+5="])
    done = complete(model, vocab, prompts, np.array([9, 9, 9, 1]))
    assert done.text.to_strings() == ["3", "55", "81", "0"]
    assert done.finished.tolist() == [True, True, True, False]
    alone = [complete(model, vocab, prompts[np.array([k])], np.array([9])).text.to_strings()[0] for k in range(3)]
    assert alone == ["3", "55", "81"]


def test_batches_side_by_side_write_the_same(trained: Run) -> None:
    task, model = trained.recipe.problems, trained.load_model()
    problems = task.sample(np.random.default_rng(0), 1000)
    written = []
    for n in (1, 3):
        with limit_threads(n):
            solver = GPTSolver("small", model, task)
            written.append([answer.written for answer in solver.solve(task, problems)])
            assert torch.get_num_threads() == n
    assert written[0] == written[1]
    assert len(set(written[0])) > 100


def test_threads_follow_the_work() -> None:
    with limit_threads(4):
        assert [useful_threads(flops) for flops in (0, 1e8, 3e8, 1e12)] == [1, 1, 2, 4]
    with limit_threads(2):
        assert useful_threads(1e12) == 2


def test_decoding_at_a_temperature_is_repeatable(trained: Run) -> None:
    vocab, prompts = Tokenizer(trained.recipe.problems.alphabet), Ragged.from_strings(["1+2="] * 50)

    def draw(seed: int, temperature: float) -> list[str]:
        rng, max_new_tokens = np.random.default_rng(seed), np.full(50, 6)
        return complete(
            trained.load_model(), vocab, prompts, max_new_tokens, temperature=temperature, rng=rng
        ).text.to_strings()

    assert draw(0, 5.0) == draw(0, 5.0) != draw(1, 5.0)
    assert len(set(draw(0, 5.0))) > 5
    assert set(draw(0, 0.01)) == {"3"}


def test_decoding_refuses_nonsense(trained: Run) -> None:
    model, vocab = trained.load_model(), Tokenizer(trained.recipe.problems.alphabet)
    assert len(complete(model, vocab, Ragged.from_strings([]), np.array([], np.int64)).text) == 0
    with pytest.raises(ValueError, match="a prompt needs"):
        complete(model, vocab, Ragged.from_strings(["", "1"]), np.array([3, 3]))
    with pytest.raises(ValueError, match="train"):
        complete(model, vocab, Ragged.from_strings(["1"]), np.array([0]))


def test_sigterm_leaves_a_checkpoint(arithgpt: object, tmp_path: Path) -> None:
    import subprocess
    import sys

    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "arithgpt",
            "train",
            "--name",
            "killed",
            "--steps",
            "100000",
            "--set",
            "train.checkpoint_every=5",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    weights = Path(os.environ["ARITHGPT_RUNS"]) / "killed" / "weights.safetensors"
    try:
        for _ in range(600):
            if weights.exists():
                break
            time.sleep(0.1)
        process.terminate()
        said = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "go on with: arithgpt train --resume --name killed" in said
    info = json.loads((weights.parent / "run.json").read_text())
    assert info["status"] == "interrupted"
    Run(weights.parent).load_model()

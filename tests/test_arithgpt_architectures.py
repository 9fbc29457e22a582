"""Every choice of a block and every architecture keeps what the model keeps: causal, cached alike, one on both libraries."""

from typing import Any

import numpy as np
import pytest
import torch
from conftest import ALPHABET, SMALL, TWO_BLOCKS, Silent

from arithgpt.config.recipe import LATER, ModelConfig, Recipe, load_recipe
from arithgpt.data.collate import tensors
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models.architectures import Model, first_weights, make_model
from arithgpt.models.arrays import ops
from arithgpt.models.gpt import MATRICES
from arithgpt.run import new_run
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.trainer import Trainer
from tasks.arithmetic.addition import Addition

CPU = torch.device("cpu")
TASK = Addition(digits="1-9")
CHOICES: list[dict[str, Any]] = [
    {"norm": "layer"},
    {"activation": "relu2"},
    {"activation": "swiglu", "tied": True},
    {"n_kv_head": 2},
    {"n_kv_head": 1, "positions": "rope"},
    {"loops": 3, "inject": True, "positions": "fire"},
    {"loops": 2},
    {"dropout": 0.3, "positions": "none"},
    *({"arch": arch, "positions": "none"} for arch in ("rnn", "lstm", "gru")),
    {"arch": "lstm", "tied": True, "n_embd": 10, "n_layer": 1},
    {"arch": "encoder-decoder", "n_kv_head": 2},
    {"arch": "encoder-decoder", "positions": "learned", "tied": True, "loops": 2, "inject": True},
]
every_choice = pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: ",".join(f"{k}={v}" for k, v in choice.items()))


def random_model(choice: dict[str, Any], library: str = "torch") -> Model:
    config = ModelConfig(**{"n_layer": 2, "n_embd": 32} | choice)
    rng = np.random.default_rng(1)
    weights = {
        name: (array + 0.2 * rng.standard_normal(array.shape)).astype(np.float32)
        for name, array in first_weights(config, ALPHABET, seed=0).items()
    }
    return make_model(config, ALPHABET, {k: torch.from_numpy(v) for k, v in weights.items()} if library == "torch" else weights)


def some_ids() -> torch.Tensor:
    return tensors(TASK.batch(6, seed=0, split="train", rank=0, step=0), Tokenizer(ALPHABET))[0]


@every_choice
def test_the_cache_the_libraries_and_the_last_logits_agree(choice: dict[str, Any]) -> None:
    ids = some_ids()
    on_torch, on_numpy = (random_model(choice, library) for library in ("torch", "numpy"))
    whole = on_torch(ids)
    caches = [model.cache(len(ids), ids.shape[1] + 1) for model in (on_torch, on_torch, on_numpy)]
    parts = []
    for part in ids.split([7, 1, 4, ids.shape[1] - 12], dim=1):
        parts.append(on_torch(part, caches[0]))
        other = on_numpy(part.numpy(), caches[2])
        assert other.dtype == np.float32
        assert np.allclose(other, parts[-1].numpy(), atol=1e-4)
        assert torch.allclose(on_torch(part, caches[1], last=1), parts[-1][:, -1:], atol=1e-4)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-3)
    for last in (1, 4):
        assert torch.allclose(on_torch(ids, last=last), whole[:, -last:], atol=1e-3)
    for cache in caches[:2]:
        cache.keep(torch.tensor([4, 1]))
    assert torch.allclose(
        on_torch(ids[[4, 1], :1], caches[0]), on_torch(torch.cat([ids, ids[:, :1]], 1))[[4, 1], -1:], atol=1e-3
    )


@every_choice
def test_nothing_is_seen_before_it_is_written(choice: dict[str, Any]) -> None:
    model, ids = random_model(choice), some_ids()
    changed = ids.clone()
    changed[:, 5:] = (changed[:, 5:] + 3) % len(ALPHABET)
    before, after = model(ids), model(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:], atol=1e-3)


@every_choice
def test_it_trains_resumes_to_the_same_bits_and_is_asked(choice: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arithgpt.training.trainer.rate", lambda config, step, steps: 1.0)
    weights = []
    for stops in ([4], [2, 4]):
        budget = {"batch_size": 8, "eval_samples": 2, "stop_early": False}
        run = None
        for steps in stops:
            parts = {"model": {"n_layer": 2, "n_embd": 16} | choice, "train": budget | {"max_steps": steps}}
            plan = Recipe.from_dict(SMALL | parts, "test")
            run = run or new_run(f"run-{len(stops)}", plan)
            Trainer(plan, run, device=CPU, callback=Silent()).fit(resume=steps != stops[0])
        weights.append(load_tensors(run.path / "weights.safetensors")[0])
    first = first_weights(plan.model, ALPHABET, plan.seed)
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
        assert not np.array_equal(tensor.numpy(), first[name]) or name.endswith("k_norm"), name
    task = plan.problems
    answers = [
        [answer.written for answer in GPTSolver.of(run, device, drafts).solve(task, task.problems(["12+34", "5+6"]))]
        for device, drafts in (("cpu", True), ("cpu", False), ("numpy", True))
    ]
    assert answers[0] == answers[1] == answers[2]


def test_dropout_is_drawn_from_what_is_passed_in() -> None:
    model, ids = random_model({"dropout": 0.3, "positions": "none"}), some_ids()
    first, again, other = (model(ids, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)
    assert torch.equal(model(ids), model(ids))
    for ones in (torch.ones(100, 100), np.ones((100, 100), np.float32)):
        dropped = np.asarray(ops(ones).dropout(ones, 0.3, np.random.default_rng(0)))
        assert dropped.mean() == pytest.approx(1, abs=0.03)
        assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.03)


def test_one_loop_is_the_model_without_loops_and_more_share_their_weights() -> None:
    ids = some_ids()
    once, twice = random_model({}), random_model({"loops": 2})
    assert once.weights.keys() == twice.weights.keys()
    assert torch.equal(once(ids), random_model({"inject": True})(ids))
    assert not torch.allclose(once(ids), twice(ids), atol=1e-2)
    assert not torch.allclose(twice(ids), random_model({"loops": 2, "inject": True})(ids), atol=1e-2)


def test_grouped_keys_are_a_gpt_whose_heads_have_the_same_keys() -> None:
    grouped, ids = random_model({"n_kv_head": 1, "n_layer": 1}), some_ids()
    weights = dict(grouped.weights)
    qkv = weights["blocks.0.qkv"]  # 4 heads of 8, then one of keys and one of values
    weights["blocks.0.qkv"] = torch.cat([qkv[:32], *[qkv[32:40]] * 4, *[qkv[40:]] * 4])
    plain = make_model(ModelConfig(n_layer=1), ALPHABET, weights)
    assert torch.allclose(plain(ids), grouped(ids), atol=1e-5)


def test_tied_models_have_one_matrix_of_characters() -> None:
    assert random_model({}).n_params - random_model({"tied": True}).n_params == 32 * len(ALPHABET)


def test_swiglu_gives_its_third_matrix_to_muon() -> None:
    names = {name.split(".")[-1] for name in first_weights(ModelConfig(activation="swiglu"), ALPHABET, 0)}
    assert names >= set(MATRICES)


def test_what_came_later_leaves_old_identities_alone() -> None:
    identity = load_recipe(task="add", overrides=TWO_BLOCKS).identity
    assert identity.startswith("7124b33dad03d6b7")
    for change in (
        "norm=layer",
        "activation=relu2",
        "tied=true",
        "n_kv_head=2",
        "loops=2",
        "inject=true",
        "dropout=0.1",
        "arch=gru",
        "prompt_end=+",
    ):
        field, _, value = change.partition("=")
        assert field in LATER
        assert load_recipe(task="add", overrides=[*TWO_BLOCKS, f"model.{field}={value}"]).identity != identity


@pytest.mark.parametrize(("task", "change"), [("mul", "working=false"), ("add", "hints=true"), ("arith", "div.working=false")])
def test_later_options_of_tasks_too(task: str, change: str) -> None:
    old = {"add": "7124b33dad03d6b7", "mul": "2c4c0e69af3da6c2", "arith": "2c395fa81ac07ea7"}
    before = TWO_BLOCKS if task == "add" else []
    assert load_recipe(task=task, overrides=before).identity.startswith(old[task])
    assert not load_recipe(task=task, overrides=[*before, f"task.{change}"]).identity.startswith(old[task])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.norm=batch", "model.norm = 'batch': input should be 'rms' or 'layer'"),
        ("model.activation=tanh", "'swiglu'"),
        ("model.n_kv_head=3", "n_kv_head = 3: must divide n_head = 4"),
        ("model.loops=0", "model.loops = 0"),
        ("model.dropout=1", "model.dropout = 1: input should be less than 1"),
        ("model.arch=transformer", "'encoder-decoder'"),
    ],
)
def test_a_bad_choice_is_one_clear_line(override: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(task="add", overrides=[*TWO_BLOCKS, override])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_an_lstm_learns_to_add() -> None:
    model, budget = (
        {"arch": "lstm", "n_embd": 64},
        {"max_steps": 2500, "eval_every": 250, "target_accuracy": 0.95, "eval_samples": 64},
    )
    plan = Recipe.from_dict({"task": {"name": "add", "digits": "1-3"}, "model": model, "train": budget}, "test")
    progress = Trainer(plan, new_run(None, plan), device=CPU, callback=Silent()).fit()
    assert min(progress.accuracy.values()) > 0.8

"""Every choice of a block and every architecture keeps what the model keeps: causal, cached alike, trained and asked."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.models import ALPHABET, random_model
from helpers.training import SMALL, Silent

from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.config.schema import ModelConfig
from arithgpt.data.collate import collate
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models import build_model, make_model
from arithgpt.models.layers import Dropout
from arithgpt.run_folder import new_run
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.optim import block_matrices
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
TWO_BLOCKS = ["model.n_layer=2", "model.n_head=4", "model.head_dim=0", "model.mlp_ratio=4"]


def some_ids() -> torch.Tensor:
    return collate(TASK.batch(6, seed=0, split="train", rank=0, step=0), Tokenizer(ALPHABET))[0]


@every_choice
@torch.no_grad()
def test_the_cache_and_the_last_logits_agree(choice: dict[str, Any]) -> None:
    ids, model = some_ids(), random_model(**choice)
    whole = model(ids)
    caches = [model.new_cache(len(ids), ids.shape[1] + 1) for _ in range(2)]
    parts = []
    for part in ids.split([7, 1, 4, ids.shape[1] - 12], dim=1):
        parts.append(model(part, caches[0]))
        assert torch.allclose(model(part, caches[1], last=1), parts[-1][:, -1:], atol=1e-4)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-3)
    for last in (1, 4):
        assert torch.allclose(model(ids, last=last), whole[:, -last:], atol=1e-3)
    caches[0].keep(torch.tensor([4, 1]))
    longer = torch.cat([ids, ids[:, :1]], 1)
    assert torch.allclose(model(ids[[4, 1], :1], caches[0]), model(longer)[[4, 1], -1:], atol=1e-3)


@every_choice
@torch.no_grad()
def test_nothing_is_seen_before_it_is_written(choice: dict[str, Any]) -> None:
    model, ids = random_model(**choice), some_ids()
    changed = ids.clone()
    changed[:, 5:] = (changed[:, 5:] + 3) % len(ALPHABET)
    before, after = model(ids), model(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:], atol=1e-3)


@every_choice
def test_it_trains_resumes_to_the_same_bits_and_is_asked(choice: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arithgpt.training.trainer.learning_rate_factor", lambda config, step, steps: 1.0)
    weights = []
    for stops in ([4], [2, 4]):
        limits = {"batch_size": 8, "eval_samples": 2, "stop_early": False}
        run = None
        for steps in stops:
            parts = {"model": {"n_layer": 2, "n_embd": 16} | choice, "train": limits | {"max_steps": steps}}
            plan = Recipe.from_dict(SMALL | parts, "test")
            run = run or new_run(f"run-{len(stops)}", plan)
            Trainer(plan, run, device=CPU, callback=Silent()).fit(resume=steps != stops[0])
        weights.append(load_tensors(run.path / "weights.safetensors")[0])
    first = build_model(plan.model, ALPHABET, plan.seed).state_dict()
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
        assert not torch.equal(tensor, first[name]) or "k_norm" in name, name
    task = plan.problems
    answers = [
        [answer.written for answer in GPTSolver.of(run, device, verify).solve(task, task.problems(["12+34", "5+6"]))]
        for device, verify in (("cpu", True), ("cpu", False), ("numpy", True))
    ]
    assert answers[0] == answers[1] == answers[2]


@torch.no_grad()
def test_dropout_is_drawn_from_the_generator() -> None:
    model, ids = random_model(dropout=0.3, positions="none").train(), some_ids()
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    first, again, other = (model(ids, generator=generator) for generator in generators)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)
    assert torch.equal(model.eval()(ids), model(ids))
    dropped = Dropout(0.3)(torch.ones(100, 100), torch.Generator().manual_seed(0))
    assert dropped.mean() == pytest.approx(1, abs=0.03)
    assert (dropped == 0).float().mean() == pytest.approx(0.3, abs=0.03)


@torch.no_grad()
def test_one_loop_is_the_model_without_loops_and_more_share_their_weights() -> None:
    ids = some_ids()
    once, twice = random_model(), random_model(loops=2)
    assert once.state_dict().keys() == twice.state_dict().keys()
    assert torch.equal(once(ids), random_model(inject=True)(ids))
    assert not torch.allclose(once(ids), twice(ids), atol=1e-2)
    assert not torch.allclose(twice(ids), random_model(loops=2, inject=True)(ids), atol=1e-2)


@torch.no_grad()
def test_grouped_keys_are_a_gpt_whose_heads_have_the_same_keys() -> None:
    grouped, ids = random_model(n_kv_head=1, n_layer=1), some_ids()
    weights = grouped.state_dict()
    qkv = weights["blocks.0.attention.qkv.weight"]  # 4 heads of 8, then one of keys and one of values
    weights["blocks.0.attention.qkv.weight"] = torch.cat([qkv[:32], *[qkv[32:40]] * 4, *[qkv[40:]] * 4])
    plain = make_model(ModelConfig(n_layer=1), ALPHABET).eval()
    plain.load_state_dict(weights)
    assert torch.allclose(plain(ids), grouped(ids), atol=1e-5)


def test_tied_models_have_one_matrix_of_characters() -> None:
    assert random_model().n_params - random_model(tied=True).n_params == 32 * len(ALPHABET)


def test_muon_gets_the_matrices_of_blocks_and_not_the_head() -> None:
    model = random_model(activation="swiglu")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(matrix)].split(".", 2)[-1] for matrix in block_matrices(model)}
    assert found == {"attention.qkv.weight", "attention.out.weight", "mlp.up.weight", "mlp.gate.weight", "mlp.down.weight"}
    assert block_matrices(random_model(arch="lstm", positions="none")) == []


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
    model, limits = (
        {"arch": "lstm", "n_embd": 64},
        {"max_steps": 2500, "eval_every": 250, "target_accuracy": 0.95, "eval_samples": 64},
    )
    plan = Recipe.from_dict({"task": {"name": "add", "digits": "1-3"}, "model": model, "train": limits}, "test")
    progress = Trainer(plan, new_run(None, plan), device=CPU, callback=Silent()).fit()
    assert min(progress.accuracy.values()) > 0.8


def test_rng_of_numpy_draws_the_same_weights_everywhere() -> None:
    embedding = build_model(ModelConfig(), ALPHABET, 3).token_embedding.weight.detach().numpy()
    drawn = (0.5 * np.random.default_rng(3).standard_normal(embedding.shape)).astype(np.float32)
    assert np.array_equal(embedding, drawn)

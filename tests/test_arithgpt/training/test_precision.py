"""bf16 in training: the matrices of the blocks are multiplied in it, and nothing else is rounded."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.training import SMALL, Silent
from torch import Tensor

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.models.gpt import GPT
from arithgpt.models.layers import Linear
from arithgpt.models.positions.kernels import KernelBias
from arithgpt.run_folder import new_run, shipped_run
from arithgpt.runtime import resolve_precision
from arithgpt.training.optim import orthogonalise
from arithgpt.training.trainer import Trainer
from tasks.core.ragged import Ragged

CPU = torch.device("cpu")
FEW = {"max_steps": 20, "batch_size": 16, "eval_samples": 2}


@pytest.fixture(scope="module")
def calculator() -> tuple[GPT, GPT]:
    """The shipped calculator, in float32 and with bf16 products."""
    exact = shipped_run().load_model("cpu")
    rounded = copy.deepcopy(exact)
    rounded.set_matmul_dtype(torch.bfloat16)
    return exact, rounded.train()


def long_pages() -> tuple[Tensor, Tensor]:
    """Pages of some 300 characters: products, quotients, sums of 98 digits, a whole expression."""
    task = shipped_run().recipe.problems
    questions = ["123456789*987654321", "98765432109/4321", f"{'9876543' * 14}+{'1234567' * 14}", "(12+34)*5-6/2", "7.5/1.2"]
    parts = [task.subtasks[name] for name in ("mul", "div", "add", "expr", "expr")]
    pages = [part.pages(part.problems([question])) for part, question in zip(parts, questions, strict=True)]
    texts = Ragged.from_strings([page.texts()[0] for page in pages])
    ids = torch.from_numpy(Tokenizer(task.alphabet).encode(texts.values))
    prompts = np.array([int(page.prompt[0]) for page in pages])
    at = np.arange(1, ids.shape[1])
    asked = (at >= prompts[:, None]) & (at < texts.lengths[:, None])
    assert texts.lengths.max() >= 290
    return ids[:, :-1], torch.where(torch.from_numpy(asked), ids[:, 1:], IGNORED)


def test_the_calculator_writes_the_same_in_bf16(calculator: tuple[GPT, GPT]) -> None:
    exact, rounded = calculator
    inputs, targets = long_pages()
    asked = targets != IGNORED
    with torch.inference_mode():
        logits, others = exact(inputs)[asked], rounded(inputs)[asked]
    assert others.dtype == torch.float32
    off = (others - logits).abs()
    assert 1e-4 < off.max() < 1.0  # it is rounded, and by less than decides
    assert torch.equal(others.argmax(-1), logits.argmax(-1))
    assert (logits.argmax(-1) == targets[asked]).float().mean() > 0.99


def test_attention_kernels_are_computed_in_float32(calculator: tuple[GPT, GPT], monkeypatch: pytest.MonkeyPatch) -> None:
    """No part of the position schemes sees a bf16 number: with equal queries and keys attention is equal to the bit."""
    exact, _ = calculator
    inputs, _ = long_pages()
    seen: list[tuple[Tensor, ...]] = []
    fold_into_qk = KernelBias.fold_into_qk

    def watched(bias: KernelBias, q: Tensor, k: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        wide = fold_into_qk(bias, q, k, cells)
        seen.append((cells, *(part[..., q.shape[-1] :] for part in wide), q, k, *wide))
        return wide

    monkeypatch.setattr(KernelBias, "fold_into_qk", watched)
    for model in calculator:
        with torch.inference_mode():
            model(inputs)
    n = len(exact.blocks)
    for one, other in zip(seen[:n], seen[n:], strict=True):
        assert all(part.dtype == torch.float32 for part in (*one, *other))
        assert all(torch.equal(a, b) for a, b in zip(one[:3], other[:3], strict=True))  # cells and their features
    assert not torch.equal(seen[n][3], seen[0][3])  # and the content is rounded


def test_folded_kernels_tolerate_the_rounding_of_fused_attention(calculator: tuple[GPT, GPT]) -> None:
    """Factors split into two of TF32 without the product of the smaller parts, at the far end of long pages; plain TF32 would
    destroy them."""
    model, inputs, n_queries = calculator[0], long_pages()[0][:3], 24

    def tf32(x: Tensor) -> Tensor:
        """Rounded to 11 significant bits."""
        mantissa, exponent = torch.frexp(x)
        return torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)

    def product(q: Tensor, k: Tensor, parts: int) -> Tensor:
        big_q, big_k = tf32(q), tf32(k)
        scores = big_q @ big_k.mT
        return scores + tf32(q - big_q) @ big_k.mT + big_q @ tf32(k - big_k).mT if parts == 3 else scores

    worst = {1: 0.0, 3: 0.0}
    for block, n_head in zip(model.blocks, model.config.heads, strict=True):
        _, cells = model.embed(inputs)
        nothing = torch.zeros(len(inputs), n_head, cells.shape[1] - 1, model.config.head_size)
        with torch.inference_mode():
            q, k = block.attention.bias.fold_into_qk(nothing, nothing, cells)
            hidden = torch.full((q.shape[2], q.shape[2]), -torch.inf).triu(1)[-n_queries:]
            q = q[:, :, -n_queries:] * model.config.head_size**-0.5
            exact = (q.double() @ k.double().mT + hidden).softmax(-1)
            for parts in worst:
                off = ((product(q, k, parts) + hidden).softmax(-1) - exact).abs().max()
                worst[parts] = max(worst[parts], float(off))
    assert worst[3] < 0.02
    assert worst[1] > 0.2


def test_linear_maps_are_rounded_in_train_mode_alone() -> None:
    x, layer = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0)), Linear(16, 8)
    layer.init_normal(np.random.default_rng(0))
    exact = layer(x)
    layer.matmul_dtype = torch.bfloat16
    rounded = layer(x)
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, rounded.bfloat16().float())
    assert not torch.equal(rounded, exact)
    assert torch.allclose(rounded, exact, atol=0.1)
    assert torch.equal(layer.eval()(x), exact)


def test_training_in_bf16_learns_and_says_so() -> None:
    """In float32 and in bf16 the loss falls alike; weights and optimisers are float32 in both."""
    losses, weights = {}, {}
    plan = Recipe.from_dict(SMALL | {"train": FEW}, "test")
    for precision in ("float32", "bf16", None):
        run = new_run(None, plan)
        Trainer(plan, run, device=CPU, callback=Silent(), precision=precision).fit()
        losses[precision] = [entry["loss"] for entry in run.metrics() if "loss" in entry]
        assert json.loads((run.path / "run.json").read_text())["precision"] == (precision or "float32")
        weights[precision] = run.load_model("cpu").state_dict()
        assert all(weight.dtype == torch.float32 for weight in weights[precision].values())
    assert losses[None] == losses["float32"]
    assert all(torch.equal(weight, weights["float32"][name]) for name, weight in weights[None].items())
    assert losses["bf16"] != losses["float32"]
    assert losses["bf16"] == pytest.approx(losses["float32"], abs=0.1)


def test_the_device_decides_and_the_option_can_turn_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    assert resolve_precision("auto", CPU) == resolve_precision("float32", CPU) == resolve_precision("float32", gpu) == "float32"
    for has_units in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, units=has_units: units)
        assert resolve_precision("auto", gpu) == ("bf16" if has_units else "float32")
    with pytest.raises(UserError, match="does not support it"):
        resolve_precision("bf16", gpu)
    with pytest.raises(UserError, match="needs a GPU; on a CPU use float32"):
        resolve_precision("bf16", CPU)
    with pytest.raises(UserError, match="must be auto, float32 or bf16"):
        resolve_precision("fp8", CPU)


def test_the_command_line_takes_a_precision(arithgpt: Callable, tmp_path: Path) -> None:
    refused = arithgpt("train", "--precision", "bf16", "--device", "cpu", "--name", "no")
    assert refused.returncode != 0
    assert refused.stderr == "arithgpt: --precision bf16: needs a GPU; on a CPU use float32\n"
    assert not (tmp_path / "runs" / "no").exists()


def test_muon_tolerates_bf16() -> None:
    matrices = torch.randn(3, 24, 8, generator=torch.Generator().manual_seed(0))
    rounded = orthogonalise(matrices, precision="bf16")
    assert rounded.dtype == torch.float32
    assert torch.allclose(rounded, orthogonalise(matrices), atol=0.05)

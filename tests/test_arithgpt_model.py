"""What every position scheme must keep, and the model around it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import random_model

from arithgpt.config.recipe import ModelConfig
from arithgpt.data.collate import IGNORED, tensors
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.models import arrays
from arithgpt.models.arrays import OnNumPy, ops
from arithgpt.models.gpt import GPT, Cache, initial
from arithgpt.models.page import MARK
from arithgpt.models.positions import SCHEMES
from tasks.arithmetic.addition import Addition

TASK = Addition(digits="1-9")
VOCAB = Tokenizer(TASK.alphabet)
every_scheme = pytest.mark.parametrize("positions", SCHEMES)


def doubled(model: GPT) -> GPT:
    return GPT(model.config, model.alphabet, {name: weight.double() for name, weight in model.weights.items()})


def some_pages(n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    return tensors(TASK.batch(n, seed=0, split="train", rank=0, step=0), VOCAB)


@every_scheme
def test_nothing_is_seen_before_it_is_written(positions: str) -> None:
    model, (ids, _) = random_model(positions), some_pages()
    logits = model(ids)
    for at in (0, 5, ids.shape[1] - 1):
        changed = ids.clone()
        changed[:, at:] = (changed[:, at:] + 3) % len(VOCAB)
        assert torch.equal(model(changed)[:, :at], logits[:, :at])
        assert not torch.allclose(model(changed)[:, at:], logits[:, at:], atol=1e-3)


@every_scheme
def test_rows_of_a_batch_do_not_meet(positions: str) -> None:
    model, (ids, _) = random_model(positions), some_pages()
    assert torch.allclose(model(ids[3:4]), model(ids)[3:4], atol=1e-5)


@every_scheme
@pytest.mark.parametrize("prompt", [1, 7])
@pytest.mark.parametrize("step", [1, 4])
def test_the_cache_changes_nothing(positions: str, prompt: int, step: int) -> None:
    model, (ids, _) = random_model(positions), some_pages()
    cache = Cache(model, len(ids), ids.shape[1])
    parts = [model(ids[:, :prompt], cache)]
    parts += [model(part, cache) for part in ids[:, prompt:].split(step, dim=1)]
    cached, whole = torch.cat(parts, 1), model(ids)
    exact = doubled(model)(ids)
    assert torch.allclose(cached.double(), exact, atol=1e-5)
    assert torch.allclose(whole.double(), exact, atol=1e-3)  # large terms cancel in a folded kernel
    assert torch.equal(cached.argmax(-1), whole.argmax(-1))


@every_scheme
def test_the_last_logits_alone_are_the_last_of_all(positions: str) -> None:
    model, (ids, _) = random_model(positions), some_pages()
    caches = [Cache(model, len(ids), ids.shape[1]) for _ in range(2)]
    for part in ids.split([1, 6, ids.shape[1] - 7], dim=1):
        alone, every = model(part, caches[0], last=1), model(part, caches[1])
        assert alone.shape == (len(ids), 1, len(VOCAB))
        assert torch.allclose(alone, every[:, -1:], atol=1e-4)
    assert all(torch.allclose(*blocks) for blocks in zip(*(cache.keys_values for cache in caches), strict=True))
    for last in (1, 4):
        assert torch.allclose(model(ids, last=last), model(ids)[:, -last:], atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_short_and_fused_attention_agree(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 3, 4, 20, 12, dtype=dtype)
    v = torch.randn(3, 4, 20, 8, dtype=dtype)
    attend = ops(q).attend
    short = attend(q, k, v, None, 0.3)
    monkeypatch.setattr(arrays, "SHORT_PAGE", 0)
    assert torch.allclose(attend(q, k, v, None, 0.3), short, atol=1e-5)
    hidden = torch.ones(20, 20, dtype=torch.bool).triu(1)
    mask = torch.zeros(20, 20, dtype=dtype).masked_fill(hidden, float("-inf"))
    assert torch.allclose(attend(q, k, v, mask, 0.3), short, atol=1e-5)
    on_numpy = OnNumPy.attend(q.numpy(), k.numpy(), v.numpy(), None, 0.3)
    assert np.allclose(on_numpy, short.numpy(), atol=1e-5)


@every_scheme
def test_numpy_and_torch_give_the_same(positions: str) -> None:
    on_torch, on_numpy = (random_model(positions, library) for library in ("torch", "numpy"))
    ids, _ = some_pages()
    caches = [Cache(on_torch, *ids.shape), Cache(on_numpy, *ids.shape)]
    for part in ids.split([7, 1, 1, ids.shape[1] - 9], dim=1):
        logits, other = on_torch(part, caches[0]), on_numpy(part.numpy(), caches[1])
        assert isinstance(other, np.ndarray)
        assert other.dtype == np.float32
        assert np.allclose(other, logits.numpy(), atol=1e-4)
    assert np.allclose(on_numpy(ids.numpy()), on_torch(ids).numpy(), atol=1e-2)


def test_the_folded_kernel_is_the_kernel() -> None:
    """Against the formula itself, in float64: -s (look + c - at)^2, and a constant for the blank."""
    model = doubled(random_model("page"))
    block = model.blocks[0]
    cells = torch.randint(0, 9, (2, 22, MARK + 1)).double()
    q, k = torch.randn(2, 2, 4, 21, 8, dtype=torch.float64)
    wide_q, wide_k = model.scheme.widen(block, q, k, cells)
    away = cells[:, None, 1:, None, :MARK] + block["centre"][:, None, None] - cells[:, None, None, :-1, :MARK]
    formula = -(block["strength"].clamp(min=0)[:, None, None] * away**2).sum(-1)
    formula[..., 0] = block["blank"][:, None]
    plain = q @ k.mT / 8**0.5 + formula
    for other in (
        wide_q @ wide_k.mT / 8**0.5,
        q @ k.mT / 8**0.5 + model.scheme.bias(block, model.scheme.distances(cells[:, 1:], cells[:, :-1])),
    ):
        assert torch.allclose(other.softmax(-1), plain.softmax(-1), atol=1e-10)


def test_the_cached_kernel_holds_at_ten_thousand_places() -> None:
    model = random_model("page")
    at = torch.zeros(1, 10_000, MARK + 1)
    at[0, :, 0] = torch.arange(1.0, 10_001)
    look = torch.zeros(1, 1, MARK + 1)
    look[..., 0] = 9_000
    exact = model.scheme.bias(doubled(model).blocks[0], model.scheme.distances(look.double(), at.double())).softmax(-1)
    assert torch.allclose(
        model.scheme.bias(model.blocks[0], model.scheme.distances(look, at)).softmax(-1).double(), exact, atol=1e-5
    )


def test_the_loss_does_not_see_the_prompt() -> None:
    model, (ids, targets) = random_model("page"), some_pages()
    logits = model(ids).requires_grad_()
    F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED).backward()
    counted = targets != IGNORED
    assert (logits.grad[~counted] == 0).all()
    assert (logits.grad[counted].abs().sum(-1) > 0).all()


def test_targets_are_the_answer_and_nothing_else() -> None:
    pages = TASK.pages(TASK.problems(["123+4567", "5+6"]))
    inputs, targets = tensors(pages, VOCAB)
    written = ["".join(TASK.alphabet[target] if target >= 0 else " " for target in row) for row in targets.tolist()]
    assert written == ["        0964$", "   11$       "]
    assert inputs.shape == targets.shape == (2, pages.chars.shape[1] - 1)


def test_learned_positions_end_at_block_size() -> None:
    config = ModelConfig(positions="learned", block_size=8)
    model = GPT(config, TASK.alphabet, initial(config, TASK.alphabet, seed=0))
    model(np.zeros((1, 8), np.int64))
    with pytest.raises(ValueError, match="block_size = 8"):
        model(np.zeros((1, 9), np.int64))


def test_weights_that_do_not_fit_are_named() -> None:
    weights = initial(ModelConfig(), TASK.alphabet, seed=0)
    for wrong in (weights | {"head": np.zeros((3, 3))}, weights | {"more": np.zeros(1)}, {"head": weights["head"]}):
        with pytest.raises(ValueError, match="weights: .* is .*, not"):
            GPT(ModelConfig(), TASK.alphabet, wrong)


def test_the_default_model_is_small() -> None:
    assert GPT(ModelConfig(), TASK.alphabet, initial(ModelConfig(), TASK.alphabet, seed=0)).n_params == 26_168

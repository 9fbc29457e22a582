"""The GPT as a torch module: what every position scheme keeps, and what a PyTorch user expects of a module."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.models import ALPHABET, random_model, scheme_model
from helpers.processes import printed, together, wrap_model
from torch import Tensor

from arithgpt.config.schema import ModelConfig
from arithgpt.data.collate import IGNORED, collate
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.models import build_model, layers, make_model
from arithgpt.models.positions import SCHEMES
from arithgpt.models.positions.kernels import KernelBias
from arithgpt.run_folder import shipped_run
from tasks.arithmetic.addition import Addition

TASK = Addition(digits="1-9")
TOKENIZER = Tokenizer(TASK.alphabet)
every_scheme = pytest.mark.parametrize("positions", SCHEMES)


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def some_pages(n: int = 8) -> tuple[Tensor, Tensor]:
    return collate(TASK.batch(n, seed=0, split="train", rank=0, step=0), TOKENIZER)


@every_scheme
def test_nothing_is_seen_before_it_is_written(positions: str) -> None:
    model, (ids, _) = scheme_model(positions), some_pages()
    logits = model(ids)
    for at in (0, 5, ids.shape[1] - 1):
        changed = ids.clone()
        changed[:, at:] = (changed[:, at:] + 3) % len(ALPHABET)
        assert torch.equal(model(changed)[:, :at], logits[:, :at])
        assert not torch.allclose(model(changed)[:, at:], logits[:, at:], atol=1e-3)


@every_scheme
def test_rows_of_a_batch_do_not_meet(positions: str) -> None:
    model, (ids, _) = scheme_model(positions), some_pages()
    assert torch.allclose(model(ids[3:4]), model(ids)[3:4], atol=1e-5)


@every_scheme
@pytest.mark.parametrize("prompt", [1, 7])
@pytest.mark.parametrize("step", [1, 4])
def test_the_cache_changes_nothing(positions: str, prompt: int, step: int) -> None:
    model, (ids, _) = scheme_model(positions), some_pages()
    cache = model.new_cache(*ids.shape)
    parts = [model(part, cache) for part in (ids[:, :prompt], *ids[:, prompt:].split(step, dim=1))]
    cached, whole = torch.cat(parts, 1), model(ids)
    exact = scheme_model(positions).double()(ids)
    assert torch.allclose(cached.double(), exact, atol=1e-5)
    assert torch.allclose(whole.double(), exact, atol=1e-3)  # large terms cancel in folded kernels
    assert torch.equal(cached.argmax(-1), whole.argmax(-1))


@every_scheme
def test_the_last_logits_alone_are_the_last_of_all(positions: str) -> None:
    model, (ids, _) = scheme_model(positions), some_pages()
    caches = [model.new_cache(*ids.shape) for _ in range(2)]
    for part in ids.split([1, 6, ids.shape[1] - 7], dim=1):
        alone, every = model(part, caches[0], last=1), model(part, caches[1])
        assert alone.shape == (len(ids), 1, len(ALPHABET))
        assert torch.allclose(alone, every[:, -1:], atol=1e-4)
    assert all(torch.allclose(*blocks) for blocks in zip(*(cache.keys_values for cache in caches), strict=True))
    for last in (1, 4):
        assert torch.allclose(model(ids, last=last), model(ids)[:, -last:], atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_short_and_fused_attention_agree(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 3, 4, 20, 12, dtype=dtype, generator=generator)
    v = torch.randn(3, 4, 20, 8, dtype=dtype, generator=generator)
    short = layers.attend(q, k, v, None)
    monkeypatch.setattr(layers, "SHORT_PAGE", 0)
    assert torch.allclose(layers.attend(q, k, v, None), short, atol=1e-5)
    mask = torch.full((20, 20), -torch.inf, dtype=dtype).triu(1)
    assert torch.allclose(layers.attend(q, k, v, mask), short, atol=1e-5)


def test_the_folded_kernel_is_the_kernel() -> None:
    """Against the formula itself, in float64: -s (query + c - key)^2, and a constant for the bos token."""
    model = scheme_model("page").double()
    bias = model.blocks[0].attention.bias
    assert isinstance(bias, KernelBias)
    n = len(model.positions.coordinates.axes)
    cells = torch.randint(0, 9, (2, 22, n + 1)).double()
    q, k = torch.randn(2, 2, 4, 21, 8, dtype=torch.float64)
    wide_q, wide_k = bias.fold_into_qk(q, k, cells)
    away = cells[:, None, 1:, None, :n] + bias.centre[:, None, None] - cells[:, None, None, :-1, :n]
    formula = -(bias.strength.clamp(min=0)[:, None, None] * away**2).sum(-1)
    formula[..., 0] = bias.bos_logit[:, None]
    plain = q @ k.mT / 8**0.5 + formula
    exact = bias(model.positions.distances(cells[:, 1:], cells[:, :-1]))
    for other in (wide_q @ wide_k.mT / 8**0.5, q @ k.mT / 8**0.5 + exact):
        assert torch.allclose(other.softmax(-1), plain.softmax(-1), atol=1e-10)


def test_the_cached_kernel_holds_at_ten_thousand_places() -> None:
    model = scheme_model("page")
    keys, query = torch.zeros(1, 10_000, 6), torch.zeros(1, 1, 6)
    keys[0, :, 0], query[..., 0] = torch.arange(1.0, 10_001), 9_000

    def probabilities(keys: Tensor, query: Tensor) -> Tensor:
        return model.blocks[0].attention.bias(model.positions.distances(query, keys)).softmax(-1)

    single = probabilities(keys, query)
    model.double()
    assert torch.allclose(single.double(), probabilities(keys.double(), query.double()), atol=1e-5)


def test_the_loss_does_not_see_the_prompt() -> None:
    model, (ids, targets) = scheme_model("page"), some_pages()
    with torch.enable_grad():
        logits = model(ids).detach().requires_grad_()
        F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED).backward()
    counted = targets != IGNORED
    assert (logits.grad[~counted] == 0).all()
    assert (logits.grad[counted].abs().sum(-1) > 0).all()


def test_targets_are_the_answer_and_nothing_else() -> None:
    pages = TASK.pages(TASK.problems(["123+4567", "5+6"]))
    inputs, targets = collate(pages, TOKENIZER)
    written = ["".join(TASK.alphabet[target] if target >= 0 else " " for target in row) for row in targets.tolist()]
    assert written == ["        0964$", "   11$       "]
    assert inputs.shape == targets.shape == (2, pages.chars.shape[1] - 1)


def test_weights_are_drawn_by_the_seed_and_small() -> None:
    first, again, other = (build_model(ModelConfig(), ALPHABET, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not torch.equal(first["head.weight"], other["head.weight"])
    assert build_model(ModelConfig(), ALPHABET, 0).n_params == 26_168


class TestAsAModule:
    """What a PyTorch user types works."""

    def test_the_state_dict_goes_round(self) -> None:
        model, (ids, _) = scheme_model("page"), some_pages()
        twin = make_model(model.config, ALPHABET)
        twin.load_state_dict(model.state_dict())
        assert torch.equal(twin.eval()(ids), model(ids))
        assert "blocks.0.attention.qkv.weight" in model.state_dict()
        with pytest.raises(RuntimeError, match=r"head\.weight"):
            twin.load_state_dict(model.state_dict() | {"head.weight": torch.zeros(3, 3)})

    def test_the_shipped_weights_take_a_hook_and_a_gradient(self) -> None:
        run = shipped_run()
        model, seen = run.load_model("cpu"), []
        handle = model.blocks[0].register_forward_hook(lambda module, args, output: seen.append(output.shape))
        ids = torch.from_numpy(Tokenizer(model.alphabet).encode(np.frombuffer(b"321*54=5:5160_5160;", np.uint8)))[None]
        with torch.enable_grad():
            logits = model(ids)
            loss = F.cross_entropy(logits[0, :-1], ids[0, 1:])
            loss.backward()
        handle.remove()
        assert seen == [(1, 1 + ids.shape[1], 128)]
        assert loss.item() > 0
        assert all(parameter.grad is not None for parameter in model.parameters())
        assert model.alphabet[int(logits[0, -1].argmax())] == "4"

    def test_it_compiles_to_the_same_function(self) -> None:
        model, (ids, _) = scheme_model("page"), some_pages()
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        assert torch.allclose(compiled(ids), model(ids), atol=1e-4)
        assert not set(compiled.state_dict()) ^ {f"_orig_mod.{name}" for name in model.state_dict()}

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
    def test_it_compiles_by_the_default_backend(self) -> None:
        model, (ids, _) = scheme_model("page"), some_pages()
        assert torch.allclose(torch.compile(model)(ids), model(ids), atol=1e-4)

    @every_scheme
    def test_it_exports_to_the_same_function(self, positions: str) -> None:
        model, (ids, _) = scheme_model(positions), some_pages()
        program = torch.export.export(model, (ids,))
        assert torch.allclose(program.module()(ids), model(ids), atol=1e-4)

    def test_it_is_wrapped_for_several_processes(self, tmp_path: Path) -> None:
        [found] = printed(together(1, tmp_path / "said", wrap_model), tmp_path / "said")
        assert len(found) == len(list(build_model(ModelConfig(), ALPHABET, 0).parameters()))
        assert all(found)

    def test_block_matrices_are_multiplied_in_bf16_while_training_alone(self) -> None:
        model, (ids, _) = scheme_model("page"), some_pages()
        exact = model(ids)
        model.set_matmul_dtype(torch.bfloat16)
        assert torch.equal(model(ids), exact)
        rounded = model.train()(ids)
        assert rounded.dtype == torch.float32
        assert not torch.equal(rounded, exact)
        assert (rounded - exact).abs().max() < 0.2


@pytest.mark.parametrize("field", ["n_kv_head", "loops", "dropout"])
def test_choices_of_a_block_train_and_ask(field: str) -> None:
    model, (ids, _) = random_model(**{field: {"n_kv_head": 2, "loops": 2, "dropout": 0.2}[field]}), some_pages()
    assert model(ids).isfinite().all()
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    first, again, other = (model.train()(ids, generator=generator) for generator in generators)
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (field != "dropout")

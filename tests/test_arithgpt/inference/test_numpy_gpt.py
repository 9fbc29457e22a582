"""NumpyGPT computes what the module computes."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.models import ALPHABET, numpy_model, random_model

from arithgpt.config.schema import ModelConfig
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference.numpy_gpt import NumpyGPT, supports
from arithgpt.models import build_model
from arithgpt.run_folder import shipped_run

SHAPES: dict[str, dict[str, Any]] = {
    "page": {},
    "expression_page": {"positions": "expression_page"},
    "other heads in each block": {"n_head": (4, 3), "head_dim": 8},
    "tied": {"tied": True},
    "applied twice": {"loops": 2},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@torch.no_grad()
def test_it_gives_the_logits_of_the_module(shape: dict[str, Any]) -> None:
    model = random_model(**shape)
    twin, ids = numpy_model(model), np.random.default_rng(0).integers(0, 12, (5, 20))
    assert np.allclose(twin(ids), model(torch.from_numpy(ids)).numpy(), atol=1e-2)  # the module folds its kernels here
    caches = model.new_cache(5, 20), twin.new_cache(5, 20)
    rows = np.arange(5)
    for start, end in ((0, 7), (7, 8), (8, 12), (12, 20)):
        part = ids[rows, start:end]
        ours, theirs = twin(part, caches[1]), model(torch.from_numpy(part), caches[0]).numpy()
        assert ours.dtype == np.float32
        assert np.allclose(ours, theirs, atol=1e-4)
        if end == 8:
            rows = np.array([4, 1])
            caches[0].keep(torch.from_numpy(rows))
            caches[1].keep(rows)
    assert np.allclose(twin(ids, last=3), twin(ids)[:, -3:], atol=1e-5)


@torch.no_grad()
def test_the_shipped_weights_give_the_same_on_both() -> None:
    run = shipped_run()
    model, twin = run.load_model("cpu"), run.load_model("numpy")
    assert isinstance(twin, NumpyGPT)
    ids = Tokenizer(model.alphabet).encode(np.frombuffer(b"698/66=231'462\"825&6,600#0;9|960(145a508b739c", np.uint8))[None]
    cache = model.new_cache(1, ids.shape[1])
    cached = torch.cat([model(part, cache) for part in torch.from_numpy(ids).split(1, 1)], 1)
    assert np.allclose(twin(ids), cached.numpy(), atol=1e-3)


def test_weights_that_do_not_fit_are_named() -> None:
    weights = {name: tensor.numpy() for name, tensor in build_model(ModelConfig(), ALPHABET, 0).state_dict().items()}
    wrong = ({"head.weight": np.zeros((3, 3))}, {"more": np.zeros(1)})
    for change in (*(weights | one for one in wrong), {"head.weight": weights["head.weight"]}):
        with pytest.raises(ValueError, match="weights: .* is .*, not"):
            NumpyGPT(ModelConfig(), ALPHABET, change)


@pytest.mark.parametrize(
    "other", [{"positions": "rope"}, {"norm": "layer"}, {"n_kv_head": 1}, {"activation": "relu2"}, {"arch": "lstm"}]
)
def test_other_models_are_left_to_torch(other: dict[str, Any]) -> None:
    assert supports(ModelConfig())
    assert not supports(ModelConfig(**other))

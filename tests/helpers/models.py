"""Models with random weights, in which every part has a say."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from arithgpt.config.schema import ModelConfig
from arithgpt.inference.numpy_gpt import NumpyGPT
from arithgpt.models import build_model
from arithgpt.models.language_model import LanguageModel

ALPHABET = "0123456789+=$"


def random_model(alphabet: str = ALPHABET, scale: float = 0.2, **fields: Any) -> LanguageModel:
    """Build a model in eval mode, all its weights moved away from those before training, many of which are zero."""
    shape = {"n_layer": 2, "n_embd": 32} | fields
    model = build_model(ModelConfig(**shape), alphabet, seed=0)
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.from_numpy((scale * rng.standard_normal(tuple(parameter.shape))).astype(np.float32))
    return model.eval()


def scheme_model(positions: str) -> LanguageModel:
    """Build a small GPT with a position scheme and unlike numbers of heads."""
    return random_model(positions=positions, n_head=(4, 3), head_dim=8)


def numpy_model(model: LanguageModel) -> NumpyGPT:
    """Return the NumPy twin of a model."""
    return NumpyGPT(model.config, model.alphabet, {name: tensor.numpy() for name, tensor in model.state_dict().items()})

"""Models by the name of their architecture. All are asked alike:

weights = first_weights(config, "0123456789+=$", seed=0)       named NumPy arrays
model = make_model(config, "0123456789+=$", weights)
logits = model(ids)                                            (B, T) -> (B, T, vocabulary)
cache = model.cache(n, size)                                   and then model(ids, cache) piece by piece
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from arithgpt.arrays import Array
from arithgpt.model import GPT, initial
from arithgpt.positions import SCHEMES
from arithgpt.recurrent import Recurrent, initial_recurrent

if TYPE_CHECKING:
    from arithgpt.device import Precision
    from arithgpt.recipe import ModelConfig

Model: TypeAlias = GPT | Recurrent


def first_weights(config: ModelConfig, alphabet: str, seed: int) -> dict[str, np.ndarray]:
    """The weights before training, float32 by name; the same on every machine."""
    return (initial if config.arch == "gpt" else initial_recurrent)(config, alphabet, seed)


def make_model(config: ModelConfig, alphabet: str, weights: Mapping[str, Array], precision: Precision = "float32") -> Model:
    """The model of these weights. ValueError where one is missing, left over or of another shape.

    precision: of a GPT's products (device.py); a recurrent net is always computed in the type of its weights
    """
    return GPT(config, alphabet, weights, precision) if config.arch == "gpt" else Recurrent(config, alphabet, weights)


def recordable(config: ModelConfig) -> bool:
    """Whether a GPU can record a training step of such a model (cuda.py): nothing in it is drawn, sent there or read."""
    return config.arch == "gpt" and config.dropout == 0 and SCHEMES[config.positions].recordable


def room(config: ModelConfig) -> int | None:
    """How many characters a page has room for; None where there is no limit."""
    return config.block_size if config.arch == "gpt" and SCHEMES[config.positions].limited else None

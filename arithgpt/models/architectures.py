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

from arithgpt.models.arrays import Array
from arithgpt.models.encoder_decoder import EncoderDecoder, initial_encoder_decoder
from arithgpt.models.gpt import GPT, initial
from arithgpt.models.positions import SCHEMES
from arithgpt.models.rnn import GATES, Recurrent, initial_recurrent

if TYPE_CHECKING:
    from arithgpt.config.recipe import ModelConfig
    from arithgpt.runtime import Precision

Model: TypeAlias = GPT | EncoderDecoder | Recurrent

KINDS = {
    "gpt": (initial, GPT),
    "encoder-decoder": (initial_encoder_decoder, EncoderDecoder),
    **dict.fromkeys(GATES, (initial_recurrent, Recurrent)),
}
"""The first weights and the model of each architecture."""


def first_weights(config: ModelConfig, alphabet: str, seed: int) -> dict[str, np.ndarray]:
    """The weights before training, float32 by name; the same on every machine."""
    first, _ = KINDS[config.arch]
    return first(config, alphabet, seed)


def make_model(config: ModelConfig, alphabet: str, weights: Mapping[str, Array], precision: Precision = "float32") -> Model:
    """The model of these weights. ValueError where one is missing, left over or of another shape.

    precision: of a GPT's products (device.py); the others are always computed in the type of their weights
    """
    _, kind = KINDS[config.arch]
    return GPT(config, alphabet, weights, precision) if kind is GPT else kind(config, alphabet, weights)


def recordable(config: ModelConfig) -> bool:
    """Whether a GPU can record a training step of such a model (cuda.py): nothing in it is drawn, sent there or read."""
    return config.arch == "gpt" and config.dropout == 0 and SCHEMES[config.positions].recordable


def room(config: ModelConfig) -> int | None:
    """How many characters a page has room for; None where there is no limit."""
    return config.block_size if config.attends and SCHEMES[config.positions].limited else None

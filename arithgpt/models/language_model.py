"""What all models have in common: a config, an alphabet, and sizes that decoding plans with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from arithgpt.models.layers import Linear
from arithgpt.models.positions import find_scheme
from arithgpt.models.positions.base import PositionScheme, copy_normal

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig


class LanguageModel(nn.Module):
    """Base class of models: `model(ids) -> logits`, and piece by piece with a cache.

    Args:
        config: the model's shape
        alphabet: the characters of the vocabulary, in the order of their ids
    """

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__()
        self.config, self.alphabet = config, alphabet

    def make_positions(self) -> PositionScheme:
        """Make the position scheme that the config names."""
        return find_scheme(self.config.positions)(self.config, self.alphabet)

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw all parameters."""
        raise NotImplementedError

    def init_embedding(self, embedding: nn.Embedding, rng: np.random.Generator) -> None:
        """Draw an embedding."""
        copy_normal(embedding.weight, rng)

    def set_matmul_dtype(self, dtype: torch.dtype | None) -> None:
        """Choose the type in which the matrices of a GPT's blocks are multiplied while training.

        Weights, gradients, norms, page coordinates, attention, the head and the loss stay float32, and other architectures do.
        """
        for name, module in self.named_modules():
            if isinstance(module, Linear) and name.startswith("blocks."):
                module.matmul_dtype = dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def n_params(self) -> int:
        """The number of weights."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def n_axes(self) -> int:
        """The axes on which attention biases compare cells; 0 without such biases."""
        positions = getattr(self, "positions", None)
        return positions.n_axes if positions is not None else 0

    @property
    def max_length(self) -> int | None:
        """The most characters of a page; None where there is no limit."""
        return self.config.max_length

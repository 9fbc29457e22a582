"""Recurrent nets in place of the GPT: Elman's, LSTM and GRU. They read character by character and keep a state, not a cache.

    [model]
    arch = "lstm"        # or rnn, gru; n_layer layers of width n_embd

They have no attention, so positions, heads and MLPs mean nothing to them: the fields n_layer, n_embd, tied and dropout count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.language_model import LanguageModel
from arithgpt.models.layers import Dropout, Linear

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RNNState:
    """What each layer remembers of n pages; `length` characters have been read.

    Args:
        n_layer: layers
        n_states: 2 for an LSTM (output and cell), else 1
        n: pages
        width: features
        like: gives the type and the device
    """

    def __init__(self, n_layer: int, n_states: int, n: int, width: int, like: Tensor) -> None:
        self.layers = [like.new_zeros(n_states, n, width) for _ in range(n_layer)]
        self.length = 0

    def keep(self, rows: Tensor) -> None:
        """Drop all pages but those of int64 `rows`."""
        self.layers = [state[:, rows] for state in self.layers]


class RNN(LanguageModel):
    """A recurrent net over the characters of an alphabet.

    Args:
        config: the model's shape
        alphabet: the characters of the vocabulary, in the order of their ids
    """

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__(config, alphabet)
        V, C = len(alphabet), config.n_embd
        self.token_embedding = nn.Embedding(V, C, _weight=torch.zeros(V, C))
        # By way of the meta device torch draws no weights.
        layers = (LAYERS[config.arch](C, C, batch_first=True, device="meta") for _ in range(config.n_layer))
        self.layers = nn.ModuleList(layer.to_empty(device="cpu") for layer in layers)
        self.head = None if config.tied else Linear(C, V)
        self.dropout = Dropout(config.dropout)

    @torch.no_grad()
    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the weights. An LSTM starts by forgetting little: the bias of its forget gate is 1."""
        C = self.config.n_embd
        n_rows = {"rnn": 1, "gru": 3, "lstm": 4}[self.config.arch] * C  # the gates in torch's order
        self.init_embedding(self.token_embedding, rng)
        for layer in self.layers:
            for weight in (layer.weight_ih_l0, layer.weight_hh_l0):
                values = C**-0.5 * rng.uniform(-1, 1, (n_rows, C))
                weight.copy_(torch.from_numpy(values.astype(np.float32)))
            layer.bias_ih_l0.zero_()
            layer.bias_hh_l0.zero_()
            if self.config.arch == "lstm":  # gates: input, forget, cell, output
                layer.bias_ih_l0[C : 2 * C] = 1.0
        if self.head is not None:
            values = C**-0.5 * rng.standard_normal(tuple(self.head.weight.shape))
            self.head.weight.copy_(torch.from_numpy(values.astype(np.float32)))

    def forward(
        self, ids: Tensor, cache: RNNState | None = None, last: int | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Compute the logits of the character after each token; arguments as those of `GPT.forward`.

        Returns:
            float32 (B, T, V), or (B, last, V).
        """
        state = cache if cache is not None else self.new_cache(len(ids), ids.shape[1])
        x = self.dropout(self.token_embedding(ids), generator)  # (B, T, C)
        for number, layer in enumerate(self.layers):
            before = state.layers[number]  # (1 or 2, B, C)
            if self.config.arch == "lstm":
                x, after = layer(x, (before[:1].contiguous(), before[1:].contiguous()))
                state.layers[number] = torch.cat(after)
            else:
                x, state.layers[number] = layer(x, before)
            x = self.dropout(x, generator)
        state.length += ids.shape[1]
        x = x if last is None else x[:, -last:]
        return x @ (self.token_embedding.weight * x.shape[2] ** -0.5).T if self.head is None else self.head(x)

    def new_cache(self, n: int, size: int) -> RNNState:
        """Make the states of n pages before their first character; any `size` will do."""
        n_states = 2 if self.config.arch == "lstm" else 1
        return RNNState(self.config.n_layer, n_states, n, self.config.n_embd, self.token_embedding.weight)

"""Recurrent nets in the place of the GPT: Elman's, LSTM and GRU, read character by character with a state in place of a cache.

    [model]
    arch = "lstm"        or rnn, gru; n_layer layers of width n_embd

They have no attention and so no use for positions, heads and MLPs: of the model's fields only n_layer, n_embd, tied and
dropout have a say. The gates stand in torch's order, and torch's fused recurrences run on torch; on NumPy the same is written
out below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from arithgpt.models.arrays import Array, ops
from arithgpt.models.gpt import blocks_of, check_shapes
from arithgpt.models.positions import EMBEDDING_STD, SCHEMES

if TYPE_CHECKING:
    from arithgpt.config.recipe import ModelConfig

GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def initial_recurrent(config: ModelConfig, alphabet: str, seed: int) -> dict[str, np.ndarray]:
    """The weights before training, float32 by name; the same on every machine. An LSTM begins by forgetting little."""
    rng = np.random.default_rng(seed)
    V, C = len(alphabet), config.n_embd
    rows = GATES[config.arch] * C
    weights = {"characters": EMBEDDING_STD * rng.standard_normal((V, C))}
    for layer in range(config.n_layer):
        bias = np.zeros(rows)
        if config.arch == "lstm":
            bias[C : 2 * C] = 1.0
        weights |= {
            f"blocks.{layer}.input": C**-0.5 * rng.uniform(-1, 1, (rows, C)),
            f"blocks.{layer}.recurrent": C**-0.5 * rng.uniform(-1, 1, (rows, C)),
            f"blocks.{layer}.input_bias": bias,
            f"blocks.{layer}.recurrent_bias": np.zeros(rows),
        }
    if not config.tied:
        weights["head"] = C**-0.5 * rng.standard_normal((V, C))
    return {name: array.astype(np.float32) for name, array in weights.items()}


class States:
    """What each layer remembers of n pages: its output and, of an LSTM, its cells; `length` characters have been read."""

    def __init__(self, model: Recurrent, n: int) -> None:
        shape = (1 + (model.config.arch == "lstm"), n, model.config.n_embd)
        self.layers = [ops(model.like).zeros(shape, model.like) for _ in model.blocks]
        self.length = 0

    def keep(self, rows: Array) -> None:
        """Drop every page but the chosen ones."""
        self.layers = [state[:, rows] for state in self.layers]


class Recurrent:
    """A recurrent net over the characters of `alphabet`. ValueError where a weight is missing, left over or misshapen."""

    def __init__(self, config: ModelConfig, alphabet: str, weights: Mapping[str, Array]) -> None:
        check_shapes(weights, initial_recurrent(config, alphabet, seed=0))
        self.config, self.alphabet, self.weights = config, alphabet, dict(weights)
        self.like = self.weights["characters"]  # the library, device and type of all that is computed
        self.scheme = SCHEMES["none"]
        self.blocks = blocks_of(weights, config.n_layer)
        self.step = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}[config.arch]

    def cache(self, n: int, size: int) -> States:
        """The states of n pages before their first character; how long they become does not matter."""
        return States(self, n)

    def __call__(
        self, ids: Array, cache: States | None = None, last: int | None = None, rng: np.random.Generator | None = None
    ) -> Array:
        """The logits of the character after each of `ids`, or after the `last` so many of them, as of a GPT.

        ids: int64 (B, T): whole pages, or with a cache the characters that follow those it has read
        rng: what is random in training is drawn from it, and then this is training
        Returns (B, T, vocabulary), or (B, last, vocabulary) with `last`.
        """
        w, states = self.weights, cache or States(self, len(ids))
        x = self._dropped(w["characters"][ids], rng)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            read = self._on_numpy if isinstance(x, np.ndarray) else self._on_torch
            x, states.layers[layer] = read(block, x, states.layers[layer])
            x = self._dropped(x, rng)
        states.length += ids.shape[1]
        x = x if last is None else x[:, -last:]
        return x @ (w["characters"] * x.shape[2] ** -0.5 if self.config.tied else w["head"]).T

    def _dropped(self, x: Array, rng: np.random.Generator | None) -> Array:
        return x if rng is None or self.config.dropout == 0 else ops(x).dropout(x, self.config.dropout, rng)

    def _on_numpy(self, block: dict, x: Array, state: Array) -> tuple[Array, Array]:
        """One layer: (B, T, C) and its state (1 or 2, B, C) -> the same of the outputs."""
        inputs, outputs = x @ block["input"].T + block["input_bias"], np.empty_like(x)
        for t in range(x.shape[1]):
            state = self.step(inputs[:, t], state[0] @ block["recurrent"].T + block["recurrent_bias"], state)
            outputs[:, t] = state[0]
        return outputs, state

    def _on_torch(self, block: dict, x: Array, state: Array) -> tuple[Array, Array]:
        import torch

        weights = [block[name] for name in ("input", "recurrent", "input_bias", "recurrent_bias")]
        rest = (weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)  # biases, one layer, no dropout, ..., batch first
        if self.config.arch == "lstm":
            outputs, *state = torch.lstm(x, (state[:1], state[1:]), *rest)
            return outputs, torch.cat(state)
        return (torch.gru if self.config.arch == "gru" else torch.rnn_tanh)(x, state, *rest)

    @property
    def n_params(self) -> int:
        return sum(int(np.prod(array.shape)) for array in self.weights.values())


def _rnn(of_input: Array, of_state: Array, state: Array) -> Array:
    return np.tanh(of_input + of_state)[None]


def _gru(of_input: Array, of_state: Array, state: Array) -> Array:
    """Gates to reset and to keep, and what is new; each (B, C) of (B, 3 C)."""
    (reset, keep, new), (of_reset, of_keep, of_new) = (np.split(gates, 3, 1) for gates in (of_input, of_state))
    reset, keep = ops(new).sigmoid(reset + of_reset), ops(new).sigmoid(keep + of_keep)
    return (1 - keep) * np.tanh(new + reset * of_new) + keep * state


def _lstm(of_input: Array, of_state: Array, state: Array) -> Array:
    """Gates to write, to forget, what is new, and the gate to tell; each (B, C) of (B, 4 C)."""
    write, forget, new, tell = np.split(of_input + of_state, 4, 1)
    sigmoid = ops(new).sigmoid
    cells = sigmoid(forget) * state[1] + sigmoid(write) * np.tanh(new)
    return np.stack([sigmoid(tell) * np.tanh(cells), cells])

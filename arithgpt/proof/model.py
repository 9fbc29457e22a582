"""The weights of a model that can be proven, in float64: a GPT of one block whose heads read one cell each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arithgpt.config.schema import ModelConfig
from arithgpt.models.positions.page_coordinates import PageCoordinates
from arithgpt.proof.bounds import Floats, Interval, add, exact, linear, rms_norm
from arithgpt.proof.windows import Cell, Kind

AXES = "place", "number"
"""The axes along which every head must look: they make a cell unique."""


class NotCoveredError(ValueError):
    """The prover does not cover this task or model; the message says why, and what it covers."""


@dataclass(frozen=True)
class ProvableModel:
    """One block with fixed kernels.

    Args:
        config: of the model
        alphabet: the characters of the vocabulary, in the order of their ids
        weights: float64, by the names of the model's `state_dict`
    """

    config: ModelConfig
    alphabet: str
    weights: Mapping[str, Floats]

    @staticmethod
    def of(config: ModelConfig, alphabet: str, weights: Mapping[str, NDArray[Any]]) -> ProvableModel:
        """Check that the prover covers a model.

        Raises:
            NotCoveredError: it does not; in one line, with the field
        """
        check_config(config)
        model = ProvableModel(config, alphabet, {name: array.astype(np.float64) for name, array in weights.items()})
        unread = [number for number, axis in enumerate(PageCoordinates.axes) if axis not in AXES]
        if (model.of_attention("bias.strength")[:, unread] > 0).any():
            raise NotCoveredError("the kernels look along other axes than place and number")
        if (model.strengths <= 0).any() or (model.centres != np.round(model.centres)).any():
            raise NotCoveredError("the kernels need a strength above 0 and whole-number centres on place and number")
        return model

    def of_attention(self, name: str) -> Floats:
        """Return a weight of the attention."""
        return self.weights[f"blocks.0.attention.{name}"]

    @property
    def strengths(self) -> Floats:
        """(H, 2), on place and number."""
        return self.of_attention("bias.strength")[:, [PageCoordinates.axes.index(axis) for axis in AXES]]

    @property
    def centres(self) -> Floats:
        """(H, 2), on place and number."""
        return self.of_attention("bias.centre")[:, [PageCoordinates.axes.index(axis) for axis in AXES]]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that the heads read, and the cell of the character written last, which every window shows."""
        read = {Cell(int(place), int(number)) for place, number in self.centres.tolist()}
        return tuple(sorted(read | {Cell(-1, 0)}))

    @property
    def head(self) -> Floats:
        """(V, C): the output head."""
        if self.config.tied:
            return self.weights["token_embedding.weight"] * float(np.float32(self.config.n_embd**-0.5))
        return self.weights["head.weight"]

    def embeddings(self, kinds: tuple[Kind, ...]) -> Interval:
        """Return the residual stream of each kind of character before the block: (kinds, C)."""
        characters = [self.alphabet.index(kind.character) for kind in kinds]
        marks = [1 + self.alphabet.index(kind.mark) if kind.mark else 0 for kind in kinds]
        token, mark = self.weights["token_embedding.weight"], self.weights["positions.mark_embedding"]
        return add(exact(token[characters]), exact(mark[marks]))

    @property
    def bos(self) -> Interval:
        """(1, C): the residual stream of the bos token."""
        return exact(self.weights["positions.bos_embedding"][None])

    def queries_keys_values(self, x: Interval) -> tuple[Interval, Interval, Interval]:
        """Compute queries, keys and values of tokens (n, C): three of (n, H, D)."""
        qkv = linear(rms_norm(x, self.weights["blocks.0.attention_norm.weight"]), self.of_attention("qkv.weight"))
        shape = len(x.middle), 3, self.config.heads[0], self.config.head_size
        q, k, v = (Interval(*(part.reshape(shape)[:, number] for part in qkv)) for number in range(3))
        return rms_norm(q, self.of_attention("q_norm.weight")), rms_norm(k, self.of_attention("k_norm.weight")), v


def check_config(config: ModelConfig) -> None:
    """Check that this is a GPT of one block with fixed kernels.

    Raises:
        NotCoveredError: it is not; in one line, with the field
    """
    needed: dict[str, object] = {"arch": "gpt", "positions": "page", "n_layer": 1, "loops": 1, "norm": "rms"}
    needed |= {"activation": "gelu", "inject": False}
    for field, value in needed.items():
        if (found := getattr(config, field)) != value:
            raise NotCoveredError(f"model.{field} = {found!r}: prove covers {value!r}")
    if config.kernel_strength == 0:
        raise NotCoveredError("model.kernel_strength = 0: prove covers fixed kernels, as in model.kernel_strength = 25")
    if config.heads != config.kv_heads:
        raise NotCoveredError(f"model.n_kv_head = {config.n_kv_head}: prove covers 0")

"""The weights of a model that can be proven, in float64: a GPT of one block whose heads read one cell each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arithgpt.config.schema import ModelConfig
from arithgpt.models.positions.cell_coordinates import CellCoordinates
from arithgpt.proof.bounds import Floats, Interval, add, exact, linear, rms_norm
from arithgpt.proof.windows import Cell, Kind, NotCoveredError

COLUMN_AXES = "place", "digit", "digit of the line", "digit below a turn"
NUMBER_AXES = "number", "operand"
"""Every head must look along one axis of each kind: together they find one character. Along `step` it can look too."""


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
        assert model.head_cells  # made now, so that kernels that do not read single cells are refused
        return model

    def of_attention(self, name: str) -> Floats:
        """Return a weight of the attention."""
        return self.weights[f"blocks.0.attention.{name}"]

    @cached_property
    def head_cells(self) -> tuple[Cell, ...]:
        """The cell that each head reads.

        Raises:
            NotCoveredError: a head does not read one cell
        """
        strengths, centres = self.of_attention("bias.strength"), self.of_attention("bias.centre")
        return tuple(_cell(s, c) for s, c in zip(strengths, centres, strict=True))

    @property
    def least_strengths(self) -> Floats:
        """(H,): the strength of each head along the axis on which it is least."""
        strengths = self.of_attention("bias.strength")
        return np.asarray(np.where(strengths > 0, strengths, np.inf).min(1))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that the heads read, each once."""
        return tuple(dict.fromkeys(self.head_cells))

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


def _cell(strengths: Floats, centres: Floats) -> Cell:
    """Return the cell that a head of these kernels reads; NotCoveredError where there is none."""
    axes = {axis: centre for axis, s, centre in zip(CellCoordinates.axes, strengths, centres, strict=True) if s > 0}
    column, number = ([axis for axis in kind if axis in axes] for kind in (COLUMN_AXES, NUMBER_AXES))
    if len(column) != 1 or len(number) != 1 or axes.keys() - {column[0], number[0], "step"}:
        where = ", ".join(axes) or "no axis"
        raise NotCoveredError(
            f"a head looks along {where}: prove covers one of {', '.join(COLUMN_AXES)} with one of {', '.join(NUMBER_AXES)}, "
            "and step"
        )
    if any(centre != round(centre) for centre in axes.values()):
        raise NotCoveredError("a head has a centre that is no whole number: prove covers heads that read one cell")
    step = int(axes["step"]) if "step" in axes else None
    return Cell(int(axes[column[0]]), int(axes[number[0]]), column[0], number[0], step)

"""The sections of a recipe: every field with its type, its default and what it means.

    [model] [optim] [train] [data] [cot_removal] [init]

Each section is frozen and validated when it is made; a value out of range raises pydantic's ValidationError.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from arithgpt.models.positions.cell_coordinates import CellCoordinates
from arithgpt.models.positions.names import SCHEMES

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Sha256 = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]


def _check_positions(name: object) -> object:
    """Raise ValueError unless there is a position scheme of this name."""
    if not isinstance(name, str) or name not in SCHEMES:
        raise ValueError(f"must be one of {', '.join(map(repr, SCHEMES))}")
    return name


def _check_heads(heads: object) -> object:
    """Raise ValueError unless this is one number of heads, or a list of them."""
    numbers = list(heads) if isinstance(heads, list | tuple) else [heads]
    if not numbers or not all(type(n) is int and 1 <= n <= 64 for n in numbers):
        raise ValueError("must be a whole number from 1 to 64, or a list of one for each block")
    return heads


class Names(NamedTuple):
    """Marks a field whose values are these names, for its description; a validator beside it checks them."""

    names: Collection[str]


Heads = Annotated[int | tuple[int, ...], BeforeValidator(_check_heads)]
Positions = Annotated[str, BeforeValidator(_check_positions), Names(SCHEMES)]


class Section(BaseModel):
    """A table of a recipe: frozen, without unknown fields, with finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def check_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        """Raise ValueError for True or False in a number: pydantic takes them as 1 and 0."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation in (int, float):
            raise ValueError("must be a number")
        return value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the fields, without the properties that were computed from them."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


class ModelConfig(Section):
    """Architecture, size and shape of the model."""

    arch: Literal["gpt", "encoder-decoder", "rnn", "lstm", "gru"] = "gpt"
    """Architecture. A recurrent network (rnn, lstm, gru) uses only n_layer, n_embd, tied and dropout."""
    n_layer: Annotated[int, Field(ge=1, le=64)] = 2
    """Number of transformer blocks (of the encoder and of the decoder each), or of recurrent layers."""
    n_head: Heads = 4
    """Attention heads per block, or a list with one number per block: [28, 16, 8]. Divides n_embd where head_dim is 0."""
    n_embd: Annotated[int, Field(ge=8, le=4096)] = 32
    """Width of the residual stream, or of a recurrent layer."""
    head_dim: Annotated[int, Field(ge=0, le=512)] = 0
    """Width of a head; 0 means n_embd / n_head."""
    mlp_ratio: Annotated[int, Field(ge=1, le=16)] = 4
    """Hidden width of a block's MLP, as a multiple of n_embd."""
    positions: Positions = "page"
    """Position scheme (arithgpt/models/positions). The default of an encoder-decoder is sinusoidal."""
    block_size: Annotated[int, Field(ge=8, le=65536)] = 128
    """Longest page in characters for learned and randomized positions; for abacus and coupled, the most digits of a number.
    Other schemes have no limit."""
    kernel_strength: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """If above 0, each head of the page positions reads one cell by a kernel of this fixed strength, so that the model can be
    proven (arithgpt prove); 0 means that strengths and centres are learned."""
    kernel_heads: tuple[dict[str, int], ...] = ()
    """With kernel_strength above 0: the cell that each head reads, as axes of cell_coordinates.py with their centres, used
    cyclically; empty for the four cells of arithmetic in columns."""
    norm: Literal["rms", "layer"] = "rms"
    """RMSNorm or LayerNorm, with a learned scale and no bias."""
    activation: Literal["gelu", "relu2", "swiglu"] = "gelu"
    """Activation of the MLP: GELU, squared ReLU (2109.08668) or SwiGLU (2002.05202), which has a third matrix."""
    tied: bool = False
    """Share the token embeddings, divided by sqrt(n_embd), with the output head."""
    n_kv_head: Annotated[int, Field(ge=0, le=64)] = 0
    """Heads of keys and values for grouped-query attention (2305.13245); 0 means as many as n_head."""
    loops: Annotated[int, Field(ge=1, le=64)] = 1
    """How many times the stack of blocks is applied (looped transformer, 2409.15647)."""
    inject: bool = False
    """Add the embeddings again before each loop after the first."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout probability of the embeddings and of the output of each part of a block."""
    prompt_end: Annotated[str, Field(min_length=1, max_length=16)] = "="
    """Where an encoder stops reading: after the first occurrence of this text on the page."""

    @model_validator(mode="before")
    @classmethod
    def _default_positions(cls, values: Any) -> Any:
        """An encoder-decoder has sinusoidal positions where none are named (1706.03762)."""
        if isinstance(values, dict) and values.get("arch") == "encoder-decoder":
            return {"positions": "sinusoidal"} | values
        return values

    @model_validator(mode="after")
    def _check_encoder_positions(self) -> ModelConfig:
        if self.reads_question and not SCHEMES[self.positions].is_embedding:
            known = ", ".join(name for name, scheme in SCHEMES.items() if scheme.is_embedding)
            raise ValueError(f"positions = {self.positions!r}: arch = 'encoder-decoder' takes {known}")
        return self

    @model_validator(mode="after")
    def _check_kernels(self) -> ModelConfig:
        if self.kernel_strength and (self.arch, self.positions) != ("gpt", "page"):
            raise ValueError(f"kernel_strength = {self.kernel_strength:g}: needs arch = 'gpt' and positions = 'page'")
        if self.kernel_heads and not self.kernel_strength:
            raise ValueError("kernel_heads: needs kernel_strength above 0")
        for head in self.kernel_heads:
            if unknown := head.keys() - set(CellCoordinates.axes):
                raise ValueError(f"kernel_heads: no axis {min(unknown)!r}; there are: {', '.join(CellCoordinates.axes)}")
        return self

    @model_validator(mode="after")
    def _check_head_shapes(self) -> ModelConfig:
        if not self.attends:
            return self
        if isinstance(self.n_head, tuple):
            if len(self.n_head) != self.n_layer:
                raise ValueError(f"n_head = {list(self.n_head)}: must be one number, or {self.n_layer}: one for each block")
            if self.head_dim == 0:
                raise ValueError(f"n_head = {list(self.n_head)}: head_dim must be set where the blocks differ in heads")
        elif self.head_dim == 0 and self.n_embd % self.n_head:
            raise ValueError(f"n_embd = {self.n_embd}: must be a multiple of n_head = {self.n_head}")
        if any(n_head % n_kv_head for n_head, n_kv_head in zip(self.heads, self.kv_heads, strict=True)):
            raise ValueError(f"n_kv_head = {self.n_kv_head}: must divide n_head = {self.n_head}")
        return self

    @cached_property
    def attends(self) -> bool:
        """Whether the architecture has attention, so that heads and positions matter."""
        return self.arch in ("gpt", "encoder-decoder")

    @property
    def max_length(self) -> int | None:
        """The most characters of a page; None where there is no limit."""
        return self.block_size if self.attends and SCHEMES[self.positions].is_limited else None

    @property
    def reads_question(self) -> bool:
        """Whether an encoder reads the prompt up to prompt_end."""
        return self.arch == "encoder-decoder"

    @cached_property
    def heads(self) -> tuple[int, ...]:
        """Attention heads of each block."""
        return self.n_head if isinstance(self.n_head, tuple) else (self.n_head,) * self.n_layer

    @cached_property
    def kv_heads(self) -> tuple[int, ...]:
        """Heads of keys and values of each block."""
        return (self.n_kv_head,) * self.n_layer if self.n_kv_head else self.heads

    @cached_property
    def head_size(self) -> int:
        """Width of a head."""
        return self.head_dim or self.n_embd // self.heads[0]


class OptimConfig(Section):
    """Optimiser and learning-rate schedule."""

    name: Literal["muon", "adamw"] = "muon"
    """muon: Muon for the matrices of the blocks and AdamW for all other weights; adamw: AdamW for all weights."""
    muon_lr: Annotated[float, Field(gt=0, le=1)] = 0.03
    """Peak learning rate of Muon."""
    adamw_lr: Annotated[float, Field(gt=0, le=1)] = 5e-3
    """Peak learning rate of AdamW."""
    weight_decay: Fraction = 0.0
    """Decoupled weight decay of matrices."""
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    """Steps over which the learning rate rises linearly from zero."""
    cooldown_fraction: Fraction = 0.5
    """Fraction of all steps, at the end, over which the learning rate falls linearly to zero."""
    grad_clip: Annotated[float, Field(gt=0)] = 1.0
    """Maximum norm of the gradient."""


class TrainConfig(Section):
    """Batch size, length of training, validation and checkpoints."""

    batch_size: Annotated[int, Field(ge=1, le=1 << 20)] = 64
    """Problems per step."""
    max_steps: Annotated[int, Field(ge=1, le=100_000_000)] = 500
    """Maximum number of steps."""
    target_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.999
    """Exact match on held-out problems that every length of training must reach."""
    stop_early: bool = True
    """Stop when target_accuracy holds in two validations in a row."""
    until_proven: bool = False
    """Stop when the run is proven for every length, not when it reaches the target. From then on each validation tries to prove
    it, and problems that show what is not proven yet are learned beside the others."""
    eval_every: Positive = 40
    """Steps between two validations."""
    eval_samples: Positive = 256
    """Held-out problems per length in each validation."""
    checkpoint_every: Positive = 200
    """Steps between two checkpoints."""


class DataConfig(Section):
    """Training data other than an endless stream of new problems."""

    train_size: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Number of different training problems, repeated and reshuffled each epoch; 0 means an endless stream."""
    pages: str = ""
    """File of extra pages to learn, as `arithgpt improve` writes it; empty means none."""
    pages_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Fraction of each batch that comes from that file."""
    pages_sha256: Sha256 = ""
    """SHA-256 of that file. It is filled in when the run begins; another file is refused afterwards."""


class CotRemovalConfig(Section):
    """Training that removes the scratchpad step by step, from its start, until only the answer is left (2405.14838)."""

    every: Annotated[int, Field(ge=0)] = 0
    """Steps between two removals; 0 means that nothing is removed. Needs task.scratchpad = false."""
    characters: Positive = 1
    """Characters removed each time."""
    after: Annotated[int, Field(ge=0)] = 0
    """Steps of training on the whole scratchpad before the first removal."""
    smoothing: Annotated[float, Field(ge=0, le=100)] = 0.0
    """If above 0, each page may lose o further characters, with probability proportional to exp(-smoothing * o)."""
    reset: bool = True
    """Reset the state of the optimiser at each removal."""


class InitConfig(Section):
    """The initial weights."""

    run: str = ""
    """The run whose weights training begins with; empty means random weights."""
    weights: Sha256 = ""
    """SHA-256 of those weights. It is filled in when the run begins; other weights are refused afterwards."""

"""The shape of an exported GPT, as transformers reads it from config.json. Each exported folder has a copy of this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PretrainedConfig


class ArithGPTConfig(PretrainedConfig):
    """The shape of a GPT over the characters of an alphabet, and what it was trained on.

    Args:
        alphabet: the characters of the vocabulary, in the order of their ids
        n_layer: transformer blocks
        n_embd: width of the residual stream
        heads: attention heads of each block
        kv_heads: heads of keys and values of each block
        head_size: width of a head
        mlp_ratio: hidden width of an MLP, as a multiple of n_embd
        positions: name of the position scheme
        block_size: longest page of learned and randomized positions; for abacus and coupled, the most digits of a number
        max_position_embeddings: the most characters of a page; None for no limit
        kernel_strength, kernel_heads: kernels of the page positions that are fixed
        norm: "rms" or "layer"
        activation: "gelu", "relu2" or "swiglu"
        tied: whether the head shares the token embeddings
        loops: how many times the blocks are applied
        inject: whether the embeddings are added again before each loop
        dropout: probability while training
        task: the name and the options of the task of training; None for a text
        eos_token_id: id of the stop; None where nothing ends a text
        pad_token_id: id that pads
        fields: what every config of transformers takes
    """

    model_type = "arithgpt"
    attribute_map = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer"}  # noqa: RUF012  never changed
    keys_to_ignore_at_inference = ["past_key_values", "cache"]  # noqa: RUF012

    def __init__(
        self,
        alphabet: str = "0123456789+=$",
        n_layer: int = 2,
        n_embd: int = 32,
        heads: Sequence[int] = (4, 4),
        kv_heads: Sequence[int] = (4, 4),
        head_size: int = 8,
        mlp_ratio: int = 4,
        positions: str = "page",
        block_size: int = 128,
        max_position_embeddings: int | None = None,
        kernel_strength: float = 0.0,
        kernel_heads: Sequence[Mapping[str, int]] = (),
        norm: str = "rms",
        activation: str = "gelu",
        tied: bool = False,
        loops: int = 1,
        inject: bool = False,
        dropout: float = 0.0,
        task: Mapping[str, Any] | None = None,
        eos_token_id: int | None = None,
        pad_token_id: int | None = None,
        **fields: Any,
    ) -> None:
        self.alphabet, self.vocab_size = alphabet, len(alphabet)
        self.n_layer, self.n_embd, self.mlp_ratio = n_layer, n_embd, mlp_ratio
        self.heads, self.kv_heads, self.head_size = list(heads), list(kv_heads), head_size
        self.positions, self.block_size, self.max_position_embeddings = positions, block_size, max_position_embeddings
        self.kernel_strength, self.kernel_heads = kernel_strength, [dict(head) for head in kernel_heads]
        self.norm, self.activation, self.tied = norm, activation, tied
        self.loops, self.inject, self.dropout = loops, inject, dropout
        self.task = None if task is None else dict(task)
        fields |= {"eos_token_id": eos_token_id, "pad_token_id": pad_token_id}
        fields |= {"tie_word_embeddings": False}  # a tied head has no weight of its own
        super().__init__(**{name: value for name, value in fields.items() if name != "vocab_size"})
        self.eos_token_id, self.pad_token_id = eos_token_id, pad_token_id  # not every version sets them

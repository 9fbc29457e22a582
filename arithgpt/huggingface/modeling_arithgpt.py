"""The GPT of a run as a causal language model of transformers. Each exported folder has a copy of this file.

    model = AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True)
    model(input_ids).logits                        # int64 (B, T) -> float32 (B, T, vocabulary)
    model.generate(**tokenizer(["21+43="], return_tensors="pt"))

Rows of a batch may have different lengths: with an `attention_mask` that hides their padding they are computed in groups of
equal padding, each as if it were alone. `generate` takes padding on the left only.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from arithgpt.huggingface.configuration_arithgpt import ArithGPTConfig
from arithgpt.models.gpt import GPT
from arithgpt.models.kv_cache import KVCache
from arithgpt.models.positions.absolute import (
    LearnedPositions,
    RandomizedPositions,
    RandomizedSinusoidalPositions,
    SinusoidalPositions,
)
from arithgpt.models.positions.base import PositionScheme
from arithgpt.models.positions.digits import AbacusPositions, CoupledPositions
from arithgpt.models.positions.kernels import ExpressionPagePositions, PagePositions
from arithgpt.models.positions.relative import AlibiPositions, FirePositions, RotaryPositions, T5Positions

SCHEMES: dict[str, type[PositionScheme]] = {
    "page": PagePositions,
    "expression_page": ExpressionPagePositions,
    "learned": LearnedPositions,
    "sinusoidal": SinusoidalPositions,
    "randomized": RandomizedPositions,
    "randomized-sinusoidal": RandomizedSinusoidalPositions,
    "abacus": AbacusPositions,
    "coupled": CoupledPositions,
    "rope": RotaryPositions,
    "alibi": AlibiPositions,
    "t5": T5Positions,
    "fire": FirePositions,
    "none": PositionScheme,
}
"""The position schemes by name. The folder holds them all, so none is looked up by the name of a module."""

CACHE = "cache" if "cache" in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters else "past_key_values"
"""What this version of transformers calls a key-value cache."""
CHUNK = 64  # characters of a prompt read at once, as arithgpt decodes: kernels are exact at any length only beyond whole pages
PAD_LEFT = (
    "attention_mask: has padding on the right; pad on the left to decode: tokenizer(..., padding=True, padding_side='left')"
)
LIMITS = {"max_length", "max_new_tokens", "generation_config"}
"""Options of `generate` that say how long a page may become."""
NO_TARGET = -100  # what transformers takes for a label that does not count


class ExportedGPT(GPT):
    """The GPT, with the position schemes of this file."""

    def make_positions(self) -> PositionScheme:
        """Make the position scheme that the config names."""
        return SCHEMES[self.config.positions](self.config, self.alphabet)


class PageCache:
    """The key-value caches of a batch: one for each group of rows with equally much padding.

    Args:
        gpt: makes the caches
        groups: for each group its rows, int64 (rows,), and how many columns of padding they begin with
    """

    is_compileable = False

    def __init__(self, gpt: GPT, groups: list[tuple[Tensor, int]]) -> None:
        self.rows = [rows for rows, _ in groups]
        self.padding = [padding for _, padding in groups]
        self.caches = [gpt.new_cache(len(rows), 2 * CHUNK) for rows in self.rows]
        self.length = 0
        """Columns of the batch that have been read, padding included."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many columns have been read."""
        return self.length

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Let row i go on from what row beam_idx[i] was; a beam has the padding of its prompt."""
        for number, rows in enumerate(self.rows):
            order = (beam_idx[:, None] == rows).nonzero()  # (rows, 2): a new row, and its place among the old ones
            self.rows[number] = order[:, 0]
            self.caches[number].keep(order[:, 1])

    def read(self, gpt: GPT, ids: Tensor, n: int) -> Tensor:
        """Read the next columns (B, T); return the logits (B, n, V) after the last n of them, zeros at padding."""
        logits = gpt.token_embedding.weight.new_zeros(len(ids), n, len(gpt.alphabet))
        for rows, padding, cache in zip(self.rows, self.padding, self.caches, strict=True):
            own = ids[rows, max(padding - self.length, 0) :]
            make_room(cache, own.shape[1] + 1)  # and the bos token
            last = 1 if n == 1 else None
            parts = [gpt(own[:, start : start + CHUNK], cache, last) for start in range(0, own.shape[1], CHUNK)]
            found = torch.cat(parts, 1)[:, -n:]
            logits[rows, n - found.shape[1] :] = found
        self.length += ids.shape[1]
        return logits


def make_room(cache: KVCache, n: int) -> None:
    """Enlarge a cache where n more tokens do not fit; at least twofold, so that copying it costs little."""
    size = cache.cells.shape[1] - 1
    if (missing := cache.length + n - size) > 0:
        more = (0, 0, 0, max(missing, size))
        cache.keys_values = [F.pad(keys_values, more) for keys_values in cache.keys_values]
        cache.cells = F.pad(cache.cells, more)


def groups_of(mask: Tensor | None, ids: Tensor) -> list[tuple[Tensor, int, int]]:
    """Group rows by their padding.

    Args:
        mask: (B, T), 0 at padding; None for no padding
        ids: int64 (B, T)

    Returns:
        For each group: its rows, int64 (rows,), their first column that is no padding, and the column after the last.

    Raises:
        ValueError: the mask has another shape, or a row has no ones, or zeros between them
    """
    n_columns = ids.shape[1]
    if mask is not None and mask.shape != ids.shape:
        raise ValueError(f"attention_mask: has the shape {tuple(mask.shape)}; it must be {tuple(ids.shape)}, that of the ids")
    if mask is None or bool(mask.all()):
        return [(torch.arange(len(ids), device=ids.device), 0, n_columns)]
    shown = mask.bool()
    first, count = shown.int().argmax(1), shown.sum(1)
    column = torch.arange(n_columns, device=ids.device)
    whole = (column >= first[:, None]) & (column < (first + count)[:, None])
    if bool((count == 0).any()) or bool((shown != whole).any()):
        raise ValueError("attention_mask: the ones of a row must stand together, at least one: padding is at an end of a page")
    spans = torch.stack([first, first + count], 1)
    groups = []
    for span in spans.unique(dim=0):
        start, end = span.tolist()
        groups.append(((spans == span).all(1).nonzero()[:, 0], start, end))
    return groups


class ArithGPTForCausalLM(PreTrainedModel, GenerationMixin):
    """A GPT over the characters of an alphabet, with its own position schemes and key-value cache."""

    config_class = ArithGPTConfig
    base_model_prefix = "gpt"
    _is_stateful = True  # its cache cannot be cut back, as assisted decoding would have to

    def __init__(self, config: ArithGPTConfig) -> None:
        super().__init__(config)
        self.gpt = ExportedGPT(config, config.alphabet)
        if self.gpt.device.type != "meta":  # else weights are loaded next
            self.gpt.init_weights(np.random.default_rng(int(torch.randint(1 << 31, ()))))
        self.post_init()

    @classmethod
    def from_pretrained(cls, *args: Any, **options: Any) -> Any:
        """Load a folder. The tables that are computed and not saved are made anew: transformers leaves them undefined."""
        loaded = super().from_pretrained(*args, **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        with torch.device("cpu"):
            computed = dict(ExportedGPT(model.config, model.config.alphabet).named_buffers())
        saved = model.gpt.state_dict().keys()
        with torch.no_grad():
            for name, buffer in model.gpt.named_buffers():
                if name not in saved:
                    buffer.copy_(computed[name])
        return loaded

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        """Whether `generate` should make a cache of its own: the cells of a page need this file's."""
        return False

    def _init_weights(self, module: nn.Module) -> None:
        """Do nothing: `__init__` has drawn the weights."""

    def get_input_embeddings(self) -> nn.Module:
        """Return the token embeddings."""
        return self.gpt.token_embedding

    def get_output_embeddings(self) -> nn.Module | None:
        """Return the head; None where it shares the token embeddings."""
        return self.gpt.head

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: PageCache | None = None,
        cache: PageCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        return_dict: bool | None = None,
    ) -> Any:
        """Compute the logits of the character after each token.

        Args:
            input_ids: int64 (B, T): whole pages, or with a cache the characters that follow those it holds
            attention_mask: (B, T) or with a cache (B, columns it holds + T), 0 at padding; None for no padding
            past_key_values, cache: what an earlier call returned, under either name
            labels: int64 (B, T), -100 where none counts: the loss is that of each label after the characters before it
            use_cache: whether to return a cache; None for no
            logits_to_keep: compute only the last so many columns, as decoding does; 0 for all
            return_dict: False for a tuple

        Returns:
            loss; logits, float32 (B, T, V), or (B, logits_to_keep, V), zeros at padding; the cache.

        Raises:
            ValueError: the mask cannot be used, a page is longer than the positions reach, or the weights are in half precision
        """
        if self.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype = {self.dtype}: page coordinates need torch.float32")
        held, n_columns = cache if cache is not None else past_key_values, input_ids.shape[1]
        use_cache = bool(use_cache) or held is not None
        if use_cache or logits_to_keep:
            held = self._cache_for(held, attention_mask, input_ids)
            logits = held.read(self.gpt, input_ids, min(logits_to_keep or n_columns, n_columns))
        else:
            logits = self._whole_pages(input_ids, attention_mask)
        loss = None if labels is None else self._loss(logits, labels, attention_mask)
        output = CausalLMOutputWithPast(loss=loss, logits=logits, **{CACHE: held if use_cache else None})
        return output.to_tuple() if return_dict is False else output

    def _whole_pages(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Compute all logits of whole pages: (B, T, V)."""
        groups = groups_of(mask, ids)
        for _, first, end in groups:
            self._check_length(end - first)
        if len(groups) == 1 and groups[0][1:] == (0, ids.shape[1]):
            return self.gpt(ids)
        logits = self.gpt.token_embedding.weight.new_zeros(*ids.shape, self.config.vocab_size)
        for rows, first, end in groups:
            logits[rows, first:end] = self.gpt(ids[rows, first:end])
        return logits

    def _cache_for(self, held: PageCache | None, mask: Tensor | None, ids: Tensor) -> PageCache:
        """Return the cache into which columns can be read, a new one where none is held."""
        if held is None:
            groups = groups_of(mask, ids)
            if any(end < ids.shape[1] for _, _, end in groups):
                raise ValueError(PAD_LEFT)
            held = PageCache(self.gpt, [(rows, first) for rows, first, _ in groups])
        elif mask is not None and not bool(mask[:, held.length :].all()):
            raise ValueError("attention_mask: padding can stand only before a page that is being decoded")
        self._check_length(held.length + ids.shape[1] - min(held.padding))
        return held

    def _check_length(self, length: int) -> None:
        """ValueError where a page is longer than the positions reach."""
        most = self.config.max_position_embeddings
        if most is not None and length > most:
            raise ValueError(f"a page of {length} characters: {self.config.positions} positions end at {most}")

    def _loss(self, logits: Tensor, labels: Tensor, mask: Tensor | None) -> Tensor:
        """Compute the mean cross entropy of labels (B, T), in nats, each from the logits one column before."""
        targets = labels[:, 1:]
        if mask is not None:
            targets = targets.masked_fill(mask[:, :-1] == 0, NO_TARGET)
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET)

    @torch.no_grad()
    def generate(self, inputs: Tensor | None = None, *args: Any, **options: Any) -> Any:
        """Write after each prompt; arguments as those of every model of transformers.

        Raises:
            ValueError: a prompt is empty, has padding on the right, or contains the stop, after which nothing is written
        """
        ids, mask = inputs if inputs is not None else options.get("input_ids"), options.get("attention_mask")
        if ids is None or ids.ndim != 2 or 0 in ids.shape:
            raise ValueError("generate: needs input_ids, int64 (B, T) with at least one character in each row")
        if mask is not None and not bool(mask[:, -1].all()):
            raise ValueError(PAD_LEFT)
        is_stop = ids == (-1 if self.config.eos_token_id is None else self.config.eos_token_id)
        if bool((is_stop if mask is None else is_stop & (mask != 0)).any()):
            raise ValueError(
                "generate: a prompt contains the stop, after which nothing is written; where it is padding, pad on the left, "
                "and pass the attention_mask of the tokenizer"
            )
        longest = self.config.max_position_embeddings
        if longest is not None and not args and not options.keys() & LIMITS:
            options["max_length"] = longest
        return super().generate(inputs, *args, **options)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: PageCache | None = None,
        cache: PageCache | None = None,
        use_cache: bool | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Choose what `forward` is given in a step: the columns that the cache does not hold."""
        held = cache if cache is not None else past_key_values
        ids = input_ids if held is None else input_ids[:, held.length :]
        return {CACHE: held, "input_ids": ids, "attention_mask": attention_mask, "use_cache": use_cache, "logits_to_keep": 1}


# So that `save_pretrained` copies the source along.
ArithGPTConfig.register_for_auto_class()
ArithGPTForCausalLM.register_for_auto_class("AutoModelForCausalLM")

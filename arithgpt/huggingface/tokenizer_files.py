"""The characters of a model as a tokeniser for transformers: one token for each, with no code of its own."""

from __future__ import annotations

from typing import Any, Final

from tasks import STOP

UNKNOWN: Final = "<unknown>"
"""Is in no vocabulary, so that a character which the model does not know raises an error."""


def tokenizer_files(alphabet: str, *, stop: str | None = STOP) -> dict[str, Any]:
    """Return the content of tokenizer.json and tokenizer_config.json, as values for JSON.

    Args:
        alphabet: the characters of the vocabulary, in the order of their ids
        stop: the character that ends a page, which also pads; None where there is none
    """
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [] if stop is None else [{"id": alphabet.index(stop), "content": stop} | special],
        "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": {char: id for id, char in enumerate(alphabet)}, "unk_token": UNKNOWN},
    }
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "padding_side": "left",
    }
    if stop is not None:
        settings |= {"eos_token": stop, "pad_token": stop}
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": settings}

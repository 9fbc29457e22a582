"""Load a causal language model from a local folder with transformers (the extra `hf`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval.solver import MissingExtra


def read_settings(folder: str | Path, name: str = "config.json") -> dict[str, Any]:
    """Read a JSON file of a model's folder; empty where there is none that can be read. No code is run."""
    try:
        settings = json.loads((Path(folder) / name).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def has_code(folder: str | Path) -> bool:
    """Tell whether transformers needs to run code in a folder to load the model or its tokeniser."""
    return any("auto_map" in read_settings(folder, name) for name in ("config.json", "tokenizer_config.json"))


def load_local(folder: str | Path, device: str, *, trust_remote_code: bool = False) -> tuple[Any, Any]:
    """Load the tokeniser and the model, without the model's own settings for sampling, penalties and the like.

    Args:
        folder: In the format of Hugging Face. Nothing is fetched from the network.
        device: A torch device.
        trust_remote_code: Whether code in the folder may be run.

    Raises:
        MissingExtra: transformers is not installed.
        ValueError: no model can be loaded.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra("hf") from None
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        options = {"local_files_only": True, "trust_remote_code": trust_remote_code}
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
        model = AutoModelForCausalLM.from_pretrained(str(folder), **options).to(device)
    except Exception as error:  # a file that is no model can raise anything
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"{folder}: no causal language model can be loaded: {why}") from None
    finally:
        if showed_progress:
            logging.enable_progress_bar()
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    ends = [end for end in dict.fromkeys([*ends, tokenizer.eos_token_id]) if end is not None]
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (ends or [0])[0]
    model.generation_config = GenerationConfig(eos_token_id=ends or None, pad_token_id=padding)
    return tokenizer, model

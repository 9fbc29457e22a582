"""Runs on disk that need no training, exported for transformers and loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.models import random_model

from arithgpt.config.recipe import Recipe
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.huggingface.export import export_run
from arithgpt.inference.generate import stream
from arithgpt.models.language_model import LanguageModel
from arithgpt.run_folder import RunFolder
from arithgpt.training.checkpoint import save_tensors, write_atomic


def random_run(folder: Path, task: dict[str, Any] | None = None, **model: Any) -> RunFolder:
    """Make a run in a folder, of `add` where nothing else is said, whose weights are all random."""
    recipe = Recipe.from_dict({"task": task or {"name": "add", "digits": "1-3"}, "model": model}, "test")
    weights = random_model(recipe.alphabet, **recipe.model.model_dump()).state_dict()
    folder.mkdir()
    write_atomic(folder / "recipe.toml", recipe.to_toml())
    notes = {"identity": recipe.resume_identity, "alphabet": recipe.alphabet}
    save_tensors(folder / "weights.safetensors", weights, notes)
    return RunFolder(folder)


def load_exported(folder: Path) -> tuple[Any, Any]:
    """Load the tokeniser and the model of a folder, as the model card does."""
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer, transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)


def exported(run: RunFolder, folder: Path) -> tuple[LanguageModel, Any, Any]:
    """Export a run, and load it: the run's own model, the tokeniser and the exported model."""
    export_run(run, folder)
    model = run.load_model()
    assert isinstance(model, LanguageModel)
    return model, *load_exported(folder)


def greedy(model: LanguageModel, prompt: str, n: int) -> str:
    """What a run writes after one prompt: at most n characters, up to the stop and with it."""
    return "".join(stream(model, Tokenizer(model.alphabet), prompt, n))

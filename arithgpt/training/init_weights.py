"""Resolve a recipe when its run begins, and take the initial weights from another run: `train --from pre`.

    [init]
    run = "pre"
    weights = "5f0c..."     the hash of its weights, filled in when the run begins, and checked where it is given

Weights with a row for each character are matched by character: rows of characters that both runs know are copied, and new
characters keep the values drawn for them. The optimiser starts without state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from arithgpt.config.recipe import ModelConfig, Recipe
from arithgpt.data.pseudo_labels import read_pages
from arithgpt.errors import UserError
from arithgpt.models.language_model import LanguageModel

BY_CHARACTER = {"token_embedding.weight": 0, "head.weight": 0, "positions.mark_embedding": 1}
"""Weights with a row for each character, and the row of the first character; row 0 of `mark_embedding` means no mark."""

BY_INDEX = ("learned", "randomized", "abacus", "coupled")
"""Position schemes whose weights have a row for each of block_size positions."""


def resolve(recipe: Recipe) -> Recipe:
    """Fill in what is only known when a run begins, so that the recipe says exactly what is learned.

    That is the characters and the hash of a text, the hash of the weights of another run, and the hash of a file of pages.

    Args:
        recipe: of a new run

    Raises:
        UserError: the text or the pages cannot be learned, or the other run is missing, has other weights than the recipe says,
            or another shape
    """
    sections: dict[str, Any] = {}
    if recipe.text:
        sections["task"] = recipe.text.resolve()
    if recipe.init.run:
        sections["init"] = recipe.init.model_copy(update={"weights": weights_hash(_other_model(recipe).state_dict())})
    if recipe.data.pages:
        sections["data"] = recipe.data.model_copy(update={"pages_sha256": read_pages(recipe)[1]})
    return recipe.replace(**sections) if sections else recipe


def initial_weights(recipe: Recipe, alphabet: str, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the initial weights that a recipe takes from another run.

    Args:
        recipe: resolved, with an `init.run`
        alphabet: the characters of the new run
        drawn: weights drawn for the new run; they give the rows of characters that the other run does not know

    Returns:
        Tensors on the CPU, by the names of the model's `state_dict`.

    Raises:
        UserError: as `resolve`, or the recipe is not resolved
    """
    if not recipe.init.weights:
        raise UserError("init.weights: missing; init_weights.resolve fills it in")
    other = _other_model(recipe)
    known, given = other.alphabet, other.state_dict()
    if known == alphabet:
        return dict(given)
    shared = [char for char in alphabet if char in known]
    ours, theirs = (torch.tensor([chars.index(char) for char in shared], dtype=torch.long) for chars in (alphabet, known))
    weights = dict(given)
    for name, first_row in BY_CHARACTER.items():
        if name in given:
            weights[name] = drawn[name].cpu().clone()
            weights[name][:first_row] = given[name][:first_row]
            weights[name][first_row + ours] = given[name][first_row + theirs]
    return weights


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names, types, shapes and values of tensors; it does not depend on the file they come from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _other_model(recipe: Recipe) -> LanguageModel:
    """Load the model of the other run. UserError where its shape does not fit, or its weights are not those of the recipe."""
    from arithgpt.run_folder import find_run  # run_folder.py imports this package

    init = recipe.init
    run = find_run(init.run)
    ours, theirs = recipe.model, run.recipe.model
    for field in ModelConfig.model_fields:
        here, there = (getattr(config, field) for config in (ours, theirs))
        if _shape(ours, field) != _shape(theirs, field):
            raise UserError(f"model.{field} is {there!r} there and {here!r} here; both must be the same", "init.run", init.run)
    model = run.load_model("cpu")
    assert isinstance(model, LanguageModel)
    if init.weights not in ("", found := weights_hash(model.state_dict())):
        raise UserError(f"init.weights = {init.weights[:12]}...: the weights of run {init.run} are others, {found[:12]}...")
    return model


def _shape(config: ModelConfig, field: str) -> object:
    """Return what a field says about the shape of the weights; None where two models may differ in it."""
    if field == "dropout" or (field == "block_size" and config.positions not in BY_INDEX):
        return None
    shapes = {"n_head": config.heads, "n_kv_head": config.kv_heads, "head_dim": config.head_size}
    return shapes.get(field, getattr(config, field))

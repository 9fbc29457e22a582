"""How a run begins: what its recipe leaves open is put in, and its weights may be those of another run: `train --from pre`.

    [init]
    run = "pre"
    weights = "5f0c..."     the hash of its weights, put in when the run begins, and checked where it is there already

Rows that belong to characters go by character: what both alphabets have is taken over, what is new keeps its first values. The
optimiser begins afresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from arithgpt.config.recipe import ModelConfig, Recipe
from arithgpt.data.pseudo_labels import read_pages
from arithgpt.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from arithgpt.models.language_model import LanguageModel

BY_CHARACTER = {"token_embedding.weight": 0, "head.weight": 0, "positions.mark_embedding": 1}
"""Weights with a row for each character, and the row of the first; the first row of `mark_embedding` means no mark."""

BY_INDEX = ("learned", "randomized", "abacus", "coupled")
"""Position schemes with weights for each of block_size places."""


def resolve(recipe: Recipe) -> Recipe:
    """The recipe with all that is only known when a run begins: of a text its characters and the hash of its file, and the
    hashes of the weights it starts from and of the pages beside its task's.

    UserError where the text or the pages cannot be learned, or the other run is missing, has other weights than the recipe
    says, or another shape.
    """
    sections: dict[str, Any] = {}
    if recipe.text:
        sections["task"] = recipe.text.resolve()
    if recipe.init.run:
        sections["init"] = recipe.init.model_copy(update={"weights": weights_hash(_model(recipe).state_dict())})
    if recipe.data.pages:
        sections["data"] = recipe.data.model_copy(update={"pages_sha256": read_pages(recipe)[1]})
    return recipe.replace(**sections) if sections else recipe


def initial_weights(recipe: Recipe, alphabet: str, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights that training starts from: those of the other run, by character where they belong to characters.

    Args:
        recipe: resolved, with an `init.run`
        alphabet: the characters of the new run
        drawn: the weights that the new run would start from by itself; characters that only it has keep theirs

    Raises:
        UserError: as `resolve`, or the recipe is not resolved
    """
    if not recipe.init.weights:
        raise UserError("init.weights: missing; init_weights.resolve fills it in")
    other = _model(recipe)
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
    """Return the SHA-256 of named tensors, whatever file they came from and when it was written."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _model(recipe: Recipe) -> LanguageModel:
    """The model to start from. UserError where it is not the one that is meant, or its shape does not fit."""
    from arithgpt.run import find_run

    init = recipe.init
    run = find_run(init.run)
    ours, theirs = recipe.model, run.recipe.model
    for field in ModelConfig.model_fields:
        here, there = (getattr(config, field) for config in (ours, theirs))
        if _shape(ours, field) != _shape(theirs, field):
            raise UserError(f"--from {init.run}: model.{field} is {there!r} there and {here!r} here; both must be the same")
    model = run.load_model("cpu")
    if init.weights not in ("", found := weights_hash(model.state_dict())):
        raise UserError(f"init.weights = {init.weights[:12]}...: the weights of run {init.run} are others, {found[:12]}...")
    return model


def _shape(config: ModelConfig, field: str) -> object:
    """What a field decides, however it is written; None where it decides nothing that a start must share."""
    if field == "dropout" or (field == "block_size" and config.positions not in BY_INDEX):
        return None
    shapes = {"n_head": config.heads, "n_kv_head": config.kv_heads, "head_dim": config.head_size}
    return shapes.get(field, getattr(config, field))

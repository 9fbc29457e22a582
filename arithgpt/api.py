"""Train a run and load its model from Python, as the command line does.

run = arithgpt.train("add", digits="1-8", name="mine")
model = arithgpt.load("mine")                   # a torch.nn.Module in eval mode
logits = model(ids)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.inference.backend import Model
from arithgpt.proof.families.covered import load_provable
from arithgpt.run_folder import RunFolder, find_run, new_run, shipped_run
from arithgpt.runtime import resolve_device, resolve_precision
from arithgpt.training.callbacks import Callback
from arithgpt.training.init_weights import resolve
from arithgpt.training.trainer import Trainer


def train(
    task: str | None = None,
    *,
    digits: str | None = None,
    recipe: Recipe | Path | str | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    callback: Callback | None = None,
) -> RunFolder:
    """Train a new run.

    Call `arithgpt.runtime.configure` first for faster steps on a CPU, as the command line does; it changes the whole process.

    Args:
        task: name of the task; None for `add`, or for the task of the recipe
        digits: lengths of training: "8" is exactly 8, "1-8" each length from 1 to 8; None for those of the recipe
        recipe: a recipe or the path of a recipe file; None for the task's built-in recipe
        options: dotted field -> value, as in {"model.n_layer": 3}
        name: folder of the run under the runs folder; None makes one from the task
        device: auto, cpu or cuda
        precision: auto, float32 or bf16
        callback: is told how training goes

    Returns:
        The run, with its weights on disk.

    Raises:
        UserError: an option is out of range, the name is taken, or the data cannot be had
    """
    changes = dict(options or {}) | ({"task.digits": digits} if digits is not None else {})
    if isinstance(recipe, Recipe):
        plan = recipe if not changes else recipe.with_fields(changes)
    else:
        file = None if recipe is None else Path(recipe)
        plan = load_recipe(task=task, file=file, options=changes) if file else load_provable(task=task, options=changes)
    plan = resolve(plan)
    where = resolve_device(device)
    chosen = resolve_precision(precision, where)
    run = new_run(name, plan)
    try:
        Trainer(plan, run, device=where, precision=chosen, callback=callback).fit()
    except BaseException:
        run.discard()
        raise
    return run


def load(run: str | None = None, device: str = "cpu") -> Model:
    """Load the trained model of a run, in eval mode.

    Args:
        run: name or path of a run; None for the calculator that ships
        device: auto, cpu or cuda, or numpy for a NumpyGPT, which needs no torch

    Raises:
        UserError: there is no such run, or its weights are missing or damaged
    """
    source = find_run(run) if run is not None else shipped_run()
    return source.load_model(device if device == "numpy" else str(resolve_device(device)))

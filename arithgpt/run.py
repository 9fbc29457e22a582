"""A run on disk: the folder runs/NAME with its recipe, weights, log and what is known of how it was made.

recipe.toml  weights.safetensors  resume.safetensors  metrics.jsonl  run.json  eval.csv  eval.json
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError

if TYPE_CHECKING:
    from arithgpt.inference.generate import Model

SHIPPED = Path(__file__).parent / "pretrained"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a run may be called."""


def runs_folder() -> Path:
    """Where runs are kept: $ARITHGPT_RUNS, else `runs` in the working directory."""
    return Path(os.environ.get("ARITHGPT_RUNS") or "runs")


class Made(BaseModel):
    """What the list of runs tells of one, from its run.json."""

    parameters: int = 0
    step: int = 0
    status: Literal["unfinished", "interrupted", "finished", "reached target", "unreadable run.json", "unreadable recipe"] = (
        "unfinished"
    )
    accuracy: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    loss: Annotated[float, Field(ge=0)] | None = None

    @staticmethod
    def read(run: Run) -> Made:
        try:
            return Made.model_validate(run.info, strict=True)
        except ValidationError:
            return Made(status="unreadable run.json")


class Run:
    """One run's folder. Nothing is read until it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.resolve().name

    @cached_property
    def recipe(self) -> Recipe:
        """UserError where recipe.toml is missing or no recipe."""
        file = self.path / "recipe.toml"
        try:
            return Recipe.from_toml(file.read_text("utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None

    @property
    def task_name(self) -> str | None:
        """The task, or None where the recipe cannot be read."""
        try:
            return self.recipe.task.name
        except UserError:
            return None

    @cached_property
    def info(self) -> dict[str, Any]:
        """What run.json says; empty where it is missing or damaged."""
        try:
            info = json.loads((self.path / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return info if isinstance(info, dict) else {}

    @property
    def is_shipped(self) -> bool:
        """Whether it belongs to the installed package, where nothing is written."""
        return self.path.resolve().parent == SHIPPED.resolve()

    @property
    def has_weights(self) -> bool:
        return (self.path / "weights.safetensors").is_file()

    @property
    def weights_sha256(self) -> str:
        """Of the file of its weights."""
        return hashlib.sha256((self.path / "weights.safetensors").read_bytes()).hexdigest()

    @property
    def changed(self) -> float:
        """When weights or recipe were last written, in seconds since 1970."""
        files = [self.path / "weights.safetensors", self.path / "recipe.toml"]
        return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)

    def load_model(self, device: str = "cpu") -> Model:
        """Load the trained model in eval mode.

        Args:
            device: "cpu" or "cuda" for torch, "numpy" for a NumpyGPT where it computes such models, else torch on the CPU

        Raises:
            UserError: the weights are missing or damaged, or belong to another run
        """
        from arithgpt.inference.numpy_gpt import NumpyGPT, supports
        from arithgpt.training.checkpoint import load_tensors

        recipe, file = self.recipe, self.path / "weights.safetensors"
        if device == "numpy" and not supports(recipe.model):
            device = "cpu"
        weights, notes = load_tensors(file, device)
        mismatch = UserError(f"{file}: these are not the weights of {self.path / 'recipe.toml'}; they belong to another run")
        if notes.get("identity") != recipe.resume_identity:
            raise mismatch
        try:
            if device == "numpy":
                return NumpyGPT(recipe.model, recipe.alphabet, weights)
            from arithgpt.models import make_model

            model = make_model(recipe.model, recipe.alphabet)
            model.load_state_dict(weights)
        except (ValueError, RuntimeError):
            raise mismatch from None
        return model.to(device).eval()

    def discard(self) -> None:
        """Remove the folder of a run that never began: there is nothing in it but its recipe."""
        if [file.name for file in self.path.iterdir()] == ["recipe.toml"]:
            (self.path / "recipe.toml").unlink()
            self.path.rmdir()

    def metrics(self) -> Iterator[dict[str, Any]]:
        """The lines of metrics.jsonl; one that is damaged, or cut short by a crash, is left out."""
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return
        for line in file.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and isinstance(entry.get("step"), int):
                yield entry

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl, whole or not at all. UserError where it cannot be written."""
        file = self.path / "metrics.jsonl"
        before = file.stat().st_size if file.exists() else 0
        try:
            with file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
        except OSError as error:
            if file.exists():
                os.truncate(file, before)
            raise UserError(f"{file}: cannot be written: {error.strerror}") from None

    def forget_after(self, step: int) -> None:
        """Take out of metrics.jsonl what was logged after a step, before it is done again."""
        from arithgpt.training.checkpoint import write_atomic

        kept = [json.dumps(entry) + "\n" for entry in self.metrics() if entry["step"] <= step]
        write_atomic(self.path / "metrics.jsonl", "".join(kept))


def all_runs() -> list[Run]:
    """Every folder with a recipe under the runs folder, the newest first."""
    try:
        runs = [Run(file.parent) for file in runs_folder().glob("*/recipe.toml")]
    except OSError:
        return []
    return sorted(runs, key=lambda run: run.changed, reverse=True)


def find_run(name: str) -> Run:
    """The run of a name, or at a path; `calculator` is the one that ships. UserError suggests a near name for a wrong one."""
    for path in (SHIPPED / name, runs_folder() / name, Path(name)):
        try:
            if (path / "recipe.toml").is_file():
                return Run(path)
        except (OSError, ValueError):
            continue  # no name of a file, such as one that is too long
    names = [run.name for run in all_runs()]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        hint = f"did you mean {near[0]}?"
    elif names:
        hint = f"there are: {', '.join(names[:10])}"
    else:
        hint = "there are none yet: arithgpt train makes one"
    raise UserError(f"run {name!r}: not found in {runs_folder()}/; {hint}")


def shipped_run() -> Run:
    """The calculator that comes with the package. UserError where the installation lacks it."""
    run = Run(SHIPPED / "calculator")
    if not run.has_weights:
        raise UserError(f"{run.path}: the calculator that ships is missing; --run asks one of your own runs")
    return run


def newest_run() -> Run:
    """The newest run with weights. UserError where there is none."""
    for run in all_runs():
        if run.has_weights and run.task_name is not None:
            return run
    raise UserError(f"no GPT has been trained in {runs_folder()}/ yet; train one with: arithgpt train")


def new_run(name: str | None, recipe: Recipe) -> Run:
    """Make a new run's folder with its recipe in it; without a name, one is made from the task.

    UserError where the name is taken or unfit, or the folder cannot be made.
    """
    from arithgpt.training.checkpoint import write_atomic

    folder = runs_folder()
    if name is None:
        most = recipe.problems.size_span[1] if not recipe.text else 0
        stem = recipe.task.name.replace(":", "-") + (f"-{most}" if most else "")
        taken = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        name = next(n for k in range(1, len(taken) + 2) if (n := stem if k == 1 else f"{stem}-{k}") not in taken)
    if not NAME.fullmatch(name):
        raise UserError(
            f"--name {name}: must be letters, digits, '.', '_' and '-', at most 100, beginning with none of the signs"
        )
    if (SHIPPED / name).is_dir():
        raise UserError(f"--name {name}: is the calculator that ships; take another name")
    path = folder / name
    if path.exists():
        raise UserError(f"--name {name}: {path} is there already; --resume goes on with it, another --name starts afresh")
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be made: {error.strerror}") from None
    try:
        write_atomic(path / "recipe.toml", recipe.to_toml())
    except UserError:
        path.rmdir()  # a folder without a recipe would be in the way of the next try
        raise
    return Run(path)

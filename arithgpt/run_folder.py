"""A run on disk: the folder runs/NAME with its recipe, weights, log and results.

recipe.toml  weights.safetensors  resume.safetensors  metrics.jsonl  run.json  eval.csv  eval.json
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from arithgpt.config.recipe import Recipe
from arithgpt.config.tables import UnknownFieldError, UnknownTaskError
from arithgpt.errors import UserError, Wording, ending
from arithgpt.training.checkpoint import load_tensors, write_atomic
from tasks.core.near import near_names

if TYPE_CHECKING:
    from arithgpt.inference.backend import Model

SHIPPED = Path(__file__).parent / "pretrained"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""The names that a run can have."""

OTHER_VERSION = "the run was made by another version of arithgpt; train it again"


def runs_folder() -> Path:
    """Return the folder of all runs: $ARITHGPT_RUNS, else `runs` in the working directory."""
    return Path(os.environ.get("ARITHGPT_RUNS") or "runs")


STATUSES = ("unfinished", "interrupted", "finished", "reached target", "proven")
"""What run.json can say of how training ended."""


class RunSummary(BaseModel):
    """What the list of runs shows of one, from its run.json."""

    parameters: int = 0
    step: int = 0
    status: Annotated[str, Field(pattern=f"^({'|'.join(STATUSES)})$")] = "unfinished"
    accuracy: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    """Held-out exact match by digit length."""
    loss: Annotated[float, Field(ge=0)] | None = None
    """Held-out loss of a text, in nats per character."""

    @staticmethod
    def of(run: RunFolder) -> RunSummary:
        """Read run.json; the status says what cannot be read. A run whose task is not imported keeps its figures."""
        fault = None
        try:
            assert run.recipe
        except UnknownTaskError:
            fault = "needs --import"
        except UserError:
            fault = "unreadable recipe"
        try:
            summary = RunSummary.model_validate(run.info, strict=True)
        except ValidationError:
            return RunSummary.model_construct(status=fault or "unreadable run.json")
        return summary if fault is None else summary.model_copy(update={"status": fault})


class RunFolder:
    """The folder of one run. Files are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.resolve().name

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe of the run.

        Raises:
            UserError: recipe.toml is missing or invalid, was written by another version, or needs a task that is not imported
        """
        file = self.path / "recipe.toml"
        try:
            return Recipe.from_toml(file.read_text("utf-8"), str(file))
        except UnknownFieldError as error:
            raise UserError(f"{error}; {OTHER_VERSION}") from None
        except UnknownTaskError as error:
            why = f", as arithgpt has no task {error.name!r} of its own"
            cures = (
                "import the Python file that defines its task first",
                "needs --import FILE.py, the file that defines its task",
            )
            raise UnknownTaskError(Wording(*(f"run {self.name}: {cure}{why}" for cure in cures)), name=error.name) from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None

    @property
    def task_name(self) -> str | None:
        """The name of the task; None where the recipe cannot be read."""
        try:
            return str(self.recipe.task.name)
        except UserError:
            return None

    @cached_property
    def info(self) -> dict[str, Any]:
        """The content of run.json; empty where it is missing or damaged."""
        return self._read_json("run.json")

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """The content of eval.json; empty where it is missing or damaged."""
        return self._read_json("eval.json")

    def _read_json(self, name: str) -> dict[str, Any]:
        """Read a file with a JSON object; empty where there is none. NaN and Infinity, which JSON has not, become None."""
        try:
            found = json.loads((self.path / name).read_text("utf-8"), parse_constant=lambda _: None, parse_float=_finite)
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_shipped(self) -> bool:
        """Whether the run belongs to the installed package, where nothing is written."""
        return self.path.resolve().parent == SHIPPED.resolve()

    @property
    def has_weights(self) -> bool:
        """Whether there is a file of weights."""
        return (self.path / "weights.safetensors").is_file()

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the file of weights."""
        return hashlib.sha256((self.path / "weights.safetensors").read_bytes()).hexdigest()

    @property
    def changed(self) -> float:
        """When weights or recipe were last written: seconds since 1970; 0 where both are gone."""
        times = [_modified(self.path / "weights.safetensors"), _modified(self.path / "recipe.toml")]
        return max(times)

    def load_model(self, device: str = "cpu") -> Model:
        """Load the trained model in eval mode.

        Args:
            device: "cpu" or "cuda" for torch, "numpy" for a NumpyGPT where it computes such models, else torch on the CPU

        Raises:
            UserError: the weights are missing or damaged, or belong to another run
        """
        from arithgpt.inference.numpy_gpt import NumpyGPT, supports

        recipe, file = self.recipe, self.path / "weights.safetensors"
        if device == "numpy" and not supports(recipe.model):
            device = "cpu"
        weights, notes = load_tensors(file, device)
        mismatch = f"{file}: these are not the weights of {self.path / 'recipe.toml'}; they belong to another run"
        for name in ("identity", "alphabet"):
            if not isinstance(notes.get(name), str):
                raise UserError(f"{file}: its notes have no {name}; {OTHER_VERSION}")
        if notes["identity"] != recipe.resume_identity:
            raise UserError(mismatch)
        try:
            if device == "numpy":
                return NumpyGPT(recipe.model, notes["alphabet"], weights)
            from arithgpt.models import make_model

            model = make_model(recipe.model, notes["alphabet"])
            model.load_state_dict(weights)
        except (ValueError, RuntimeError):
            raise UserError(mismatch) from None
        return model.to(device).eval()

    def discard(self) -> None:
        """Remove the folder of a run that never began, which holds nothing but its recipe."""
        if [file.name for file in self.path.iterdir()] == ["recipe.toml"]:
            (self.path / "recipe.toml").unlink()
            self.path.rmdir()

    def metrics(self) -> Iterator[dict[str, Any]]:
        """Yield the entries of metrics.jsonl; a line that is damaged, or cut short by a crash, is left out."""
        try:
            content = (self.path / "metrics.jsonl").read_bytes()
        except FileNotFoundError:
            return
        for line in content.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and isinstance(entry.get("step"), int):
                yield entry

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl, whole or not at all.

        Raises:
            UserError: it cannot be written
        """
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
        """Remove from metrics.jsonl what was logged after a step, before these steps are repeated."""
        kept = [json.dumps(entry) + "\n" for entry in self.metrics() if entry["step"] <= step]
        write_atomic(self.path / "metrics.jsonl", "".join(kept))


def _modified(file: Path) -> float:
    """When a file was last written: seconds since 1970; 0 where there is none, which another process may just have removed."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _finite(text: str) -> float | None:
    """Read a number of JSON; None where it is too large for a float."""
    number = float(text)
    return number if math.isfinite(number) else None


def all_runs() -> list[RunFolder]:
    """Return every folder with a recipe under the runs folder, the newest first."""
    try:
        runs = [RunFolder(file.parent) for file in runs_folder().glob("*/recipe.toml")]
    except OSError:
        return []
    return sorted(runs, key=lambda run: run.changed, reverse=True)


def find_run(name: str) -> RunFolder:
    """Find a run by name or path.

    Args:
        name: of a run in the runs folder, a path of a run's folder, or `calculator` for the one that ships

    Raises:
        UserError: there is no such run; the message suggests a near name
    """
    for path in (SHIPPED / name, runs_folder() / name, Path(name)):
        try:
            if (path / "recipe.toml").is_file():
                return RunFolder(path)
        except (OSError, ValueError):
            continue  # not the name of a file, such as one that is too long
    names = [run.name for run in all_runs()]
    near = near_names(name, names)
    if near:
        hint = f"did you mean {near[0]}?"
    elif names:
        hint = f"there are: {', '.join(names[:10])}"
    else:
        hint = "there are none yet: arithgpt train makes one"
    raise UserError(f"run {name!r}: not found in {runs_folder()}/; {hint}")


def shipped_run() -> RunFolder:
    """Return the calculator that ships with the package.

    Raises:
        UserError: the installation lacks it
    """
    run = RunFolder(SHIPPED / "calculator")
    if not run.has_weights:
        message = f"{run.path}: the calculator that ships is missing"
        raise UserError(ending(message, python="name one of your own runs", shell="--run asks one of your own runs"))
    return run


def newest_run() -> RunFolder:
    """Return the newest run with weights and a readable recipe.

    Raises:
        UserError: there is none
    """
    for run in all_runs():
        if run.has_weights and run.task_name is not None:
            return run
    raise UserError(f"no GPT has been trained in {runs_folder()}/ yet; train one with: arithgpt train")


def new_run_path(name: str | None, recipe: Recipe) -> Path:
    """Return the folder that a new run would have; nothing is written.

    Args:
        name: of the run; None makes one from the task
        recipe: what the run will learn

    Raises:
        UserError: the name is taken or not allowed
    """
    folder, is_made = runs_folder(), name is None
    if name is None:
        most = recipe.problems.size_span.high if not recipe.text else 0
        stem = recipe.task.name.replace(":", "-") + (f"-{most}" if most else "")
        taken = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        name = next(n for k in range(1, len(taken) + 2) if (n := stem if k == 1 else f"{stem}-{k}") not in taken)
    if not NAME.fullmatch(name):
        allowed = "must be letters, digits, '.', '_' and '-', at most 100, and begin with a letter or digit"
        raise UserError(allowed, "name", name)
    if (SHIPPED / name).is_dir():
        raise UserError("is the calculator that ships; take another name", "name", name)
    path = folder / name
    if path.exists() and not is_made:  # a name that was made is tried again by `new_run`
        cures = {
            "python": f'arithgpt.load("{name}") loads it, another name starts afresh',
            "shell": "--resume goes on with it, another --name starts afresh",
        }
        message = ending(f"{path} is there already", **cures)
        raise UserError(message, "name", name)
    return path


def new_run(name: str | None, recipe: Recipe) -> RunFolder:
    """Make the folder of a new run, with its recipe in it.

    Args:
        name: of the run; None makes one from the task
        recipe: what the run will learn

    Raises:
        UserError: the name is taken or not allowed, or the folder cannot be made
    """
    path = new_run_path(name, recipe)
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        if name is None and path.is_dir():  # another process or thread took the same free name
            return new_run(None, recipe)
        raise UserError(f"{path}: is there already, or is a file where a folder is needed") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be made: {error.strerror}") from None
    try:
        write_atomic(path / "recipe.toml", recipe.to_toml())
    except UserError:
        path.rmdir()  # a folder without a recipe would be in the way of the next try
        raise
    run = RunFolder(path)
    run.recipe = recipe  # so that nobody reads the file that was just written
    return run

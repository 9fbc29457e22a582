"""The values that completion offers for options and arguments."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from arithgpt.cli.completion import SHELLS
from arithgpt.config.fields import recipe_fields, task_fields
from arithgpt.config.kept import kept_recipes
from arithgpt.errors import UserError
from arithgpt.run_folder import all_runs
from tasks import find, names
from tasks.registration import BUILT_IN

Values: TypeAlias = Mapping[str, str]
"""What can be typed, and what it means."""
Completer: TypeAlias = Callable[[Mapping[str, Any], str, bool], Values]
"""Called with the options that were given, the text typed so far, and whether the meanings are shown."""

MAX_RUNS: Final = 100
"""The runs that are offered, the newest first."""


def values_of(command: str, parameter: Any, given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """Return the values of an option or argument; none where any text or a file can stand.

    Args:
        command: its name
        parameter: the option or argument
        given: the options that stand on the line, by the name of their parameter
        typed: the text typed so far
        explain: whether the shell shows meanings
    """
    known = [OPTIONS[flag] for flag in parameter.opts if flag in OPTIONS]
    if parameter.param_type_name == "argument" and command in ARGUMENTS and _is_first(command, parameter):
        known = [ARGUMENTS[command]]
    try:
        return known[0](given, typed, explain) if known else {}
    except (UserError, ValueError):
        return {}


def _is_first(command: str, parameter: Any) -> bool:
    """Whether this is the argument that ARGUMENTS describes: not what `inspect` asks."""
    return command != "inspect" or parameter.name in ("run", "name", "solver")


def _choice(*names: str, **explained: str) -> Completer:
    """Make a completer of a few names, some with a meaning."""
    return lambda given, typed, explain: {**explained, **dict.fromkeys(names, "")}


def _tasks(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """The names of the tasks."""
    return {name: find(name).summary if explain and name in BUILT_IN else "" for name in names()}


def _trained(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """The names of tasks, and text."""
    return {**_tasks(given, typed, explain), "text": "the characters of a file"}


def _kept(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """The names of the kept recipes; the shell completes the files where none of these is meant."""
    return dict.fromkeys(kept_recipes(), "a kept recipe")


def _trained_or_kept(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """What `ablate` varies: the built-in recipe of a task, or a kept recipe."""
    return {**_tasks(given, typed, explain), **_kept(given, typed, explain)}


def _runs(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """The names of the runs on disk, the newest first, and the calculator that ships."""
    found = {run.name: _task_of(run.path) if explain else "" for run in all_runs()[:MAX_RUNS]}
    return {**found, "calculator": "the one that ships"}


def _own_runs(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """The names of the runs on disk."""
    return {name: meaning for name, meaning in _runs(given, typed, explain).items() if name != "calculator"}


def _solvers(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """What can be measured: runs, and the solvers that are no model."""
    reference = {"exact": "always right", "wrong": "always wrong", "random": "guesses digits"}
    return {**_runs(given, typed, explain), **reference}


def _task_of(folder: Path) -> str:
    """The task of a run; empty where its recipe cannot be read."""
    try:
        return str(tomllib.loads((folder / "recipe.toml").read_text("utf-8"))["task"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _fields(given: Mapping[str, Any], typed: str, explain: bool) -> Values:
    """`FIELD=` for all fields of a recipe; `FIELD=VALUE` where the field is known."""
    task = given.get("task") or given.get("recipe") or "add"
    docs = [*task_fields(task if task in names() or task == "text" else "add"), *recipe_fields()]
    near = [doc for doc in docs if f"{doc.name}=".startswith(typed)]
    exact = [doc for doc in docs if typed.startswith(f"{doc.name}=")] or (near if len(near) == 1 else [])
    if not exact:
        return {f"{doc.name}=": doc.meaning for doc in near}
    (doc,) = exact
    if doc.choices:
        return {f"{doc.name}={choice}": doc.meaning if choice == str(doc.default).lower() else "" for choice in doc.choices}
    # Two values, so that the shell does not take the only one: the field, and its default.
    known = isinstance(doc.default, int | float) or (isinstance(doc.default, str) and doc.default and " " not in doc.default)
    return {f"{doc.name}=": f"{doc.type}: {doc.meaning}"} | ({f"{doc.name}={doc.default}": "the default"} if known else {})


_DEVICES = _choice("cpu", auto="a GPU where there is one", cuda="a GPU")
OPTIONS: Final[Mapping[str, Completer]] = {
    "--task": _trained,
    "--recipe": _kept,
    "--set": _fields,
    "--vary": _fields,
    "--run": _runs,
    "--from": _own_runs,
    "--device": _DEVICES,
    "--precision": _choice("float32", "bf16", auto="bf16 where the GPU has it"),
    "--backend": _choice("ray", "dask", loky="processes on this machine"),
    "--log": _choice("tensorboard", "trackio"),
    "--split": _choice("train", "held-out", test="what eval asks"),
    "--law": _choice("right", "commutes", "neutral", "undone", "distributes", "monotone", "scales", all="each of them"),
    "--show-completion": _choice(*SHELLS),
    "--install-completion": _choice(*SHELLS),
}
"""By the name of the option, the same in every command."""

ARGUMENTS: Final[Mapping[str, Completer]] = {
    "eval": _solvers,
    "compare": _solvers,
    "falsify": _solvers,
    "prove": _runs,
    "improve": _own_runs,
    "inspect": _runs,
    "sample": _runs,
    "runs show": _runs,
    "runs rm": _own_runs,
    "tasks": _tasks,
    "ablate": _trained_or_kept,
    "sweep": _kept,
    "export-data": _tasks,
    "export-lm-eval": _tasks,
    "bench": _choice("generators", "train", "decode", "start", "memory", target="takes long"),
}
"""By the command that takes the argument."""

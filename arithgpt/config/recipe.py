"""A recipe: everything that decides what a run learns, in one frozen, validated object.

    [task]
    name = "add"
    digits = "1-8"
    [model]
    n_embd = 48
    [train]
    max_steps = 600

A field that is not named has the default of schema.py. A task's name alone gives its built-in recipe (presets/).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence, Set
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import BaseModel, Field, PlainSerializer, PlainValidator, ValidationError, model_validator

from arithgpt.config.kept import find_recipe
from arithgpt.config.schema import (
    CotRemovalConfig,
    DataConfig,
    InitConfig,
    ModelConfig,
    OptimConfig,
    Section,
    TrainConfig,
)
from arithgpt.config.tables import (
    DIGITS,
    SWEEP,
    TaskOrText,
    UnknownFieldError,
    check_task_name,
    describe_error,
    get_field,
    make_task,
    no_such_field,
    parse_toml,
    read_tables,
    set_digits,
    set_field,
    task_table,
    toml_value,
)
from arithgpt.data.text import Text
from arithgpt.errors import UserError, ending
from tasks import Task
from tasks.registration import GYM_PREFIX

DEFAULT_TASK = "add"
PRESET_FOLDERS = ("", "numbers", "strings")
"""Where the built-in recipe of a task can be, under presets/."""


class Recipe(Section):
    """Everything that decides what a run learns. `Recipe.from_dict` makes one from tables."""

    task: Annotated[
        Any,
        PlainValidator(lambda task: make_task(task, "recipe") if isinstance(task, Mapping) else task),
        PlainSerializer(task_table),
    ]
    """The task with its options, or the text that is learned in place of one."""
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    cot_removal: CotRemovalConfig = CotRemovalConfig()
    init: InitConfig = InitConfig()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of the initial weights and of the stream of problems."""

    @model_validator(mode="after")
    def _check_sections(self) -> Recipe:
        if self.text and self.data != DataConfig():
            raise ValueError("data: a text has no problems and no extra pages; leave the section [data] out")
        if self.cot_removal.every and (self.text or self.problems.with_scratchpad() is None):
            why = "a task that can write a scratchpad, and task.scratchpad = false"
            raise ValueError(f"cot_removal.every = {self.cot_removal.every}: needs {why}")
        return self

    @cached_property
    def problems(self) -> Task:
        """The task.

        Raises:
            UserError: the run learns a text, which has no problems
        """
        if isinstance(self.task, Text):
            raise UserError("task text: a text has no problems and no answers; eval, sample and inspect take a run of it")
        task: Task = self.task
        return task

    @cached_property
    def text(self) -> Text | None:
        """The text with its options, or None where the run learns a task."""
        return self.task if isinstance(self.task, Text) else None

    @property
    def alphabet(self) -> str:
        """The characters of the vocabulary; empty for a text whose file has not been read (init_weights.resolve)."""
        if self.text:
            return self.text.characters
        task = self.problems.with_scratchpad() if self.cot_removal.every else self.problems
        assert task is not None
        return task.alphabet

    @cached_property
    def identity(self) -> str:
        """SHA-256 of everything that decides what a run learns, including the number of steps.

        It ignores how often a checkpoint is written, and the names of files and runs whose content is known by a hash.
        """
        return self._hash({"checkpoint_every"})

    @cached_property
    def resume_identity(self) -> str:
        """The identity without the limits that `train --resume` may change; weights and checkpoints carry it."""
        return self._hash(TrainConfig.model_fields.keys() - {"batch_size"})

    def _hash(self, ignored: Set[str]) -> str:
        """SHA-256 of all fields, except the `ignored` ones of [train]."""
        fields = self.model_dump(mode="json")
        fields["train"] = {name: value for name, value in fields["train"].items() if name not in ignored}
        if self.text and self.text.sha256:
            del fields["task"]["path"]
        if self.init.weights:
            del fields["init"]["run"]
        if self.data.pages_sha256:
            del fields["data"]["pages"]
        return hashlib.sha256(tomli_w.dumps(fields).encode()).hexdigest()

    def replace(self, **sections: Any) -> Recipe:
        """Return this recipe with some sections changed, validated again; the task is not parsed again.

        Raises:
            ValidationError: a section is out of range
        """
        return Recipe(**{name: getattr(self, name) for name in Recipe.model_fields} | sections)

    def with_fields(self, values: Mapping[str, Any], typed: Mapping[str, str] | None = None) -> Recipe:
        """Return this recipe with single fields changed.

        Args:
            values: dotted field -> value, as in {"model.n_layer": 3}
            typed: dotted field -> the argument that set it, for messages

        Raises:
            UserError: a field is unknown or out of range
        """
        return changed(self.model_dump(mode="json"), values, "recipe", typed)

    def to_toml(self) -> str:
        """Return all fields as TOML."""
        return tomli_w.dumps(self.model_dump(mode="json"))

    @staticmethod
    def from_dict(data: Mapping[str, Any], source: str, typed: Mapping[str, str] | None = None) -> Recipe:
        """Validate tables.

        Args:
            data: the sections by name; values that are not named have their defaults
            source: what stands before a message, such as the name of the file
            typed: dotted field -> the option of the command line that set it, such as {"task.digits": "--digits 0"}

        Raises:
            UserError: names the source, or the option of the command line, with the field, the value and what is allowed
        """
        try:
            return Recipe(**{**data, "task": make_task(data.get("task", {}), source)})
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            if fault["type"] == "extra_forbidden":
                place = [str(part) for part in fault["loc"]]
                known = no_such_field(".".join(place), _fields(place[:-1]), _dotted_fields())
                raise UnknownFieldError(f"{source}: {known}") from None
            raise UserError(_as_typed(f"{source}: {describe_error(error)}", data, source, typed or {})) from None
        except UserError as error:
            if (message := _as_typed(str(error), data, source, typed or {})) == str(error):
                raise
            raise type(error)(message) from None

    @staticmethod
    def from_toml(text: str, source: str) -> Recipe:
        """Parse and validate; raises UserError as `from_dict` does, and for text that is not TOML."""
        return Recipe.from_dict(parse_toml(text, source), source)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the tables: the class of a task may be one that another process has to make or import first."""
        return Recipe.from_dict, (self.model_dump(mode="json"), "recipe")


def load_recipe(
    *,
    task: str | None = None,
    file: Path | str | None = None,
    overrides: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    typed: Mapping[str, str] | None = None,
    proven: bool = False,
) -> Recipe:
    """Load a task's built-in recipe or a file, and change some of its fields.

    Args:
        task: name of the task; the default is add
        file: a recipe to load in place of the built-in one: a file, or a kept recipe by name (config/kept.py)
        overrides: changes such as "model.n_layer=3", made first
        options: dotted field -> value, made after them; None values are ignored
        typed: dotted field -> the option of the command line that set it, for messages
        proven: take the built-in recipe with which the task is proven (proof/families/covered.py names these tasks)

    Raises:
        UserError: the task is unknown, the file cannot be read, or a field is unknown or out of range
    """
    if file is not None:
        data, source = read_tables(find_recipe(str(file), "recipe"), "recipe", str(file)), str(file)
        if SWEEP in data:
            raise UserError(f"recipe {file}: has a table [{SWEEP}], which makes it many recipes: arithgpt sweep {file}")
        if task is not None and task != (named := get_field(data, "task.name")):
            raise UserError(f"the recipe {file} is for task {named!r}", "task", task)
    else:
        name = check_task_name(DEFAULT_TASK if task is None else task)
        data, source = parse_toml(_preset(name, proven), name), "recipe"
        data.setdefault("task", {})["name"] = name
    for override in overrides:
        key, equals, value = override.partition("=")
        if not key.strip():
            raise UserError("names no field; must be FIELD=VALUE, as in model.n_layer=3", "set", override)
        if not equals or not value.strip():
            raise UserError("has no value; must be FIELD=VALUE, as in model.n_layer=3", "set", override)
        if key.strip() == "task.name":  # the recipe of one task has the budget and the model of that task
            message = f"the recipe is for task {get_field(data, 'task.name')!r}"
            words = ending(message, python="the argument task chooses another one", shell="--task chooses another one")
            raise UserError(words, "set", override)
        set_field(data, key.strip(), toml_value(value.strip()))
    return changed(data, {key: value for key, value in (options or {}).items() if value is not None}, source, typed)


def changed(data: Mapping[str, Any], values: Mapping[str, Any], source: str, typed: Mapping[str, str] | None = None) -> Recipe:
    """Validate tables with some fields changed; raises UserError as `Recipe.from_dict` does.

    Args:
        data: the sections by name; they stay as they are
        values: dotted field -> value
        source: what stands before a message
        typed: dotted field -> what a message calls it in place of the field and its value, as in `load_recipe`
    """
    tables, names = copy.deepcopy(dict(data)), dict(typed or {})
    set_by: dict[str, str] = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise UserError(f"{source}: {key!r}: must be the name of a field, as in model.n_layer")
        fields = [key]
        if key == DIGITS:
            fields = set_digits(tables, value, source, names.get(key))
        else:
            set_field(tables, key, value)
        set_by |= {field: names[key] for field in fields if key in names}
    return Recipe.from_dict(tables, source, set_by)


def _preset(name: str, proven: bool) -> str:
    """Return the built-in recipe of a task as TOML; a task that has none gets the default."""
    presets = resources.files("arithgpt.config.presets")
    if proven:
        return presets.joinpath("proven", f"{name}.toml").read_text("utf-8")
    file_name = "rg.toml" if name.startswith(GYM_PREFIX) else f"{name}.toml"
    files = (presets.joinpath(folder, file_name) for folder in PRESET_FOLDERS)
    return next((file for file in files if file.is_file()), presets.joinpath("default.toml")).read_text("utf-8")


def _as_typed(message: str, data: Mapping[str, Any], source: str, typed: Mapping[str, str]) -> str:
    """Name the option of the command line in a message about the field that it set."""
    for field, option in typed.items():
        for name in (field, field.removeprefix("task.")):
            prefix = f"{source}: {name} = {get_field(data, field)!r}: "
            if message.startswith(prefix):
                return f"{option}: {message.removeprefix(prefix)}"
    return message


def _fields(path: Sequence[str]) -> list[str]:
    """Return the names of the fields of a section; of the recipe itself for an empty path."""
    section: type[BaseModel] = Recipe
    for part in path:
        annotation = section.model_fields[part].annotation
        assert isinstance(annotation, type)
        section = annotation
    return list(section.model_fields)


def _dotted_fields() -> list[str]:
    """Return the names of the fields of all sections, such as model.n_layer."""
    kinds = {name: info.annotation for name, info in Recipe.model_fields.items()}
    sections = {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Section)}
    return [f"{name}.{field}" for name, section in sections.items() for field in section.model_fields]


__all__ = [
    "SWEEP",
    "CotRemovalConfig",
    "DataConfig",
    "InitConfig",
    "ModelConfig",
    "OptimConfig",
    "Recipe",
    "TaskOrText",
    "TrainConfig",
    "changed",
    "check_task_name",
    "load_recipe",
    "read_tables",
    "toml_value",
]

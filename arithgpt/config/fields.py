"""Every field of a recipe: its name, its type in words, its default and what it means.

    model.n_layer    whole number from 1 to 64    2    Number of transformer blocks ...

The source is the code that defines a field: the annotation, the default, and the docstring below it, in schema.py for the
sections and in the dataclass of a task for its options.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import tomllib
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import tomli_w
from pydantic.fields import FieldInfo

from arithgpt.config.recipe import Recipe
from arithgpt.config.schema import Names, Section
from arithgpt.config.tables import Kind, find_kind

COMMENT_WIDTH: Final = 80
_WORDS: Final = {bool: "true or false", int: "whole number", float: "number", str: "text", dict: "table"}
_PLURALS: Final = {int: "whole numbers", float: "numbers", str: "texts", dict: "tables"}


class FieldDoc(NamedTuple):
    """What a person wants to know of a field."""

    name: str
    """As `train --set` takes it: model.n_layer, task.digits, task.mul.digits, seed."""
    type: str
    """In words: "whole number from 1 to 64", "muon or adamw", "true or false"."""
    default: Any
    """The value where a recipe does not name the field; None where there is no default."""
    meaning: str
    """The docstring of the field, in one line; empty where it has none."""
    choices: tuple[str, ...] = ()
    """All values, as typed, where they are few: the names of a choice, true and false."""


def recipe_fields() -> list[FieldDoc]:
    """Return all fields of a recipe but those of [task], in the order of schema.py."""
    found: list[FieldDoc] = []
    for name, info in Recipe.model_fields.items():
        if name in section_types():
            found += [_pydantic_field(f"{name}.{key}", one) for key, one in section_types()[name].model_fields.items()]
        elif name != "task":
            found.append(_pydantic_field(name, info))
    return found


def task_fields(task: Kind | str) -> list[FieldDoc]:
    """Return the options of a task, in the order of its dataclass; those of the parts of a mixture too.

    Args:
        task: the class of the task, or its name

    Raises:
        UserError: there is no task of this name
    """
    kind = find_kind(task, "") if isinstance(task, str) else task
    return list(_options(kind, "task."))


def differing_fields(theirs: Recipe, ours: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return the dotted fields in which two recipes differ, each with both values; None where one has no such field."""
    before, now = (dict(_flatten(recipe.model_dump(mode="json"))) for recipe in (theirs, ours))
    fields = dict.fromkeys([*before, *now])
    return {field: (before.get(field), now.get(field)) for field in fields if before.get(field) != now.get(field)}


def _flatten(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted field and value of nested tables."""
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def section_types() -> dict[str, type[Section]]:
    """Return the sections of a recipe by name, without [task]; the docstring of each says what it is about."""
    annotations = {name: info.annotation for name, info in Recipe.model_fields.items()}
    return {name: kind for name, kind in annotations.items() if isinstance(kind, type) and issubclass(kind, Section)}


def to_commented_toml(recipe: Recipe) -> str:
    """Return all fields of a recipe as TOML, with the meaning of each above it. It reads back as the same recipe."""
    docs = {doc.name: doc for doc in [*recipe_fields(), *task_fields(type(recipe.task))]}
    sections = {name: _first_line(kind.__doc__) for name, kind in section_types().items()}
    sections["task"] = Recipe.model_fields["task"].description or ""
    table, lines = "", list[str]()
    plain = tomli_w.dumps(recipe.model_dump(mode="json"))
    for line in plain.splitlines():
        key, equals, _ = line.partition(" = ")
        if line.startswith("["):
            table = line.strip("[]")
            lines += _comment(sections.get(table, ""))
        elif equals and not line.startswith(" "):  # a line of a list is indented
            name = f"{table}.{key}" if table else key
            lines += _comment(recipe.task.summary if name == "task.name" else _described(docs.get(name)))
        lines.append(line)
    commented = "\n".join(lines) + "\n"
    assert tomllib.loads(commented) == tomllib.loads(plain)
    return commented


def _options(kind: type, prefix: str) -> Iterator[FieldDoc]:
    """Yield the options of a task's dataclass."""
    if not dataclasses.is_dataclass(kind):
        return
    hints, docs = get_type_hints(kind), attribute_docs(kind)
    for field in dataclasses.fields(kind):
        annotation = hints[field.name]
        if dataclasses.is_dataclass(annotation):
            assert isinstance(annotation, type)
            yield from _options(annotation, f"{prefix}{field.name}.")
            continue
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        default = None if default is dataclasses.MISSING else default
        yield FieldDoc(
            prefix + field.name, _in_words(annotation, ()), default, docs.get(field.name, ""), _choices(annotation, ())
        )


def _pydantic_field(name: str, info: FieldInfo) -> FieldDoc:
    """Describe a field of a section."""
    default = None if info.is_required() else info.default
    meaning = " ".join((info.description or "").split())
    annotation, metadata = info.annotation, info.metadata
    return FieldDoc(name, _in_words(annotation, metadata), default, meaning, _choices(annotation, metadata))


@cache
def attribute_docs(kind: type) -> dict[str, str]:
    """Return the docstrings below the fields of a class and of its bases, by field; empty where the source is not at hand."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not inspect.get_annotations(base):
            continue
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        except (OSError, TypeError, SyntaxError, ValueError):
            continue
        assert isinstance(tree, ast.ClassDef)
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
                docs[field.target.id] = " ".join(text.split())
    return docs


def _choices(annotation: Any, metadata: Sequence[Any]) -> tuple[str, ...]:
    """All values of a type, where they are few."""
    for mark in metadata:
        if isinstance(mark, Names):
            return tuple(mark.names)
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return ("true", "false") if annotation is bool else ()


def _in_words(annotation: Any, metadata: Sequence[Any]) -> str:
    """Describe a type and its range."""
    if choices := _choices(annotation, metadata):
        return " or ".join([part for part in (", ".join(choices[:-1]), choices[-1]) if part])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_in_words(one, ()) for one in arguments if one is not types.NoneType)
    if origin in (tuple, list):
        inner = arguments[0] if arguments else str
        return f"list of {_PLURALS.get(get_origin(inner) or inner, 'values')}"
    return _WORDS.get(origin or annotation, "value") + _range(metadata)


def _range(metadata: Sequence[Any]) -> str:
    """Describe the bounds of a number, such as " from 1 to 64"."""
    bounds = {name: getattr(mark, name) for mark in metadata for name in ("ge", "gt", "le", "lt") if hasattr(mark, name)}
    words = {"ge": "from", "gt": "above", "le": "to" if "ge" in bounds else "up to", "lt": "below"}
    parts = [f"{words[name]} {_number(value)}" for name, value in bounds.items()]
    return f" {(' ' if bounds.keys() == {'ge', 'le'} else ' and ').join(parts)}" if parts else ""


def _number(value: float) -> str:
    """Format a bound: thousands with a comma, and a large power of two as one."""
    if isinstance(value, int) and value >= 2**53 and value.bit_count() == 1:
        return f"2**{value.bit_length() - 1}"
    return f"{value:,}"


def _described(doc: FieldDoc | None) -> str:
    """The comment on a field: meaning, type and default."""
    if doc is None:
        return ""
    default = doc.default
    shown = str(default).lower() if isinstance(default, bool) else default if isinstance(default, int | float) else None
    shown = default or None if isinstance(default, str) else shown
    return f"{doc.meaning} [{doc.type}{'' if shown is None else f'; default: {shown}'}]".strip()


def _comment(text: str) -> list[str]:
    """Lines of a TOML comment; none for an empty text."""
    indent = {"initial_indent": "# ", "subsequent_indent": "# "}
    return textwrap.wrap(text, COMMENT_WIDTH, break_on_hyphens=False, break_long_words=False, **indent)  # type: ignore[arg-type]


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]

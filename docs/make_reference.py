"""Write docs/reference.md: every command with its options, and every field of a recipe, read from the code itself.

    python docs/make_reference.py

A test compares the page with what this makes, so that it is never out of date.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, ParameterInfo

from arithgpt.cli import COMMANDS, Command, app
from arithgpt.config.fields import FieldDoc, recipe_fields, section_types, task_fields
from tasks import MAX_DIGITS, find, names

PAGE = Path(__file__).with_name("reference.md")
INTRODUCTION = """\
# Reference

Every command with its options, and every field of a recipe. `docs/make_reference.py` makes this page from the code.

- [Commands](#commands)
- [Lengths](#lengths): the notation of `--digits`
- [Recipe](#recipe): [the options of each task](#the-options-of-each-task)
"""
COMMANDS_TEXT = """\
## Commands

`arithgpt COMMAND --help` prints what stands here. Each command also takes `--import FILE.py`, which imports this file first (it
registers tasks of your own, and can be given several times), and `-h`. `arithgpt --version` prints the version. A
command that is refused prints one line and ends with exit status 2.
"""
LENGTHS_TEXT = f"""\
## Lengths

The size of a problem is two numbers, most often the digits of its left and of its right operand. `task.digits` and the
other options of tasks that hold lengths say from which sizes training draws. `--digits` of the other commands says which
sizes are asked.

| written | training draws | `eval` and others ask |
| --- | --- | --- |
| `8` | operands of exactly 8 digits | the same |
| `1-8` | each operand with 1 to 8 digits, independently of the other | the 8 sizes in which both operands are equally long |
| `12x6` | 12 digits on the left, 6 on the right | the same |
| `1-6x1-3` | 1 to 6 digits on the left, 1 to 3 on the right, independently | a grid: each of the 18 sizes |
| `1-6,1-10x1-3` | from one of the two ranges, each equally often | the sizes of both |

`arithgpt train --digits 8` means `1-8`, so that short numbers are learned too; `--digits 8-8` trains on 8 digits alone. In
a recipe and in `--set task.digits=8` it is exactly 8. Where a problem has one number or string, a length is a single number
such as `8` or a range such as `1-8`. A length is at most {MAX_DIGITS:,}.
"""
RECIPE_TEXT = """\
## Recipe

A recipe is a TOML file with these sections. `arithgpt train --recipe FILE` reads one, `--set SECTION.FIELD=VALUE` changes a
field, and a run keeps its whole recipe in `recipe.toml`. A field that a recipe does not name has the default below. The
built-in recipe of a task ([presets](../arithgpt/config/presets)) may name other values.
"""
TASK_TEXT = """\
### The options of each task

`[task]` has the name of a task and its options, as in `--set task.digits=1-6`. [Lengths](#lengths) explains values such as
`1-6,1-10x1-3`. `arithgpt tasks` lists the tasks, and `arithgpt tasks NAME` shows one with its page and drawing.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), "utf-8")


def render() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION, COMMANDS_TEXT, _list_of_commands()]
    parts += [_command(name, command) for name, command in COMMANDS.items()]
    parts += [LENGTHS_TEXT, RECIPE_TEXT, *_sections(), TASK_TEXT, *_tasks()]
    return "\n".join(parts)


def _list_of_commands() -> str:
    """List the commands, each with a link and one line."""
    return _table(
        ["command", "what it does"],
        ([f"[{name}](#arithgpt-{name})", command.help] for name, command in COMMANDS.items()),
    )


def _command(name: str, command: Command) -> str:
    """Describe a command: its docstring, its arguments and its options."""
    group: Any = typer.main.get_command(app)
    made, module = group.get_command(None, name), import_module(f"arithgpt.cli.{command.module}")
    parts = [_function(name, getattr(module, command.function), made, command.help)]
    for part, function in command.subcommands.items():
        parts.append(_function(f"{name} {part}", getattr(module, function), made.commands[part], ""))
    return "\n".join(parts)


def _function(name: str, function: Any, made: Any, short: str) -> str:
    """Describe the function of a command or of a subcommand.

    Args:
        name: as typed after `arithgpt`
        function: what it calls
        made: the command that typer made of it
        short: its short help, where the function has no docstring
    """
    spelled = {parameter.name: (parameter.opts, parameter.secondary_opts) for parameter in made.params}
    tables: dict[str, list[list[str]]] = {"argument": [], "option": []}
    for parameter, info, kind in _parameters(function):
        word = "" if _plain(kind) is bool else info.metavar or _type_word(kind)
        if isinstance(info, ArgumentInfo):
            tables["argument"].append(
                [f"`{info.metavar or parameter.name.upper()}`", _text(info.help), _default(parameter, info)]
            )
        else:
            options, opposites = spelled[parameter.name]
            names = " ".join(f"`{', '.join(some)} {word}".rstrip() + "`" for some in (options, opposites) if some)
            tables["option"].append([names, _text(info.help), _default(parameter, info)])
    about = inspect.getdoc(function) or short
    drawn = [_table([title, "meaning", "default"], rows) for title, rows in tables.items()]
    return "\n".join([f"### arithgpt {name}\n", f"{about}\n", *filter(None, drawn)])


def _parameters(function: Any) -> Iterator[tuple[inspect.Parameter, ParameterInfo, Any]]:
    """Yield the parameters of a command, what typer is told of each, and its type."""
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        if get_origin(hints[parameter.name]) is not Annotated:  # the context, which is no option
            continue
        kind, *extras = get_args(hints[parameter.name])
        yield parameter, next(extra for extra in extras if isinstance(extra, ParameterInfo)), kind


def _plain(kind: Any) -> Any:
    """Return the type without Optional and list."""
    while get_origin(kind) in (Union, types.UnionType, list):
        kind = next(one for one in get_args(kind) if one is not types.NoneType)
    return kind


def _type_word(kind: Any) -> str:
    """Name the value of an option without a metavar."""
    return {int: "N", float: "X", Path: "FILE"}.get(_plain(kind), "TEXT")


def _default(parameter: inspect.Parameter, info: ParameterInfo) -> str:
    """Say the default of a parameter, in the words of the help where it has some, and its range."""
    if parameter.default is inspect.Parameter.empty:
        return "required"
    said = re.search(r"\[default: (.*?)\]", info.help or "")
    value = parameter.default
    shown = (
        said[1] if said else "" if value is None or value is False else f"`{str(value).lower() if value is True else value}`"
    )
    bounds = [f"{word} {bound:,}" for word, bound in (("from", info.min), ("to", info.max)) if bound is not None]
    return f"{shown} ({' '.join(bounds)})".strip() if bounds else shown


def _text(help_text: str | None) -> str:
    return re.sub(r"\s*\[default: .*?\]", "", help_text or "")


def _sections() -> list[str]:
    """Describe the sections of a recipe, without [task]."""
    fields = recipe_fields()
    top = [doc for doc in fields if "." not in doc.name]
    parts = [_table(["field", "type", "default", "meaning"], map(_field, top))]
    for name, kind in section_types().items():
        rows = [_field(doc) for doc in fields if doc.name.startswith(f"{name}.")]
        about = (inspect.getdoc(kind) or "").partition("\n")[0]
        parts += [f"### [{name}]\n\n{about}\n", _table(["field", "type", "default", "meaning"], rows)]
    return parts


def _tasks() -> list[str]:
    """Describe the options of each task; a mixture has those of its parts."""
    parts = []
    for name in [*names(), "text"]:
        docs = task_fields(name)
        own = [doc for doc in docs if doc.name.count(".") == 1]
        inner = sorted({doc.name.split(".")[1] for doc in docs} - {doc.name.split(".")[1] for doc in own})
        summary = "the characters of any UTF-8 file" if name == "text" else find(name).summary
        parts.append(f"#### {name}\n\n{summary[0].upper()}{summary[1:]}.\n")
        parts.append(_table(["field", "type", "default", "meaning"], map(_field, own)))
        if inner:
            parts.append(
                f"Options of its parts: {', '.join(f'`task.{part}.FIELD` as of [{part}](#{part})' for part in inner)}.\n"
            )
    return list(filter(None, parts))


def _field(doc: FieldDoc) -> list[str]:
    """The row of a field."""
    value = doc.default
    if isinstance(value, tuple):
        value = list(value)
    shown = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    return [f"`{doc.name}`", doc.type, f"`{shown}`" if shown else "", doc.meaning]


def _table(titles: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table; empty where there are no rows."""
    found = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    if not found:
        return ""
    lines = [titles, ["---"] * len(titles), *found]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


if __name__ == "__main__":
    main()

"""arithgpt tasks: list the tasks, or show one of them."""

from __future__ import annotations

import json
from functools import reduce
from typing import Annotated, Any, Optional

import typer
from rich.console import Console

from arithgpt.cli.shared.answers import print_rows
from arithgpt.cli.shared.terminal import make_console
from arithgpt.config.fields import task_fields
from arithgpt.config.imported import command_line, import_inherited_files
from arithgpt.config.recipe import Recipe
from arithgpt.config.tables import Kind, find_kind
from arithgpt.data.text import Text
from arithgpt.errors import UserError
from arithgpt.proof.families.covered import load_provable
from eval.reports.layout import TextTable, print_record, print_table
from tasks import Row, Task, find, names, sizes
from tasks.registration import GYM_PREFIX

OTHERS = f"{GYM_PREFIX}NAME is any dataset of reasoning-gym, with the extra rg; text is any file, with --set task.path=FILE."


def command(
    name: Annotated[Optional[str], typer.Argument(metavar="[TASK]", help="Show all of one task. [default: list them]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for a task; a list of them for all.")] = False,
) -> None:
    """List the tasks, each with a question; or show one: its options, sizes, suites, a question with its page, and a drawing.

    A mixture shows each of its parts. A task of your own needs --import FILE.py.
    """
    import_inherited_files()
    kinds = [find_kind(name, "TASK ")] if name is not None else _all_kinds()
    if as_json:
        described = [_describe(kind) for kind in kinds]
        print(json.dumps(described if name is None else described[0], indent=2, allow_nan=False))
    elif name is not None:
        _show(kinds[0], make_console())
    else:
        console = make_console()
        rows = [[kind.name, kind.summary, _make(kind).example] for kind in kinds if issubclass(kind, Task)]
        print_table(TextTable(("task", "what it is", "question"), rows, text_columns=(0, 1, 2), prose=(1,)), console)
        console.print(f"\n{OTHERS}\n{command_line('tasks', 'NAME')} shows one of them.", soft_wrap=False)


def _all_kinds() -> list[Kind]:
    """The classes of all tasks; UserError where an installed package offers one that cannot be used."""
    try:
        return [find(name) for name in names()]
    except ValueError as error:
        raise UserError(str(error)) from None


def _make(kind: type[Task]) -> Task:
    """The task with its default options."""
    return kind()


def _describe(kind: Kind) -> dict[str, Any]:
    """All that is shown of a task, as values for JSON."""
    options = [
        {"name": option.name, "type": option.type, "default": option.default, "meaning": option.meaning}
        for option in task_fields(kind)
    ]
    parts = {} if issubclass(kind, Text) else _make(kind).subtasks
    return {
        "name": kind.name,
        "summary": kind.summary,
        "version": getattr(kind, "version", None),
        "options": options,
        "parts": [_describe_part(part) for part in parts.values()],
    }


def _describe_part(task: Task) -> dict[str, Any]:
    """What is shown of a task that is no mixture, or of a part of one: its sizes and suites, and a question worked out."""
    question, page, completion = _example(task)
    has_sizes = task.size_span.high > 0
    return {
        "name": task.name,
        "size_names": list(dict.fromkeys(task.size_names)) if has_sizes else [],
        "lengths": sizes.format_ranges(task.size_ranges) if has_sizes else None,
        "suites": list(task.suites),
        "only_by_name": [suite for suite in task.suites if suite in task.slow_suites],
        "question": question,
        "page": page,
        "prompt": page.removesuffix(completion),
        "answer": task.answer(question),
        "drawing": [{"text": row.text, "note": row.note, "kind": row.kind} for row in _drawing(task, question, completion)],
    }


def _example(task: Task) -> tuple[str, str, str]:
    """The question of help and messages, its page, and what of the page the model writes."""
    question = task.parse(task.example)
    problems = task.problems([question])
    [page], [prompt] = task.pages(problems).texts(), task.prompts(problems).to_strings()
    return question, page, page.removeprefix(prompt)


def _drawing(task: Task, question: str, completion: str) -> list[Row]:
    """The question worked out, as a person reads it; a completion is drawn without its stop."""
    return task.render(question, completion[:-1])


def _show(kind: Kind, console: Console) -> None:
    """Print all of a task."""
    console.print(f"{kind.name}: {kind.summary}\n")
    options = task_fields(kind)
    if options:
        rows = [[one.name, _as_typed(one.default), f"{one.meaning} [{one.type}]".strip()] for one in options]
        console.print("options, as train --set takes them:")
        print_table(TextTable(("option", "default", "meaning [type]"), rows, text_columns=(0, 1, 2), prose=(2,)), console)
        console.print()
    if issubclass(kind, Text):
        console.print(
            "It has no questions: a run of it is told by its loss, and arithgpt sample lets it write.", soft_wrap=False
        )
        return
    for part in _make(kind).subtasks.values():
        _show_part(part, is_whole=part.name == kind.name, console=console)
    console.print(f"learn it: {command_line('train', '--task', kind.name)}")
    recipe = load_provable(task=kind.name)
    changed = [f"{one.name} = {_as_typed(value)}" for one in options if (value := _value(recipe, one.name)) != one.default]
    if changed:
        console.print(f"its recipe has other values than the defaults: {', '.join(changed)}", soft_wrap=False)


def _value(recipe: Recipe, field: str) -> Any:
    """The value of a dotted field of a recipe, such as task.mul.digits."""
    return reduce(getattr, field.split("."), recipe)


def _show_part(task: Task, *, is_whole: bool, console: Console) -> None:
    """Print sizes, suites and an example of a task, or of a part of a mixture."""
    about = _describe_part(task)
    facts = {} if is_whole else {"part": f"{task.name}: {task.summary}"}
    if about["lengths"]:
        facts["size"] = " x ".join(about["size_names"])
        facts["lengths"] = f"{about['lengths']} in training"
    facts["suites"] = " ".join(suite for suite in about["suites"] if suite not in about["only_by_name"])
    facts["only by name"] = " ".join(about["only_by_name"])
    facts |= {"question": about["question"], "page": about["page"], "prompt": about["prompt"], "answer": about["answer"]}
    print_record(facts, console, prose=("part", "suites", "only by name"))
    console.print()
    print_rows([Row(**row) for row in about["drawing"]])


def _as_typed(value: Any) -> str:
    """A default as --set takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_typed, value))}]"
    return '""' if value in ("", None) else str(value)

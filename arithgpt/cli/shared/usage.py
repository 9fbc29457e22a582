"""Faults in how a command is called, which typer finds: a line for each, as all other errors have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.core.near import near_names
from tasks.registration import BUILT_IN, registered


def no_such(what: str, given: str, names: Iterable[str], command: str) -> str:
    """Describe a name that there is not, with the near ones.

    Args:
        what: command or option
        given: what was typed
        names: the names that there are
        command: whose help lists them, such as `arithgpt train`
    """
    bare = {name.lstrip("-"): name for name in names}
    near = [bare[name] for name in near_names(given.lstrip("-"), bare, 3)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"see {command} --help"
    return f"{given}: no such {what}; {hint}"


def describe_usage(error: Any, arguments: Sequence[str]) -> str:
    """Describe a usage error of typer in one line.

    Args:
        error: it has a message, and where it is known a context, a parameter or the name of an option
        arguments: the command line
    """
    context = getattr(error, "ctx", None)
    command = " ".join(["arithgpt", *_path(context)])
    if hasattr(error, "possibilities"):  # there is no such option
        return no_such("option", error.option_name, options_of(context), command)
    message = " ".join(error.format_message().split()).removesuffix(".")
    parameter = getattr(error, "param", None)
    if match := re.fullmatch(r"Option '(-.+?)' (.+)", message):  # such as "requires an argument"
        return f"{match[1]}: {match[2]}"
    if parameter is None:
        extra = re.search(r"unexpected extra argument\S* \(([^ )]+)", message)
        hint = f"see {command} --help"
        if extra and _is_task_of(context, extra[1]):
            hint = f"did you mean --task {extra[1]}?"
        return f"{message[:1].lower()}{message[1:]}; {hint}"
    name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name.upper()
    if hasattr(error, "param_type"):  # a required parameter was not given
        return f"{name}: missing; see {command} --help"
    fault = " ".join(error.message.split()).removesuffix(".")
    return f"{name}{_value(parameter.opts, arguments)}: {fault[:1].lower()}{fault[1:]}"


def options_of(context: Any) -> list[str]:
    """Return the names of all options of a command, from its context; empty where there is none."""
    return [flag for each in context.command.get_params(context) for flag in each.opts] if context is not None else []


def _is_task_of(context: Any, word: str) -> bool:
    """Whether a word is the name of a task, and the command takes one with --task."""
    return "--task" in options_of(context) and word in {*BUILT_IN, *registered}


def _path(context: Any) -> list[str]:
    """The names of a command and of the groups that it is in, without that of the program."""
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, context.info_name)
        context = context.parent
    return names


def _value(flags: Sequence[str], arguments: Sequence[str]) -> str:
    """What was typed after an option, with a space before it; empty where it cannot be told."""
    for place, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag in flags and equals:
            return f" {value}"
        if argument in flags and place + 1 < len(arguments):
            return f" {arguments[place + 1]}"
    return ""

"""What a shell asks and is told: the environment variables and scripts are typer's.

_ARITHGPT_COMPLETE=complete_bash COMP_WORDS="arithgpt tr" COMP_CWORD=1 arithgpt       prints: train
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer
from typer import completion

from arithgpt.cli import COMPLETE
from arithgpt.cli.completion import SHELLS
from arithgpt.errors import UserError

PROGRAM: Final = "arithgpt"
_TYPER: Final[Any] = completion
"""Untyped, because typer marks none of these names as public; they are in all its versions."""
MEANING_WIDTH: Final = 90
"""Characters of a meaning that are shown beside a value."""


class Item(NamedTuple):
    """A completion, as the shell classes of typer read it."""

    value: str
    help: str | None = None
    type: str = "plain"


def answer(app: typer.Typer) -> None:
    """Print the completions that the environment asks for, and exit."""
    if os.environ[COMPLETE] == "complete_bash":
        words, at = joined_words(os.environ.get("COMP_WORDS", ""), int(os.environ.get("COMP_CWORD") or 0))
        os.environ.update(COMP_WORDS=words, COMP_CWORD=str(at))
    os.environ["COLUMNS"] = "1000"  # typer draws each meaning with rich, which would break it into lines
    _TYPER.completion_init()
    group = typer.main.get_command(app)
    attach(group, "")
    group(prog_name=PROGRAM, complete_var=COMPLETE)


def joined_words(line: str, at: int) -> tuple[str, int]:
    """Join what bash takes apart at `=`, as in `--set model.positions = ro`.

    Args:
        line: the words with spaces between, as bash gives them
        at: the index of the word at the cursor

    Returns:
        The line and the index with `model.positions=ro` as one word.
    """
    lexer = shlex.shlex(line, posix=False)  # keeps quotes
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:  # a quote that is still open
        words = line.split()
    joined: list[str] = []
    cursor = None
    for number, word in enumerate(words):
        if number > 1 and "=" in (word, words[number - 1]):
            joined[-1] += word
        else:
            joined.append(word)
        if number == at:
            cursor = len(joined) - 1
    return " ".join(joined), len(joined) if cursor is None else cursor


def command_names(commands: Mapping[str, str], typed: str) -> list[Item]:
    """The commands that begin with what was typed.

    Args:
        commands: name -> help
        typed: the text typed so far
    """
    return [Item(name, short(meaning)) for name, meaning in commands.items() if name.startswith(typed)]


def attach(command: Any, name: str) -> None:
    """Let the parameters of a command offer their values, and shorten their helps for a list of completions.

    Args:
        command: the command as typer made it
        name: of the command
    """
    for parameter in command.params:
        parameter.help = short(getattr(parameter, "help", None))
        parameter.shell_complete = partial(_items, name, parameter)


def _items(name: str, parameter: Any, context: Any, typed: str) -> list[Item]:
    """The completions of the value of a parameter."""
    shell = os.environ[COMPLETE].removeprefix("complete_")
    given: Mapping[str, Any] = {key: value for key, value in context.params.items() if value is not None}
    module = import_module("arithgpt.cli.completion.values")  # only for values: commands and options are known without it
    values = module.values_of(name, parameter, given, typed, explain=shell != "bash")
    found = {value: meaning for value, meaning in values.items() if value.startswith(typed)}
    cut = typed.rfind("=") + 1 if shell == "bash" else 0  # bash completes only what follows the sign
    return [Item(value[cut:], short(meaning)) for value, meaning in found.items()]


def short(meaning: str | None) -> str | None:
    """A meaning in one short line without brackets, which typer would read as markup."""
    text = " ".join((meaning or "").translate(str.maketrans("[]", "()")).split())
    return (text if len(text) <= MEANING_WIDTH else text[: MEANING_WIDTH - 3] + "...") or None


def check_shell(option: str, shell: str) -> str:
    """Return the shell.

    Raises:
        UserError: it is none of SHELLS
    """
    if shell not in SHELLS:
        raise UserError(f"{option} {shell}: must be bash, zsh or fish")
    return shell


def show(shell: str) -> None:
    """Print the script that teaches a shell to complete; raises UserError as `check_shell`."""
    print(_TYPER.get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE, shell=check_shell("--show-completion", shell)))


def install_for(shell: str) -> None:
    """Write the script to where the shell reads it, and say where.

    Raises:
        UserError: as `check_shell`, or the home folder cannot be written
    """
    option = "--install-completion"
    try:
        _, path = _TYPER.install(shell=check_shell(option, shell), prog_name=PROGRAM, complete_var=COMPLETE)
    except OSError as error:
        raise UserError(f"{option} {shell}: {error.filename or Path.home()}: {error.strerror}") from None
    print(f"completion for {shell} is in {path}; it works in the next {shell} that you start")

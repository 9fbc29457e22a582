"""Check a command line without running it: the command exists, its options too, and their values have the right type."""

import re
from typing import Any

import typer

from arithgpt.cli import COMMANDS, app

IMPORT = "--import"


def parse(arguments: list[str]) -> None:
    """Parse the arguments of `arithgpt`; raises what the command line raises where it would refuse them."""
    rest = list(arguments)
    while IMPORT in rest:  # the file may not be there
        del rest[rest.index(IMPORT) : rest.index(IMPORT) + 2]
    if not rest or rest[0].startswith("-"):
        assert set(rest) <= {"-h", "--help", "--version"}, rest
        return
    name = rest[0]
    assert name in COMMANDS, f"{name}: no such command"
    command = load(name)
    if COMMANDS[name].settings.get("ignore_unknown_options"):  # calc reads an unknown option as an expression
        unknown = [word for word in rest[1:] if re.match("--?[a-z]", word) and word not in options(name)]
        assert not unknown, f"arithgpt {name}: no such option: {unknown[0]}"
    if not {"-h", "--help"} & set(rest):
        command.make_context(name, rest[1:])


def load(name: str) -> Any:
    """Return a command as its parser."""
    group: Any = typer.main.get_command(app)
    return group.get_command(None, name)


def options(name: str) -> set[str]:
    """Return the options of a command, with those of help and import."""
    found = {option for parameter in load(name).params for option in (*parameter.opts, *parameter.secondary_opts)}
    return {option for option in found if option.startswith("-")} | {"-h", "--help", IMPORT}

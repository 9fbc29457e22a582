"""A group of commands whose modules are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from arithgpt.cli.shared.task_files import import_parameter


class Command(NamedTuple):
    """Where a command is, and what `arithgpt --help` says of it."""

    module: str
    """Name of the module in arithgpt.cli."""
    help: str
    function: str = "command"
    settings: dict[str, Any] = {}  # noqa: RUF012  never changed


COMMANDS = {
    "train": Command("train", "Train a GPT from scratch."),
    "sweep": Command("sweep", "Train a grid of recipes side by side."),
    "improve": Command("improve", "Let a run learn from its own answers."),
    "ablate": Command("ablate", "Test over seeds whether a change helps."),
    "eval": Command("evaluate", "Measure a run by digit length."),
    "compare": Command("compare", "Measure several runs side by side."),
    "falsify": Command("falsify", "Find the smallest problem that a run gets wrong."),
    # An unknown option is read as an expression, so that -5+3 is answered.
    "calc": Command("calc", "Ask a GPT, and check its answer exactly.", settings={"ignore_unknown_options": True}),
    "bench": Command("bench", "Measure speed beside baselines."),
    "inspect": Command("inspect", "Show what a GPT attends to while it writes."),
    "sample": Command("sample", "Let a GPT write."),
    "runs": Command("runs", "List the runs on disk."),
    "export-data": Command("export", "Write problems with answers and workings to a file.", "data_command"),
    "export-lm-eval": Command("export", "Write a task for lm-evaluation-harness.", "lm_eval_command"),
    "tasks": Command("tasks", "List the tasks."),
}


class LazyGroup(TyperGroup):
    """The commands of COMMANDS, each imported by `get_command`; help lists them without importing any."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = dict.fromkeys(COMMANDS)  # names only, for near names in messages

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = COMMANDS[cmd_name]
        module = import_module(f"arithgpt.cli.{command.module}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        settings = {"help_option_names": ["-h", "--help"], **command.settings}
        single.command(cmd_name, context_settings=settings)(getattr(module, command.function))
        loaded = typer.main.get_command(single)
        loaded.params.append(import_parameter())
        return loaded

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names and short helps of all commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])

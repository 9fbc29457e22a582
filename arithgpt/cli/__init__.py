"""The command line: one file per command, which parses options, calls the library and draws the result.

A command's module is imported only when the command is asked for, so that `arithgpt --help` needs neither torch nor pandas.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, Optional

import typer
from typer.core import TyperGroup

from arithgpt.errors import PeerLostError, UserError

THREAD_SETTINGS = {"GOMP_SPINCOUNT": "10000", "OPENBLAS_NUM_THREADS": "1"}
"""Set before torch and NumPy are loaded, which read them then, and only where the user has not set them.

GOMP_SPINCOUNT says how often a thread of torch looks for work before it sleeps. OpenMP's own choice slows a busy machine. NumPy
gets one thread: the products of the calculator are too small to share, and OpenBLAS's threads wait for each other in a loop,
which took 5 s in place of 0.5 s beside one other process (runs/LOG.md).
"""

COMPLETE = "_ARITHGPT_COMPLETE"
"""Set by a shell that asks for completions (completion/protocol.py)."""

USAGE_ERROR: Any = typer.BadParameter.__base__
"""What typer raises for arguments that it cannot read. It has no public name, and its module differs between versions."""

INSTALL_COMPLETION, SHOW_COMPLETION = "--install-completion", "--show-completion"

LEAST_HELP_WIDTH: Final = 50

OWN_PACKAGES = ("tasks", "eval")
"""Packages with common names, which another file may hide."""

IMPORT_HELP = "Import this file first: it registers tasks of your own. Can be given several times."


def import_files(files: Sequence[str]) -> None:
    """Import the files of --import; raises UserError as `import_task_files` does."""
    from arithgpt.config.imported import import_task_files  # only here: `arithgpt --help` needs no NumPy

    import_task_files(files)


IMPORT_OPTION = typer.Option("--import", metavar="FILE.py", help=IMPORT_HELP)
"""The option before the command: `arithgpt --import my_tasks.py train`."""


def _import_given(files: Optional[list[str]]) -> None:
    """Import the files of --import after a command, before its other options are read."""
    if files:
        import_files(files)


_COMMAND_OPTION = typer.Option(
    "--import", metavar="FILE.py", help=IMPORT_HELP, callback=_import_given, is_eager=True, expose_value=False
)


def import_parameter() -> Any:
    """Make the option that each command gets: `arithgpt train --import my_tasks.py`."""
    template = typer.Typer(add_completion=False)

    @template.command()
    def command(task_files: Annotated[Optional[list[str]], _COMMAND_OPTION] = None) -> None: ...

    return typer.main.get_command(template).params[0]


_Formatter: Any = typer.Context.formatter_class


class HelpFormatter(_Formatter):  # type: ignore[misc]
    """Writes help; in a narrow terminal the names of options leave half of the line to what they mean."""

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names with their meanings in two columns."""
        super().write_dl(rows, min(col_max, self.width // 2), col_spacing)


class HelpContext(typer.Context):
    """A call of a command, with our form of help."""

    formatter_class = HelpFormatter


class Command(NamedTuple):
    """Where a command is, and what `arithgpt --help` says of it."""

    module: str
    """Name of the module in arithgpt.cli."""
    help: str
    function: str = "command"
    settings: dict[str, Any] = {}  # noqa: RUF012  never changed
    subcommands: dict[str, str] = {}  # noqa: RUF012  never changed
    """The functions of subcommands, by name; without one `function` is called."""


COMMANDS = {
    "demo": Command("demo.command", "Show in about two minutes what all this is."),
    "train": Command("train", "Train a GPT from scratch."),
    "sweep": Command("sweep", "Train a grid of recipes side by side."),
    "improve": Command("improve", "Let a run learn from its own answers."),
    "ablate": Command("ablate", "Test over seeds whether a change helps."),
    "eval": Command("evaluate", "Measure a run by digit length."),
    "compare": Command("compare", "Measure several runs side by side."),
    "falsify": Command("falsify", "Find the smallest problem that a run gets wrong."),
    "prove": Command("prove", "Prove that a run is right at every length."),
    # An unknown option is read as an expression, so that -5+3 is answered.
    "calc": Command("calc", "Ask a GPT, and check its answer exactly.", settings={"ignore_unknown_options": True}),
    "bench": Command("bench", "Measure speed beside baselines."),
    "inspect": Command("inspect", "Show what a GPT attends to while it writes."),
    "sample": Command("sample", "Let a GPT write."),
    "runs": Command(
        "listings.runs", "List the runs on disk, show one, or remove some.", subcommands={"show": "show", "rm": "rm"}
    ),
    "export-data": Command("export", "Write problems with answers and workings to a file.", "data_command"),
    "export-lm-eval": Command("export", "Write a task for lm-evaluation-harness.", "lm_eval_command"),
    "export-hf": Command("export", "Write a run for Hugging Face transformers.", "hf_command"),
    "tasks": Command("listings.tasks", "List the tasks, or show one."),
}


APP_SETTINGS: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}


def _assemble(name: str, functions: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Make a command of a function; of several, those after the first are its subcommands."""
    single = typer.Typer(cls=Group, **APP_SETTINGS)
    function = functions.pop("")
    if not functions:
        single.command(name, context_settings=settings)(function)
    else:
        single.callback(invoke_without_command=True, context_settings=settings)(function)
        for subcommand, its_function in functions.items():
            single.command(subcommand, context_settings=settings)(its_function)
    return typer.main.get_command(single)


def _lazy(module: str) -> Any:
    """Import a module of arithgpt.cli that few calls of the command line need."""
    return import_module(f"arithgpt.cli.{module}")


class Group(TyperGroup):
    """Commands, one of which is called; a name that there is not is an error of our own."""

    context_class = HelpContext

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that was typed.

        Raises:
            UserError: there is none of this name; the message suggests near names
        """
        if not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in (names := self.list_commands(ctx)):
            path = "arithgpt" if ctx.parent is None else f"arithgpt {ctx.info_name}"
            raise UserError(_lazy("shared.usage").no_such("command", args[0], names, path))
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """The commands of COMMANDS, each imported by `get_command`; help lists them without importing any."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = COMMANDS[cmd_name]
        functions = {"": command.function, **command.subcommands}
        completing = COMPLETE in os.environ
        if completing:  # what the command does is not needed, and torch takes seconds
            load = _lazy("completion.signature").load_signature
            found = {name: load(f"arithgpt.cli.{command.module}", function) for name, function in functions.items()}
        else:
            module = _lazy(command.module)
            found = {name: getattr(module, function) for name, function in functions.items()}
        loaded = _assemble(cmd_name, found, {"help_option_names": ["-h", "--help"], **command.settings})
        for name, each in {"": loaded, **getattr(loaded, "commands", {})}.items():
            each.params.append(import_parameter())
            each.context_class = HelpContext
            if completing:
                _lazy("completion.protocol").attach(each, f"{cmd_name} {name}".strip())
        return loaded

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the commands and options that begin with what was typed."""
        protocol = _lazy("completion.protocol")
        found: list[Any] = protocol.command_names({name: command.help for name, command in COMMANDS.items()}, incomplete)
        if incomplete.startswith("-"):
            parameters: list[Any] = self.get_params(ctx)
            flags = {flag: parameter.help for parameter in parameters for flag in parameter.opts}
            found += protocol.command_names(flags, incomplete)
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names and short helps of all commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    help="Train small GPTs to do arithmetic, measure how far they can be trusted, and ask them.",
    **APP_SETTINGS,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    """Print the versions of --version."""
    if asked and COMPLETE not in os.environ:
        print(_lazy("shared.version").version_line())
        raise typer.Exit


def _show_completion(shell: Optional[str]) -> None:
    """Print the script of --show-completion."""
    if shell is not None and COMPLETE not in os.environ:
        _lazy("completion.protocol").show(shell)
        raise typer.Exit


def _install_completion(shell: Optional[str]) -> None:
    """Install the script of --install-completion."""
    if shell is not None and COMPLETE not in os.environ:
        _lazy("completion.protocol").install_for(shell)
        raise typer.Exit


def _shell_option(flag: str, callback: Callable[[Optional[str]], None], text: str) -> Any:
    return typer.Option(flag, metavar="[SHELL]", callback=callback, is_eager=True, expose_value=False, help=text)


_INSTALL_OPTION = _shell_option(INSTALL_COMPLETION, _install_completion, "Let bash, zsh or fish complete what is typed.")
_SHOW_OPTION = _shell_option(
    SHOW_COMPLETION, _show_completion, "Print the script that does so, to look at or to put elsewhere."
)


@app.callback()
def _shared(
    task_files: Annotated[Optional[list[str]], IMPORT_OPTION] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the versions of arithgpt and what it uses."
        ),
    ] = False,
    install_completion: Annotated[Optional[str], _INSTALL_OPTION] = None,
    show_completion: Annotated[Optional[str], _SHOW_OPTION] = None,
) -> None:
    """Handle the options that stand before the command."""
    if task_files:
        import_files(task_files)


def main() -> None:
    """Run the console script; without arguments it prints the help.

    Our own error, one of typer, or a dependency that is not installed, becomes one line and exit status 2. Nothing else is
    caught.
    """
    for name, value in THREAD_SETTINGS.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # the terminal may lack some characters, such as ≈
    try:
        check_own_packages()
        if COMPLETE in os.environ:
            _lazy("completion.protocol").answer(app)
        arguments = sys.argv[1:]
        if arguments[-1:] in [[INSTALL_COMPLETION], [SHOW_COMPLETION]]:
            arguments.append(Path(os.environ.get("SHELL", "")).name)  # the shell of the user
        sys.exit(app(arguments or ["--help"], standalone_mode=False, terminal_width=help_width()))
    except USAGE_ERROR as error:
        print(f"arithgpt: {_lazy('shared.usage').describe_usage(error, sys.argv[1:])}", file=sys.stderr)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except UserError as error:
        # All processes that a launcher started on a machine meet the same error, unless one of them is gone.
        if os.environ.get("LOCAL_RANK", "0") != "0" and not isinstance(error, PeerLostError):
            time.sleep(1)  # a launcher ends all processes as soon as one ends: let the first one print the line
        elif error.in_shell:
            print(f"arithgpt: {error.in_shell}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        said = _lazy("shared.packages").missing_package(error.name)
        if said is None:
            raise
        print(f"arithgpt: {said}", file=sys.stderr)
        sys.exit(2)


def help_width() -> int | None:
    """The columns of help in a terminal that is narrower than the 50 that typer takes at least; None leaves it to typer."""
    columns = shutil.get_terminal_size().columns
    return columns if columns < LEAST_HELP_WIDTH else None


def check_own_packages() -> None:
    """Check that `tasks` and `eval` would be imported from beside the package arithgpt.

    Raises:
        UserError: another file or folder of this name comes first on the import path
    """
    home = Path(__file__).resolve().parents[2]
    for name in OWN_PACKAGES:
        spec = find_spec(name)
        origin = spec.origin if spec is not None else None
        if origin is None:
            raise UserError(f"the package {name} of arithgpt is missing; install arithgpt again")
        if Path(origin).resolve() != home / name / "__init__.py":
            raise UserError(f"{origin}: hides the package {name} of arithgpt; rename it, or start in another folder")

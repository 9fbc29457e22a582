"""The calculator's prompt: expressions and commands, with history and completion."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from rich.console import Console
from rich.live import Live

from arithgpt.cli.shared.answers import format_error, print_rows, styled
from arithgpt.errors import UserError
from arithgpt.inference.calculator import Calculator, CalculatorAnswer
from arithgpt.run_folder import all_runs
from tasks import QuestionError, Row

HELP = """Type what to work out, such as 123*45 or (12+34)*5-6/2; _ is the last answer.
  :working on|off   show how it is worked out
  :run NAME         ask another run; `calculator` is the one that ships
  :help             this
  :quit             end, as Ctrl-D does"""

_LAST_ANSWER = re.compile(r"(?<!\w)_(?!\w)")
_NATURAL, _NUMBER = re.compile("[0-9]+"), re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class Prompt:
    """Reads lines from a terminal until Ctrl-D or :quit.

    Args:
        calculator: answers the expressions
        working: whether to show the working
        decimals: maximum number of decimals of an answer; None for the default
        remainder: divide two natural numbers with a remainder
    """

    def __init__(self, calculator: Calculator, working: bool, *, decimals: int | None = None, remainder: bool = False) -> None:
        self.calculator = calculator
        self.working = working
        self.form: dict[str, Any] = {"decimals": decimals, "remainder": remainder}
        self.last: str | None = None
        self.commands: dict[str, Callable[[str], None]] = {
            ":working": self._set_working,
            ":run": self._set_run,
            ":help": lambda _: print(HELP),
            ":quit": self._quit,
        }

    def loop(self) -> None:
        """Read lines and answer them, until the user ends the prompt."""
        # sentence=True: the whole line is completed, a command together with its argument.
        completer = WordCompleter(self.completions, sentence=True)
        session: PromptSession[str] = PromptSession("> ", history=_history(), completer=completer, complete_while_typing=False)
        print("Type what to work out, such as (12+34)*5; :help lists the commands, Ctrl-D ends.")
        while True:
            try:
                self.handle(session.prompt().strip())
            except KeyboardInterrupt:
                continue  # Ctrl-C drops the line
            except EOFError:
                return
            except (QuestionError, UserError) as error:
                message = format_error(error) if isinstance(error, QuestionError) else error.in_shell
                print(f"arithgpt: {message}", file=sys.stderr)

    def completions(self) -> list[str]:
        """Return every command with each of its arguments."""
        names = dict.fromkeys(["calculator", *(run.name for run in all_runs() if run.has_weights)])
        return [":working on", ":working off", *(f":run {name}" for name in names), ":help", ":quit"]

    def handle(self, line: str) -> None:
        """Run a command, or answer an expression.

        Raises:
            QuestionError: the expression cannot be understood
            UserError: the command is unknown, or the run cannot answer
            EOFError: the command ends the prompt
        """
        if not line:
            return
        if line.startswith(":"):
            name, _, argument = line.partition(" ")
            if name not in self.commands:
                raise UserError(f"{name}: no such command; there are: {', '.join(self.commands)}")
            self.commands[name](argument.strip())
            return
        expression = self._with_last_answer(line)
        answer = self._answer_live(expression) if self.working else self.calculator(expression, **self.form)
        print(answer)
        self.last = answer.answer

    def _with_last_answer(self, line: str) -> str:
        """Replace `_` by the last answer, in parentheses where it is negative."""
        match = _LAST_ANSWER.search(line)
        if match is None:
            return line
        takes_any_number = "expr" in self.calculator.task.subtasks  # signs and decimals
        if self.last is None:
            raise QuestionError("_ is the last answer, and there is none yet", line, match.start())
        if not (_NUMBER if takes_any_number else _NATURAL).fullmatch(self.last):
            kind = "number" if takes_any_number else "natural number"
            raise QuestionError(f"_ is the last answer, and {self.last} is no {kind}", line, match.start())
        return _LAST_ANSWER.sub(f"({self.last})" if self.last.startswith("-") else self.last, line)

    def _answer_live(self, expression: str) -> CalculatorAnswer:
        """Answer while the working grows on the screen; without a terminal, print it at the end."""
        if not sys.stdout.isatty():
            answer = self.calculator(expression, **self.form)
            print_rows(answer.rows)
            return answer
        with Live(console=Console(highlight=False), auto_refresh=False, vertical_overflow="visible") as live:

            def show(rows: list[Row]) -> None:
                live.update(styled(rows), refresh=True)

            answer = self.calculator.watch(expression, show, **self.form)
            live.update(styled(answer.rows), refresh=True)
        return answer

    def _set_working(self, argument: str) -> None:
        if argument not in ("on", "off"):
            raise UserError(f":working {argument}: must be on or off".replace("  ", " "))
        self.working = argument == "on"

    def _set_run(self, argument: str) -> None:
        if not argument:
            raise UserError(":run: must be followed by the name of a run, or by calculator")
        self.calculator = Calculator(argument)

    def _quit(self, argument: str) -> None:
        raise EOFError


def _history() -> History:
    """Return the lines of earlier sessions; only those of this one where there is no home folder to write to."""
    try:
        folder = Path.home() / ".cache" / "arithgpt"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "history").open("a"):
            return FileHistory(str(folder / "history"))
    except (OSError, RuntimeError):
        return InMemoryHistory()

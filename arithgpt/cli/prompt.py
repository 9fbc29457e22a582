"""The calculator's prompt: expressions and commands, with history and completion."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arithgpt.cli.calc import draw, explained, painted, written
from arithgpt.errors import UserError
from tasks import QuestionError

if TYPE_CHECKING:
    from prompt_toolkit.history import History

    from arithgpt.inference.calculator import Calculator, CalculatorAnswer
    from tasks import Row

HELP = """Type what to work out, such as 123*45 or (12+34)*5-6/2; _ is the last answer.
  :working on|off   show how it is worked out
  :run NAME         ask another run; `calculator` is the one that ships
  :help             this
  :quit             end, as Ctrl-D does"""

_NATURAL, _NUMBER = re.compile("[0-9]+"), re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class Prompt:
    """Reads lines from a terminal until Ctrl-D or :quit."""

    def __init__(self, calculator: Calculator, working: bool, *, places: int | None = None, remainder: bool = False) -> None:
        self.calculator = calculator
        self.working = working
        self.form: dict[str, Any] = {"places": places, "remainder": remainder}
        self.last: str | None = None
        self.commands: dict[str, Callable[[str], None]] = {
            ":working": self._set_working,
            ":run": self._set_run,
            ":help": lambda _: print(HELP),
            ":quit": self._quit,
        }

    def loop(self) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter

        # The whole line is one word: a command with what may follow it is completed as a whole.
        completer = WordCompleter(self.completions, sentence=True)
        session: PromptSession[str] = PromptSession("> ", history=_history(), completer=completer, complete_while_typing=False)
        print("Type what to work out, such as (12+34)*5; :help tells more, Ctrl-D ends.")
        while True:
            try:
                self.take(session.prompt().strip())
            except KeyboardInterrupt:
                continue  # Ctrl-C drops the line
            except EOFError:
                return
            except (QuestionError, UserError) as error:
                message = explained(error) if isinstance(error, QuestionError) else str(error)
                print(f"arithgpt: {message}", file=sys.stderr)

    def completions(self) -> list[str]:
        """Every line that a command can be."""
        from arithgpt.run import all_runs

        names = dict.fromkeys(["calculator", *(run.name for run in all_runs() if run.has_weights)])
        return [":working on", ":working off", *(f":run {name}" for name in names), ":help", ":quit"]

    def take(self, line: str) -> None:
        """Obey or answer one line. QuestionError or UserError where it cannot be understood, EOFError where it ends."""
        if not line:
            return
        if line.startswith(":"):
            name, _, argument = line.partition(" ")
            if name not in self.commands:
                raise UserError(f"{name}: no such command; there are: {', '.join(self.commands)}")
            self.commands[name](argument.strip())
            return
        expression = self._with_last_answer(line)
        answer = self._watched(expression) if self.working else self.calculator(expression, **self.form)
        print(written(answer, as_json=False, brief=False))
        self.last = answer.answer

    def _with_last_answer(self, line: str) -> str:
        alone = re.search(r"(?<!\w)_(?!\w)", line)
        if alone is None:
            return line
        signed = "expr" in self.calculator.task.subtasks  # a run that takes signs and decimals
        if self.last is None or not (_NUMBER if signed else _NATURAL).fullmatch(self.last):
            said = "there is none yet" if self.last is None else f"{self.last} is no {'' if signed else 'natural '}number"
            raise QuestionError(f"_ is the last answer, and {said}", line, alone.start())
        last = f"({self.last})" if self.last.startswith("-") else self.last
        return re.sub(r"(?<!\w)_(?!\w)", last, line)

    def _watched(self, expression: str) -> CalculatorAnswer:
        """Answer while the page grows on the screen; without a terminal, draw it when it is done."""
        if not sys.stdout.isatty():
            answer = self.calculator(expression, **self.form)
            draw(answer.rows)
            return answer
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(highlight=False), auto_refresh=False, vertical_overflow="visible") as live:

            def show(rows: list[Row]) -> None:
                live.update(painted(rows), refresh=True)

            answer = self.calculator.watch(expression, show, **self.form)
            live.update(painted(answer.rows), refresh=True)
        return answer

    def _set_working(self, argument: str) -> None:
        if argument not in ("on", "off"):
            raise UserError(f":working {argument}: must be on or off".replace("  ", " "))
        self.working = argument == "on"

    def _set_run(self, argument: str) -> None:
        from arithgpt.inference.calculator import Calculator

        if not argument:
            raise UserError(":run: must be followed by the name of a run, or by calculator")
        self.calculator = Calculator(argument)

    def _quit(self, argument: str) -> None:
        raise EOFError


def _history() -> History:
    """The lines of earlier sessions, where there is a home to keep them in."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    try:
        folder = Path.home() / ".cache" / "arithgpt"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "history").open("a"):
            return FileHistory(str(folder / "history"))
    except (OSError, RuntimeError):
        return InMemoryHistory()

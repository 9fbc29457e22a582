"""arithgpt calc: ask a GPT, and check what it answers."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from arithgpt.calculator import Calculator, CalculatorAnswer
    from tasks import QuestionError

BATCH = 512  # lines of piped input answered together
SHOWN_AROUND_ERROR = 30  # characters


def command(
    expressions: Annotated[
        Optional[list[str]], typer.Argument(metavar="[EXPR]...", help='What to ask, as in "123+456".')
    ] = None,
    run: Annotated[Optional[str], typer.Option(help="Ask this run. [default: the newest one of the task]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="The answer, and what is right only where it is wrong.")] = False,
) -> None:
    """Ask a GPT and check its answer exactly.

    Without EXPR it asks for expressions at a prompt, or reads them from a pipe, one a line. The answer is the GPT's own,
    marked right or wrong. Exit status: 0 all right, 1 some wrong, 2 something could not be understood.
    """
    from arithgpt.calculator import Calculator
    from arithgpt.errors import UserError

    if expressions is None and sys.stdin is None:
        raise UserError("no EXPR, and nothing to read: standard input is closed")
    if expressions is None and sys.stdin.isatty():
        _prompt(Calculator(run), as_json, brief)
        return
    calculator = Calculator(run)
    wrong = misunderstood = False
    where = "" if expressions is not None else "line {}: "
    for numbers, batch in _batches(expressions):
        for number, answer in zip(numbers, calculator.answer_all(batch), strict=True):
            if isinstance(answer, ValueError):
                misunderstood = True
                print(f"arithgpt: {where.format(number)}{_explained(answer)}", file=sys.stderr)
            else:
                wrong |= not answer.correct
                print(_written(answer, as_json, brief))
        sys.stdout.flush()
    raise typer.Exit(2 if misunderstood else 1 if wrong else 0)


def _batches(expressions: list[str] | None) -> Iterator[tuple[range, list[str]]]:
    """The expressions, numbered from 1; from a pipe as they come, up to BATCH together, none waiting for more."""
    if expressions is not None:
        yield range(1, len(expressions) + 1), expressions
        return
    arriving: queue.Queue[bytes | None] = queue.Queue(maxsize=2 * BATCH)

    def read() -> None:
        try:
            for line in sys.stdin.buffer:
                arriving.put(line)
        except (OSError, ValueError):
            pass  # what cannot be read has ended
        arriving.put(None)

    threading.Thread(target=read, daemon=True).start()
    first, line = 1, arriving.get()
    while line is not None:
        batch = [line]
        while len(batch) < BATCH and not arriving.empty() and (line := arriving.get()) is not None:
            batch.append(line)
        yield range(first, first + len(batch)), [line.decode("utf-8", "replace").rstrip("\r\n") for line in batch]
        first += len(batch)
        line = None if line is None else arriving.get()


def _written(answer: CalculatorAnswer, as_json: bool, brief: bool) -> str:
    if as_json:
        shown = ("expression", "answer", "correct", "expected", "working", "run", "beyond_training")
        return json.dumps({name: getattr(answer, name) for name in shown})
    said = answer.answer if answer.answer is not None else "no answer"
    verdict = "" if answer.correct else f"  wrong: it is {answer.expected}"
    if brief:
        return said + verdict
    checked = "  right" if answer.correct else verdict
    beyond = "  (beyond the lengths of training)" if answer.beyond_training else ""
    return f"{answer.expression} = {said}{checked}{beyond}"


def _explained(error: QuestionError) -> str:
    """The message, and the place of the fault marked under as much of the text as fits."""
    if not error.text.strip():
        return str(error)  # nothing to mark a place in
    start = max(0, error.place - SHOWN_AROUND_ERROR)
    around = error.text[start : error.place + SHOWN_AROUND_ERROR]
    before, after = "..." * (start > 0), "..." * (start + len(around) < len(error.text))
    shown = "".join(char if char.isprintable() else "?" for char in around)
    caret = " " * (len(before) + error.place - start) + "^"
    return f"{error}\n  {before}{shown}{after}\n  {caret}"


def _prompt(calculator: Calculator, as_json: bool, brief: bool) -> None:
    from pathlib import Path

    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory

    from tasks import QuestionError

    history: History = InMemoryHistory()
    try:
        folder = Path.home() / ".cache" / "arithgpt"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "history").open("a"):
            history = FileHistory(str(folder / "history"))
    except (OSError, RuntimeError):
        pass  # no home to keep a history in: go without
    session: PromptSession[str] = PromptSession("> ", history=history)
    print("Type a sum such as 123+456; :quit or Ctrl-D ends.")
    while True:
        try:
            typed = session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if typed.strip() == ":quit":
            return
        if not typed.strip():
            continue
        try:
            answer = calculator(typed)
        except QuestionError as error:
            print(_explained(error), file=sys.stderr)
        else:
            print(_written(answer, as_json, brief) if as_json or brief else f"{answer.drawn}\n{_written(answer, False, False)}")

"""arithgpt calc: ask a GPT, and check what it answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
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
    brief: Annotated[bool, typer.Option("--brief", help="Only the answer.")] = False,
) -> None:
    """Ask a GPT and check its answer exactly.

    Without EXPR it asks for expressions at a prompt, or reads them from a pipe, one a line. The answer is the GPT's own,
    marked right or wrong. Exit status: 0 all right, 1 some wrong, 2 something could not be understood.
    """
    from arithgpt.calculator import Calculator

    if expressions is None and sys.stdin.isatty():
        _prompt(Calculator(run), as_json, brief)
        return
    lines = enumerate(expressions if expressions is not None else _lines(), 1)
    calculator = Calculator(run)
    wrong = misunderstood = False
    where = "" if expressions is not None else "line {}: "
    for numbers, batch in _batches(lines):
        for number, answer in zip(numbers, calculator.answer_all(batch), strict=True):
            if isinstance(answer, ValueError):
                misunderstood = True
                print(f"arithgpt: {where.format(number)}{_explained(answer)}", file=sys.stderr)
            else:
                wrong |= not answer.correct
                print(_written(answer, as_json, brief))
    raise typer.Exit(2 if misunderstood else 1 if wrong else 0)


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _batches(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[list[int], list[str]]]:
    lines = iter(lines)
    while batch := list(islice(lines, BATCH)):
        yield [number for number, _ in batch], [text for _, text in batch]


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
        (folder / "history").touch()
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

"""arithgpt calc: ask a GPT, and check what it answers."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from rich.text import Text

    from arithgpt.inference.calculator import CalculatorAnswer
    from tasks import QuestionError, Row

BATCH = 2048  # lines of piped input answered together
SHOWN_AROUND_ERROR = 30  # characters
STYLES = {"given": "bold", "rule": "dim", "working": "cyan", "answer": "bold green"}


def command(
    expressions: Annotated[
        Optional[list[str]], typer.Argument(metavar="[EXPR]...", help='What to ask, as in "123*45" or "(12+34)*5-6/2".')
    ] = None,
    run: Annotated[Optional[str], typer.Option(help="Ask this run. [default: the calculator that ships]")] = None,
    working: Annotated[
        Optional[bool],
        typer.Option("--working/--no-working", help="Draw the working. [default: in a terminal, for one EXPR]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    places: Annotated[Optional[int], typer.Option(help="Decimals of the answer at most. [default: 10]")] = None,
    remainder: Annotated[bool, typer.Option("--remainder", help="Divide two natural numbers with a remainder.")] = False,
    brief: Annotated[bool, typer.Option("--quiet", help="The answer, and what is right only where it is wrong.")] = False,
) -> None:
    """Ask a GPT and check its answer exactly.

    The calculator that ships takes expressions of + - * / with parentheses, signs and decimals; 7391/52 is 142.1346153846,
    rounded half away from zero, and with --remainder 142 r 7. Another run takes what it was trained on. Without EXPR it asks
    for expressions at a prompt, or reads them from a pipe, one a line. The answer is the GPT's own, marked right or wrong.
    Exit status: 0 all right, 1 some wrong or divided by zero, 2 something could not be understood.
    """
    from arithgpt.errors import UserError
    from arithgpt.inference.calculator import Calculator

    for expression in expressions or ():
        if expression.startswith("--"):
            raise UserError(f"{expression}: no such option; see arithgpt calc --help")
    if expressions is None and sys.stdin is None:
        raise UserError("no EXPR, and nothing to read: standard input is closed")
    calculator = Calculator(run)
    if expressions is None and sys.stdin.isatty():
        from arithgpt.cli.prompt import Prompt

        if as_json or brief:
            raise UserError(f"{'--json' if as_json else '--quiet'}: not at the prompt; give an EXPR or a pipe")
        Prompt(calculator, working is not False, places=places, remainder=remainder).loop()
        return
    if working is None:
        working = sys.stdout.isatty() and expressions is not None and len(expressions) == 1 and not brief
    failed = misunderstood = False
    where = "" if expressions is not None else "line {}: "
    for numbers, batch in _batches(expressions):
        for number, answer in zip(numbers, calculator.answer_all(batch, places=places, remainder=remainder), strict=True):
            if isinstance(answer, ValueError):
                misunderstood = True
                print(f"arithgpt: {where.format(number)}{explained(answer)}", file=sys.stderr)
                continue
            failed |= not answer.correct or answer.by_zero
            if working and not as_json:
                draw(answer.rows)
            print(written(answer, as_json, brief))
        sys.stdout.flush()
    raise typer.Exit(2 if misunderstood else 1 if failed else 0)


def _batches(expressions: list[str] | None) -> Iterator[tuple[range, list[str]]]:
    """The expressions, numbered from 1; from a pipe as they come, up to BATCH together, none waiting for more."""
    if expressions is not None:
        yield range(1, len(expressions) + 1), expressions
        return
    arriving: queue.Queue[bytes | None] = queue.Queue(maxsize=2 * BATCH)

    def read() -> None:
        # Not through sys.stdin: its lock, held by a thread that still waits, would break off the interpreter at its end.
        rest = b""
        try:
            while piece := os.read(sys.stdin.fileno(), 1 << 16):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    arriving.put(line)
        except (OSError, ValueError):
            pass  # what cannot be read has ended
        if rest:
            arriving.put(rest)
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


def written(answer: CalculatorAnswer, as_json: bool, brief: bool) -> str:
    if as_json:
        shown = ("expression", "answer", "correct", "expected", "exact", "working", "fault", "run", "beyond_training")
        return json.dumps({name: getattr(answer, name) for name in shown})
    said = answer.answer if answer.answer is not None else "no answer"
    verdict = "" if answer.correct else f"  wrong: it is {answer.expected}"
    if not (answer.correct or brief) and answer.fault and answer.expression not in answer.fault:
        verdict += f"; {answer.fault}"
    if brief:
        return said + verdict
    if answer.correct and answer.by_zero:
        return f"{answer.expression}: {said}"
    checked = "  right" if answer.correct else verdict
    if answer.correct and answer.fault:
        checked += f", but its working is wrong: {answer.fault}"
    beyond = "  (beyond the lengths of training)" if answer.beyond_training else ""
    equals = "=" if answer.exact or answer.answer is None else "≈"
    return f"{answer.expression} {equals} {said}{checked}{beyond}"


def explained(error: QuestionError) -> str:
    """The message, and the place of the fault marked under as much of the text as fits."""
    if not error.text.strip():
        return str(error)  # nothing to mark a place in
    start = max(0, error.place - SHOWN_AROUND_ERROR)
    around = error.text[start : error.place + SHOWN_AROUND_ERROR]
    before, after = "..." * (start > 0), "..." * (start + len(around) < len(error.text))
    shown = "".join(char if char.isprintable() else "?" for char in around)
    caret = " " * (len(before) + error.place - start) + "^"
    return f"{error}\n  {before}{shown}{after}\n  {caret}"


def draw(rows: Sequence[Row]) -> None:
    """Print a working, in colours where there is a terminal."""
    if not sys.stdout.isatty():
        from tasks import drawn

        print(drawn(list(rows)) + "\n")
        return
    from rich.console import Console

    Console(highlight=False).print(painted(rows), soft_wrap=True)
    print()


def painted(rows: Sequence[Row]) -> Text:
    """A working in colours."""
    from rich.text import Text

    noted = max((len(row.text) for row in rows if row.note), default=0)
    text = Text()
    for row in rows:
        text.append(row.text, STYLES[row.kind])
        if row.note:
            text.append(" " * (noted - len(row.text) + 3) + row.note, "dim")
        text.append("\n")
    text.right_crop(1)
    return text

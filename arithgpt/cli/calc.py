"""arithgpt calc: ask a GPT, and check what it answers."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Annotated, Optional

import typer

from arithgpt.allocator import keep_freed_memory
from arithgpt.cli.shared.answers import format_error, print_rows
from arithgpt.cli.shared.usage import no_such, options_of
from arithgpt.errors import UserError
from arithgpt.inference.calculator import Calculator
from tasks import QuestionError
from tasks.core.question import OPERATORS

BATCH = 2048
"""Lines of piped input that are answered together."""


def command(
    context: typer.Context,
    expressions: Annotated[
        Optional[list[str]], typer.Argument(metavar="[EXPR]...", help='What to ask, as in "123*45" or "(12+34)*5-6/2".')
    ] = None,
    run: Annotated[Optional[str], typer.Option(help="Ask this run. [default: the calculator that ships]")] = None,
    working: Annotated[
        Optional[bool],
        typer.Option("--working/--no-working", help="Draw the working. [default: in a terminal, for one EXPR]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    decimals: Annotated[
        Optional[int], typer.Option("--decimals", help="Maximum number of decimals of the answer. [default: 10]")
    ] = None,
    remainder: Annotated[bool, typer.Option("--remainder", help="Divide two natural numbers with a remainder.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the answer, and what is right where it is wrong.")] = False,
) -> None:
    """Ask a GPT and check its answer exactly.

    The calculator that ships takes expressions of + - * / with parentheses, signs and decimals; 7391/52 is 142.1346153846,
    rounded half away from zero, and with --remainder 142 r 7. Another run takes what it was trained on. Without EXPR it shows
    a prompt, or reads a pipe, one expression per line. The answer is the GPT's own, marked right or wrong. Exit status: 0 all
    right, 1 some wrong or divided by zero, 2 some not understood.
    """
    for expression in expressions or ():
        if expression.startswith("--"):
            raise UserError(no_such("option", expression, options_of(context), "arithgpt calc"))
        if len(expressions or ()) > 1 and expression in OPERATORS:
            raise UserError(f'{expression}: is no EXPR; quotes make one of all: "{" ".join(expressions or ())}"')
    if expressions is None and sys.stdin is None:
        raise UserError("no EXPR, and nothing to read: standard input is closed")
    if expressions is None or len(expressions) > 1:
        keep_freed_memory()
    calculator = Calculator(run)
    if expressions is None and sys.stdin.isatty():
        from arithgpt.cli.shared.prompt import (
            Prompt,  # only here: prompt_toolkit takes longer to import than a question to answer
        )

        if as_json or quiet:
            raise UserError(f"{'--json' if as_json else '--quiet'}: not at the prompt; give an EXPR or a pipe")
        Prompt(calculator, working is not False, decimals=decimals, remainder=remainder).loop()
        return
    if working is None:
        working = sys.stdout.isatty() and expressions is not None and len(expressions) == 1 and not quiet
    any_wrong = any_misunderstood = False
    place = "" if expressions is not None else "line {}: "
    for numbers, batch in _batches(expressions):
        for number, answer in zip(numbers, calculator.answer_all(batch, decimals=decimals, remainder=remainder), strict=True):
            if isinstance(answer, QuestionError):
                any_misunderstood = True
                print(f"arithgpt: {place.format(number)}{format_error(answer)}", file=sys.stderr)
                continue
            any_wrong |= not answer.correct or answer.by_zero
            if working and not as_json:
                print_rows(answer.rows)
            print(answer.to_json() if as_json else answer.short if quiet else answer)
        sys.stdout.flush()
    raise typer.Exit(2 if any_misunderstood else 1 if any_wrong else 0)


def _batches(expressions: list[str] | None) -> Iterator[tuple[range, list[str]]]:
    """Yield expressions with their numbers, from 1 on.

    From a pipe they come as they arrive, up to BATCH together; none waits for another.
    """
    if expressions is not None:
        yield range(1, len(expressions) + 1), expressions
        return
    lines: queue.Queue[bytes | None] = queue.Queue(maxsize=2 * BATCH)

    def read() -> None:
        # Not through sys.stdin: a thread that waits holds its lock, and the interpreter would abort when it ends.
        rest = b""
        try:
            while piece := os.read(sys.stdin.fileno(), 1 << 16):
                *complete, rest = (rest + piece).split(b"\n")
                for line in complete:
                    lines.put(line)
        except (OSError, ValueError):
            pass  # treat an input that cannot be read as ended
        if rest:
            lines.put(rest)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    first, line = 1, lines.get()
    while line is not None:
        batch = [line]
        while len(batch) < BATCH and not lines.empty() and (line := lines.get()) is not None:
            batch.append(line)
        yield range(first, first + len(batch)), [line.decode("utf-8", "replace").rstrip("\r\n") for line in batch]
        first += len(batch)
        line = None if line is None else lines.get()

"""arithgpt export-data and export-lm-eval: problems for others, as a file of rows or as a task of lm-evaluation-harness."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks import ProblemSize, Task

Name = Annotated[str, typer.Argument(metavar="TASK", help="What to ask; see: arithgpt tasks; or rg:NAME.")]
Digits = Annotated[
    Optional[str],
    typer.Option(
        metavar="LENGTHS", help="1-8: operands of 1 to 8 digits; 8: of 8; size_ranges as in 1-6,1-10x1-2. [default: the task's]"
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same problems.")]


def data_command(
    task: Name,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Ends in .jsonl or .parquet; a data card FILE.md comes with it.")],
    n: Annotated[
        Optional[int], typer.Option(metavar="N", help="How many, from 1 to 10,000,000. [default: all of a suite that is whole]")
    ] = None,
    digits: Digits = None,
    split: Annotated[
        str,
        typer.Option(
            help="train; held-out, never trained on; or test, as eval asks them. [default: train, or test with --suite]"
        ),
    ] = "",
    suite: Annotated[Optional[str], typer.Option(help="Of the split test. [default: random]")] = None,
    seed: Seed = 0,
) -> None:
    """Write problems with their answers, pages and workings, each once, and a data card beside them.

    The same command writes the same bytes. Lengths are as in train; of the split test as in eval, where 1-8 is both alike.
    """
    from arithgpt.cli.options import output_files
    from arithgpt.errors import UserError
    from arithgpt.training.checkpoint import write_atomic
    from eval.export.card import MARK, card
    from eval.export.dataset import FORMS, Export, Tally
    from eval.solver import MissingExtra

    if out.suffix not in FORMS:
        raise UserError(f"--out {out}: must end in {' or '.join(FORMS)}")
    beside = out.with_suffix(".md")
    output_files({"--out": out, "the data card of --out": beside})
    _not_yet_there(beside, MARK)
    split = split or ("test" if suite is not None else "train")
    made, cells = _task(task, digits, split)
    said = {"--n": n, "--digits": digits, "--split": split, "--suite": suite, "--seed": seed, "--out": out.name}
    tally = Tally()
    try:
        export = Export(made, n, split, suite, cells, seed)  # type: ignore[arg-type]  it says what a split can be
        write_atomic(out, FORMS[out.suffix](export, tally))
    except (ValueError, MissingExtra) as error:
        raise _named(error, out) from None
    command = shlex.join(["arithgpt", "export-data", task, *_given(said)])
    write_atomic(beside, card(export, tally, file=out.name, command=command, version=_versions(made)))
    print(f"{out}: {tally.rows:,} problems, {tally.size:,} bytes; what is in it: {beside}")


def lm_eval_command(
    task: Name,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A folder that is made.")],
    n: Annotated[int, typer.Option(metavar="N", help="How many problems, from 1 to 100,000.")] = 500,
    digits: Digits = None,
    suite: Annotated[Optional[str], typer.Option(help="Which problems. [default: random]")] = None,
    shots: Annotated[int, typer.Option(help="Solved examples before each question, from 0 to 64.")] = 4,
    seed: Seed = 0,
) -> None:
    """Write a task for lm-evaluation-harness: the problems that eval would ask, and how a reply is scored.

    lm_eval --model hf --model_args pretrained=MODEL --include_path FOLDER --tasks arithgpt_TASK
    """
    import shutil

    from arithgpt.errors import UserError
    from arithgpt.training.checkpoint import write_atomic
    from eval.export.lm_eval_task import harness_task

    made, cells = _task(task, digits, "test")
    said = {"--n": n, "--digits": digits, "--suite": suite, "--shots": shots, "--seed": seed, "--out": out.name}
    command = shlex.join(["arithgpt", "export-lm-eval", task, *_given(said)])
    try:
        files = harness_task(
            made, n=n, cells=cells, suite=suite, shots=shots, seed=seed, command=command, version=_versions(made)
        )
    except ValueError as error:
        raise _named(error, out) from None
    try:
        out.mkdir()
    except OSError as error:
        raise UserError(f"--out {out}: cannot be made: {error.strerror}") from None
    try:
        for name, text in files.items():
            write_atomic(out / name, text)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)  # half a task would be in the way of the next try
        raise
    name = next(name for name in files if name.endswith(".yaml")).removesuffix(".yaml")
    print(f"{out}: {n:,} problems; ask them with: lm_eval --include_path {shlex.quote(str(out))} --tasks {name} --model ...")


def _task(name: str, digits: str | None, split: str) -> tuple[Task, Sequence[ProblemSize] | None]:
    """The task, and the lengths to ask where they are tests. UserError names the argument at fault."""
    from arithgpt.errors import UserError
    from tasks import find, make, sizes

    try:
        find(name)
    except ValueError as error:
        raise UserError(f"TASK {error}") from None
    try:
        cells = sizes.parse_sizes(digits) if digits is not None and split == "test" else None
        return make(name, digits), cells
    except ValueError as error:
        said = str(error).removeprefix(f"digits = {digits!r}: ")
        raise UserError(f"--digits {digits}: {said}" if digits is not None else f"TASK {name}: {said}") from None


def _versions(task: Task) -> str:
    """Of all that decides which problems come."""
    from importlib.metadata import version

    from tasks.registry import GYM_PREFIX

    return version("arithgpt") + (f" with reasoning-gym {version('reasoning-gym')}" if task.name.startswith(GYM_PREFIX) else "")


def _given(options: dict[str, object]) -> list[str]:
    """Options as they are typed, those left out apart."""
    return [part for option, value in options.items() if value is not None for part in (option, str(value))]


def _named(error: Exception, out: Path) -> Exception:
    """A fault of an export as a line that names the option: `n = 0: must be ...` becomes `--n 0: must be ...`."""
    import re

    from arithgpt.errors import UserError

    if str(error).startswith("suite exhaustive: "):
        return UserError(f"--{error}")
    match = re.fullmatch(r"(n|split|suite|seed|shots) (?:= '?([^':]*)'?: |is (missing))(.*)", str(error), re.DOTALL)
    if match is None:
        return UserError(f"--out {out}: {error}")
    option, value, missing, rest = match.groups()
    return UserError(f"--{option}{f' {value}:' if missing is None else ' is missing'}{' ' if missing is None else ''}{rest}")


def _not_yet_there(card: Path, mark: str) -> None:
    """UserError where a file that is no data card stands in its place."""
    from arithgpt.errors import UserError

    try:
        if card.exists() and mark not in card.read_text("utf-8"):
            raise UserError(f"--out: {card} is there already and no data card; take another name")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"--out: {card} is there already and no data card; take another name") from None

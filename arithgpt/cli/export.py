"""arithgpt export-data, export-lm-eval and export-hf: problems for others, as a file or a task; a run for transformers."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Optional

import typer

from arithgpt.cli.shared.lengths import Lengths, lengths_option
from arithgpt.cli.shared.options import output_files
from arithgpt.errors import UserError
from arithgpt.training.checkpoint import write_atomic
from arithgpt.version import __version__
from eval.export.card import MARK, card
from eval.export.dataset import WRITERS, Export, Tally
from eval.export.lm_eval_task import lm_eval_task
from eval.solver import MissingExtra
from tasks import ProblemSize, Task, find, make
from tasks.registration import GYM_PREFIX

Name = Annotated[str, typer.Argument(metavar="TASK", help="What to ask; see: arithgpt tasks; or rg:NAME.")]
Digits = Annotated[Optional[Lengths], lengths_option(default="the lengths of the task")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same problems.")]


def data_command(
    task: Name,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A file .jsonl or .parquet; a data card .md is written beside it.")],
    n: Annotated[
        Optional[int],
        typer.Option(metavar="N", help="How many, from 1 to 10,000,000. [default: all of a fixed suite]"),
    ] = None,
    digits: Digits = None,
    split: Annotated[
        str,
        typer.Option(help="train; held-out: never trained on; test: what eval asks. [default: train, or test with --suite]"),
    ] = "",
    suite: Annotated[Optional[str], typer.Option(help="The suite of the split test. [default: random]")] = None,
    seed: Seed = 0,
) -> None:
    """Write problems with their answers, pages and workings, each once, and a data card beside them.

    The same command writes the same bytes. In the splits train and held-out the operands of 1-8 have different lengths too, as
    in training; in the split test both have the same, as in eval.
    """
    if out.suffix not in WRITERS:
        raise UserError(f"--out {out}: must end in {' or '.join(WRITERS)}")
    card_file = out.with_suffix(".md")
    output_files({"--out": out, "the data card of --out": card_file})
    _check_overwrites_only_cards(card_file, MARK)
    split = split or ("test" if suite is not None else "train")
    made, test_sizes = _resolve_task(task, digits, split)
    options = {"--n": n, "--digits": digits, "--split": split, "--suite": suite, "--seed": seed, "--out": out.name}
    tally = Tally()
    try:
        export = Export(made, n, split, suite, test_sizes, seed)  # type: ignore[arg-type]  # it checks the split
        write_atomic(out, WRITERS[out.suffix](export, tally))
    except (ValueError, MissingExtra) as error:
        raise _user_error(error, out) from None
    command = shlex.join(["arithgpt", "export-data", task, *_typed(options)])
    write_atomic(card_file, card(export, tally, file=out.name, command=command, version=_versions(made)))
    print(f"{out}: {tally.rows:,} problems, {tally.size:,} bytes; what is in it: {card_file}")


def lm_eval_command(
    task: Name,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder.")],
    n: Annotated[int, typer.Option(metavar="N", help="How many problems, from 1 to 100,000.")] = 500,
    digits: Digits = None,
    suite: Annotated[Optional[str], typer.Option(help="Which problems. [default: random]")] = None,
    shots: Annotated[int, typer.Option(help="Solved examples before each question, from 0 to 64.")] = 4,
    seed: Seed = 0,
) -> None:
    """Write a task for lm-evaluation-harness: the problems that eval would ask, and how a reply is scored.

    lm_eval --model hf --model_args pretrained=MODEL --include_path FOLDER --tasks arithgpt_TASK
    """
    made, test_sizes = _resolve_task(task, digits, "test")
    options = {"--n": n, "--digits": digits, "--suite": suite, "--shots": shots, "--seed": seed, "--out": out.name}
    command = shlex.join(["arithgpt", "export-lm-eval", task, *_typed(options)])
    try:
        files = lm_eval_task(
            made, n=n, sizes=test_sizes, suite=suite, shots=shots, seed=seed, command=command, version=_versions(made)
        )
    except ValueError as error:
        raise _user_error(error, out) from None
    try:
        out.mkdir()
    except OSError as error:
        raise UserError(f"--out {out}: cannot be made: {error.strerror}") from None
    try:
        for name, text in files.items():
            write_atomic(out / name, text)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)  # half a folder would block the next try
        raise
    name = next(name for name in files if name.endswith(".yaml")).removesuffix(".yaml")
    print(f"{out}: {n:,} problems; ask them with: lm_eval --include_path {shlex.quote(str(out))} --tasks {name} --model ...")


def hf_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="By name or folder; calculator is the one that ships.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the folder of an earlier export.")] = False,
) -> None:
    """Write a run as a folder for Hugging Face transformers, which loads it without arithgpt: weights, tokeniser, source, card.

    AutoModelForCausalLM.from_pretrained(DIR, trust_remote_code=True) loads it; DIR/README.md has a sample to copy.
    arithgpt eval hf:DIR --trust-remote-code asks it what arithgpt eval RUN asks the run.
    """
    from arithgpt.huggingface.export import export_run  # torch, which the other exports do without
    from arithgpt.run_folder import find_run

    source = find_run(run)
    export_run(source, folder, force=force)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: run {source.name}, {size:,} bytes; how to use it: {folder / 'README.md'}")


def _resolve_task(name: str, digits: Lengths | None, split: str) -> tuple[Task, Sequence[ProblemSize] | None]:
    """The task, and the sizes to ask if the split is test. UserError names the argument at fault."""
    try:
        find(name)
    except ValueError as error:
        raise UserError(f"TASK {error}") from None
    try:
        test_sizes = digits.sizes if digits is not None and split == "test" else None
        return make(name, digits.text if digits is not None else None), test_sizes
    except ValueError as error:
        message = str(error).removeprefix(f"digits = {str(digits)!r}: ")
        raise UserError(f"--digits {digits}: {message}" if digits is not None else f"TASK {name}: {message}") from None


def _versions(task: Task) -> str:
    """The versions of everything that decides which problems are drawn."""
    return __version__ + (f" with reasoning-gym {version('reasoning-gym')}" if task.name.startswith(GYM_PREFIX) else "")


def _typed(options: Mapping[str, object]) -> list[str]:
    """Options as they are typed; those that were not given are left out."""
    return [part for option, value in options.items() if value is not None for part in (option, str(value))]


def _user_error(error: Exception, out: Path) -> UserError:
    """Name the option instead of the field: `n = 0: must be ...` becomes `--n 0: must be ...`."""
    if str(error).startswith("suite exhaustive: "):
        return UserError(f"--{error}")
    match = re.fullmatch(r"(n|split|suite|seed|shots) (?:= '?([^':]*)'?: |is (missing))(.*)", str(error), re.DOTALL)
    if match is None:
        return UserError(f"--out {out}: {error}")
    option, value, missing, rest = match.groups()
    return UserError(f"--{option} is missing{rest}" if missing else f"--{option} {value}: {rest}")


def _check_overwrites_only_cards(card: Path, mark: str) -> None:
    """UserError where a file of this name exists and is no data card."""
    try:
        overwrites = card.exists() and mark not in card.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        overwrites = True
    if overwrites:
        raise UserError(f"--out: {card} is there already and no data card; take another name")

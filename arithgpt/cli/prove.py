"""arithgpt prove: prove that a run is right on every problem of its task, of any length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from arithgpt.allocator import keep_freed_memory
from arithgpt.cli.shared.options import output_files
from arithgpt.cli.shared.terminal import make_console, show_status
from arithgpt.config.tables import task_table
from arithgpt.errors import UserError
from arithgpt.proof.certificate import write_certificate
from arithgpt.proof.checker.check import check
from arithgpt.proof.claim import FILE_NAME
from arithgpt.proof.prove import Proof, prove
from arithgpt.run_folder import RunFolder, find_run, newest_run
from arithgpt.training.checkpoint import write_atomic

EXIT_NOT_PROVEN = 1
MAX_LINES = 5  # windows that are not proven, in the terminal


def command(
    name: Annotated[
        Optional[str], typer.Argument(metavar="[RUN]", help="A run by name or folder. [default: the newest run]")
    ] = None,
    json_file: Annotated[
        Optional[Path], typer.Option("--json", metavar="FILE", help="Write the outcome and all figures to this file.")
    ] = None,
    certificate: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Write the certificate of a proven run to this file too.")
    ] = None,
    check_file: Annotated[
        Optional[Path],
        typer.Option("--check", metavar="FILE", help="Prove nothing; verify this certificate from the weights of the run."),
    ] = None,
) -> None:
    """Prove that a run answers every problem of its task, of any length; or find one that it gets wrong.

    It covers runs of add, compare, copy, mul, parity, reverse and sub with one block and fixed kernels (model.kernel_strength),
    as `arithgpt train --task NAME` makes them. docs/proof.md says what is proven and what it assumes. A proven run keeps its
    certificate in its folder. Exit status: 0 proven, or the certificate is valid; 1 refuted or not proven; 2 bad input.
    """
    keep_freed_memory()
    files = output_files({"--json": json_file, "--certificate": certificate})
    run = find_run(name) if name is not None else newest_run()
    if check_file is not None:
        if files:
            raise UserError(f"--check {check_file}: only verifies; leave {next(iter(files))} out")
        _check(run, check_file)
        return
    with show_status(make_console()) as show:
        show(f"{run.name}: bounding what each window can become")
        evidence = prove(run)
    proof = evidence.proof
    if json_file is not None:
        write_atomic(json_file, json.dumps(proof.to_json(), indent=2) + "\n")
    if proof.status == "proven":
        kept = [] if run.is_shipped else [run.path / FILE_NAME]
        for file in [*kept, *([certificate] if certificate is not None else [])]:
            write_certificate(file, run, evidence)
    _show(proof)
    if proof.status != "proven":
        raise typer.Exit(EXIT_NOT_PROVEN)


def _check(run: RunFolder, file: Path) -> None:
    """Verify a certificate and print what it proves."""
    if not run.has_weights:
        raise UserError(f"run {run.name}: has no weights yet")
    checked = check(file, run.path / "weights.safetensors", run.recipe.alphabet, task_table(run.recipe.task))
    print(f"valid: run {run.name} {checked.claim}; {checked.n_windows:,} windows, each right by at least {checked.least:.3f}")


def _show(proof: Proof) -> None:
    """Print the outcome, and what is not proven."""
    print(proof.summary)
    print(f"at most {proof.outside:.1e} of a head's attention lies outside of a window; {proof.seconds:.1f} s")
    for window in proof.open_windows[:MAX_LINES]:
        print(f"  margin {window.margin:.3f}, bound {window.bound:.3f}: {window.window}")
    if (wrong := proof.counterexample) is not None:
        print(f"\n{wrong.question} goes wrong\n{wrong.drawing}")

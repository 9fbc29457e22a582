"""What the commands that train many runs share: their options, and the training of all trials."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Optional

import typer
from rich.console import Console

from arithgpt.cli.shared.options import DEVICE_HELP
from arithgpt.cli.shared.terminal import show_status
from arithgpt.errors import UserError
from arithgpt.experiments.runner import STOPPED, TrialResult, run_trials
from arithgpt.experiments.trial import Trial
from eval.spec import EvalSpec

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

Jobs = Annotated[
    Optional[int], typer.Option(min=1, max=4096, help="Trials at a time, which share the cores. [default: one a core]")
]
Threads = Annotated[Optional[int], typer.Option(min=1, max=4096, help="Threads of each trial. [default: cores / --jobs]")]
Backend = Annotated[str, typer.Option(help="loky: processes on this machine; or ray or dask.")]
Device = Annotated[str, typer.Option(help=DEVICE_HELP)]


def check_single_process(command: str) -> None:
    """Check that torchrun did not start several processes of a command.

    Raises:
        UserError: it did.
    """
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(f"{command}: shares its trials out by itself; start it without torchrun")


def train_all(
    trials: Sequence[Trial],
    spec: EvalSpec | None,
    console: Console,
    *,
    jobs: int | None,
    threads: int | None,
    backend: str,
    device: str,
) -> dict[int, TrialResult]:
    """Train the trials that are not done, and print how each ended.

    Args:
        trials: all trials
        spec: problems to ask after training; None asks none
        console: where to print
        jobs: trials at a time; None: one for each core
        threads: threads of each trial; None: the cores divided by the trials at a time
        backend: a backend that `check_backend` has accepted
        device: "auto", "cpu" or "cuda"

    Returns:
        Results by the index of the trial, without those that were interrupted by a second Ctrl-C.
    """
    pending = sum(not trial.is_done for trial in trials)
    busy = max(1, len(trials) if spec else pending)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jobs = min(jobs or cores, busy)
    console.print(f"{len(trials)} trials, {len(trials) - pending} of them done already; {jobs} at a time")
    results: dict[int, TrialResult] = {}
    threads = threads or max(1, cores // jobs)
    try:
        with show_status(console) as show:
            show(f"0 of {len(trials)} trials ended")
            for result in run_trials(trials, jobs=jobs, threads=threads, backend=backend, device=device, spec=spec):
                results[result.number] = result
                show(f"{len(results)} of {len(trials)} trials ended")
                if result.status != STOPPED:
                    console.print(f"{trials[result.number].name}: {result.status}")
    except KeyboardInterrupt:
        console.print("interrupted: trials keep their last checkpoints")
    return results

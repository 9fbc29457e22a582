"""The trials of a grid (grid.py), trained side by side, each by train.py as a run of its own."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.experiments.grid import Trial
from arithgpt.run import Run, new_run, runs_folder
from arithgpt.training.signals import stop_on_signals
from eval.solver import MissingExtra
from eval.spec import EvalSpec

if TYPE_CHECKING:
    import pandas as pd

BACKENDS = ("loky", "ray", "dask")
DONE, STOPPED = "done", "stopped"


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended: DONE, STOPPED, or what went wrong."""

    number: int
    status: str
    accuracy: Mapping[str, float] = field(default_factory=dict)
    """Of what was asked after training, by lengths; empty where nothing was."""
    rows: pd.DataFrame | None = field(default=None, compare=False)
    """The same problem by problem, as in `eval.result.EvalResult.rows`."""


def check_backend(name: str) -> None:
    """Make a backend of joblib known to it, and connect to its cluster.

    That is the one whose address RAY_ADDRESS or DASK_SCHEDULER_ADDRESS holds, else one that is begun on this machine.
    UserError for an unknown backend, or one whose extra is missing.
    """
    try:
        if name == "ray":
            from ray.util.joblib import register_ray

            register_ray()
        elif name == "dask":
            import distributed

            try:
                distributed.get_client()
            except ValueError:  # there is none yet
                distributed.Client()
        elif name not in BACKENDS:
            raise UserError(f"--backend {name}: must be {', '.join(BACKENDS)}")
    except ImportError:
        raise UserError(f"--backend {name}: {MissingExtra(name)}") from None


def sweep(
    trials: Sequence[Trial],
    *,
    jobs: int,
    threads: int,
    backend: str = "loky",
    device: str = "auto",
    exam: EvalSpec | None = None,
) -> Iterator[TrialResult]:
    """Train all trials that are not done, `jobs` at a time, and tell how each ended, in the order in which they end.

    Trials that were begun go on from their last checkpoint. A trial that fails leaves the others alone. Ctrl-C or SIGTERM stops
    all of them with a checkpoint, by a file in the runs folder that each looks for after every step; a second one breaks off.
    jobs, threads: trials at a time, and threads of each; backend: one that `check_backend` has let pass
    UserError where a run's folder cannot be made, or is another recipe's: nothing has begun then.
    """
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    kinds = [(trial.is_done, trial.run()) for trial in trials]
    stop = runs_folder().resolve() / f".stop-{trials[0].name}"
    stop.unlink(missing_ok=True)
    work = []
    for number, (trial, (done, run)) in enumerate(zip(trials, kinds, strict=True)):
        if done and exam is None:
            yield TrialResult(number, DONE)
        else:
            folder = (run or new_run(trial.name, trial.recipe)).path.resolve()
            work.append((number, trial.recipe, folder, done, stop, threads, device, exam))
    order = "list" if backend == "ray" else "generator_unordered"  # as Ray's backend knows no other
    left = {number for number, *_ in work}
    with _stopping(stop):
        try:
            with parallel_config(backend):
                parallel = Parallel(n_jobs=jobs, return_as=order, batch_size=1, pre_dispatch=jobs)
            for outcome in parallel(delayed(train_one)(*one) for one in work):
                left.discard(outcome.number)
                yield outcome
        except TerminatedWorkerError:
            why = STOPPED if stop.exists() else "a process was ended from outside, perhaps for want of memory"
            for number in sorted(left):
                yield TrialResult(number, why)
    for number, _, folder, *_ in work:
        if number in left or not (folder / "run.json").exists():
            Run(folder).discard()


def train_one(
    number: int, recipe: Recipe, folder: Path, done: bool, stop: Path, threads: int, device: str, exam: EvalSpec | None
) -> TrialResult:
    """Train one trial where it is not done, and ask it the exam; runs in a process of its own, perhaps on another machine."""
    from arithgpt.runtime import limit_threads
    from arithgpt.training.trainer import Trainer

    run = Run(folder)
    if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C here too; between trials the file says it
    try:
        with limit_threads(threads):
            if not done and stop.exists():
                return TrialResult(number, STOPPED)
            if not done:
                from arithgpt.runtime import configure

                where, begun = configure(device), len(list(folder.iterdir())) > 1
                progress = Trainer(recipe, run, device=where, should_stop=stop.exists).fit(resume=begun)
                if progress.status == "interrupted":
                    stop.touch()  # where it was not by that file, but by a signal to this process
                    return TrialResult(number, STOPPED)
            return TrialResult(number, DONE, *(() if exam is None or stop.exists() else _asked(run, device, exam)))
    except UserError as error:
        return TrialResult(number, str(error))
    except Exception as error:  # whatever it is, the other trials go on
        return TrialResult(number, f"{type(error).__name__}: {error}".splitlines()[0])


def _asked(run: Run, device: str, exam: EvalSpec) -> tuple[dict[str, float], pd.DataFrame]:
    """Evaluate a trained run; returns the accuracy by lengths, and a row for every problem."""
    from arithgpt.evaluation import evaluate

    tasks = run.recipe.problems.subtasks
    result = evaluate(str(run.path), spec=exam, name=run.name, device=device)
    accuracy = {
        (tasks[row.task].operator if len(tasks) > 1 else "") + row.digits: row.accuracy for row in result.summary.itertuples()
    }
    return accuracy, result.rows


@contextmanager
def _stopping(file: Path) -> Iterator[None]:
    """Ctrl-C and SIGTERM make a file, and a second one breaks off; in the main thread it is gone after this."""
    try:
        with stop_on_signals(file.exists, file.touch):
            yield
    finally:
        if threading.current_thread() is threading.main_thread():
            file.unlink(missing_ok=True)

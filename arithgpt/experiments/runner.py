"""Train trials side by side, each as a run of its own, in processes of this machine or on a cluster."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.experiments.trial import Trial
from arithgpt.run_folder import RunFolder, new_run, runs_folder
from arithgpt.training.signals import stop_on_signals
from eval.solver import MissingExtra
from eval.spec import EvalSpec

BACKENDS = ("loky", "ray", "dask")
DONE, STOPPED = "done", "stopped"
KILLED = "a process was ended from outside, perhaps because memory ran out"


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended."""

    number: int
    """Index of the trial."""
    status: str
    """DONE, STOPPED, or the message of the error that ended it."""
    accuracy: Mapping[str, float] = field(default_factory=dict)
    """Exact match after training by size; empty where no problems were asked."""
    rows: pd.DataFrame | None = field(default=None, compare=False)
    """The same problem by problem, as `eval.data.EvalData.rows`."""


@dataclass(frozen=True)
class _Job:
    """What a worker process needs to train and evaluate one trial."""

    number: int
    recipe: Recipe
    folder: Path
    is_trained: bool
    stop_file: Path
    threads: int
    device: str
    spec: EvalSpec | None


def check_backend(name: str) -> None:
    """Register a backend with joblib and connect to its cluster.

    The cluster is the one whose address is in RAY_ADDRESS or DASK_SCHEDULER_ADDRESS. Without an address it is started on this
    machine.

    Args:
        name: one of BACKENDS

    Raises:
        UserError: the backend is unknown, or its extra is missing.
    """
    try:
        if name == "ray":
            from ray.util.joblib import register_ray

            register_ray()
        elif name == "dask":
            import distributed

            try:
                distributed.get_client()
            except ValueError:  # there is no client yet
                distributed.Client()
        elif name not in BACKENDS:
            raise UserError(f"--backend {name}: must be {', '.join(BACKENDS)}")
    except ImportError:
        raise UserError(f"--backend {name}: {MissingExtra(name)}") from None


def run_trials(
    trials: Sequence[Trial],
    *,
    jobs: int,
    threads: int,
    backend: str = "loky",
    device: str = "auto",
    spec: EvalSpec | None = None,
) -> Iterator[TrialResult]:
    """Train all trials that are not done, and yield how each ended, in the order in which they end.

    Trials that were started go on from their last checkpoint. A trial that fails leaves the others alone. Ctrl-C or SIGTERM
    stops all trials with a checkpoint. It makes a file in the runs folder that each trial looks for after every step. A second
    Ctrl-C interrupts at once.

    Args:
        trials: what to train
        jobs: number of trials that are trained at the same time
        threads: threads of each trial
        backend: a backend that `check_backend` has accepted
        device: "auto", "cpu" or "cuda"
        spec: problems to ask after training; None asks none

    Raises:
        UserError: a run's folder cannot be made, or belongs to another recipe. Nothing has started then.
    """
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    states = [(trial, trial.find_run(), trial.is_done) for trial in trials]
    stop_file = runs_folder().resolve() / f".stop-{trials[0].name}"
    stop_file.unlink(missing_ok=True)
    work: list[_Job] = []
    for number, (trial, run, is_done) in enumerate(states):
        if is_done and spec is None:
            yield TrialResult(number, DONE)
        else:
            folder = (run or new_run(trial.name, trial.recipe)).path.resolve()
            work.append(_Job(number, trial.recipe, folder, is_done, stop_file, threads, device, spec))
    order = "list" if backend == "ray" else "generator_unordered"  # Ray's backend supports only lists
    unfinished = {job.number for job in work}
    with _stopping_by_file(stop_file):
        try:
            with parallel_config(backend):
                parallel = Parallel(n_jobs=jobs, return_as=order, batch_size=1, pre_dispatch=jobs)
            for result in parallel(delayed(_run_job)(job) for job in work):
                unfinished.discard(result.number)
                yield result
        except TerminatedWorkerError:
            reason = STOPPED if stop_file.exists() else KILLED
            for number in sorted(unfinished):
                yield TrialResult(number, reason)
    for job in work:
        if job.number in unfinished or not (job.folder / "run.json").exists():
            RunFolder(job.folder).discard()


def _run_job(job: _Job) -> TrialResult:
    """Train and evaluate one trial; runs in a process of its own, perhaps on another machine."""
    from arithgpt.runtime import limit_threads

    if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to workers, too; they look for the stop file
    try:
        with limit_threads(job.threads):
            if not job.is_trained and not _train(job):
                return TrialResult(job.number, STOPPED)
            if job.spec is None or job.stop_file.exists():
                return TrialResult(job.number, DONE)
            return TrialResult(job.number, DONE, *_evaluate(RunFolder(job.folder), job.device, job.spec))
    except UserError as error:
        return TrialResult(job.number, error.in_shell)
    except Exception as error:  # the other trials go on, whatever it is
        return TrialResult(job.number, f"{type(error).__name__}: {error}".splitlines()[0])


def _train(job: _Job) -> bool:
    """Train a trial from its last checkpoint; returns False where it was stopped before its end."""
    from arithgpt.runtime import configure
    from arithgpt.training.trainer import Trainer

    if job.stop_file.exists():
        return False
    device, is_started = configure(job.device), len(list(job.folder.iterdir())) > 1
    trainer = Trainer(job.recipe, RunFolder(job.folder), device=device, should_stop=job.stop_file.exists)
    if trainer.fit(resume=is_started).status == "interrupted":
        job.stop_file.touch()  # a signal to this process stops the other trials, too
        return False
    return True


def _evaluate(run: RunFolder, device: str, spec: EvalSpec) -> tuple[dict[str, float], pd.DataFrame]:
    """Ask a trained run the problems of a spec; returns the accuracy by size, and a row for each problem."""
    from arithgpt.evaluation import evaluate

    tasks = run.recipe.problems.subtasks
    result = evaluate(str(run.path), spec=spec, name=run.name, device=device)
    accuracy = {
        (tasks[row.task].operator if len(tasks) > 1 else "") + row.digits: row.accuracy for row in result.table.itertuples()
    }
    return accuracy, result.rows


@contextmanager
def _stopping_by_file(file: Path) -> Iterator[None]:
    """Make a file at the first Ctrl-C or SIGTERM; the main thread removes it at the end."""
    try:
        with stop_on_signals(file.exists, file.touch):
            yield
    finally:
        if threading.current_thread() is threading.main_thread():
            file.unlink(missing_ok=True)

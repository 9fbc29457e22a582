"""A grid of recipes, each trained as a run of its own, side by side.

    [task]
    name = "add"
    digits = "1-8"
    [sweep]
    "model.positions" = ["page", "learned"]
    "model.n_layer" = [1, 2]
    seed = [0, 1, 2]

In a file `adders.toml` these are twelve trials: runs/adders-page-n_layer1-s0, ... Each is an ordinary run, trained by train.py.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
import signal
import statistics
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arithgpt.errors import UserError
from arithgpt.recipe import SWEEP, Recipe, changed, read_tables
from arithgpt.run import NAME, Run, new_run, runs_folder
from arithgpt.signals import wishes_to_stop
from arithgpt.start import settled
from eval.solver import MissingExtra

if TYPE_CHECKING:
    import pandas as pd

    from tasks import Cell

BACKENDS = ("loky", "ray", "dask")
DONE, STOPPED = "done", "stopped"
OTHER_NAME = "give these trials another name, by that of the sweep's file or by --name of ablate"


@dataclass(frozen=True)
class Trial:
    """One point of the grid."""

    name: str
    """Of its run."""
    values: Mapping[str, Any]
    """Of the fields that vary, by dotted name."""
    recipe: Recipe

    def run(self) -> Run | None:
        """Its run, if it has been begun. UserError where the folder of that name is another recipe's."""
        run = Run(runs_folder() / self.name)
        if not run.path.exists():
            return None
        if run.recipe.identity != self.recipe.identity:
            raise UserError(f"{run.path}: is there already with another recipe; {OTHER_NAME}")
        return run

    @property
    def is_done(self) -> bool:
        """Whether its run has nothing left to do."""
        run, budget = self.run(), self.recipe.budget
        if run is None or not run.has_weights:
            return False
        reached = run.info.get("status") == "reached target" and budget.stop_early
        return run.info.get("step", 0) >= budget.steps or (reached and run.recipe.budget.target >= budget.target)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: DONE, STOPPED, or what went wrong."""

    number: int
    status: str
    accuracy: Mapping[str, float] = field(default_factory=dict)
    """Of what was asked after training, by lengths; empty where nothing was."""
    rows: pd.DataFrame | None = field(default=None, compare=False)
    """The same problem by problem, as `eval.harness.evaluate` gives them."""


@dataclass(frozen=True)
class Exam:
    """What every trained GPT is asked: random problems of some lengths."""

    cells: Sequence[Cell] | Mapping[str, Sequence[Cell]]
    """Those of all tasks, or of each by its name."""
    samples: int

    def of(self, task: str) -> Sequence[Cell]:
        """The lengths that a task is asked."""
        return self.cells[task] if isinstance(self.cells, Mapping) else self.cells


def load_sweep(file: Path) -> list[Trial]:
    """The trials of a file. UserError for one that cannot be read, has no grid, or a recipe that is none."""
    data = read_tables(file, str(file))
    grid = data.pop(SWEEP, None)
    if not isinstance(grid, dict) or not grid:
        raise UserError(f'{file}: must have a table [{SWEEP}] of fields with lists of values, as in "model.n_layer" = [1, 2]')
    for name, values in grid.items():
        if isinstance(values, dict):
            raise UserError(f'{file}: {SWEEP}.{name} is a table: a dotted field needs quotes, as in "model.n_layer" = [1, 2]')
        if not isinstance(values, list) or not values or any(values.count(value) > 1 for value in values):
            raise UserError(f"{file}: {SWEEP}.{name} = {values!r}: must be a list of different values")
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return make_trials(file.stem, points, lambda point: settled(changed(data, point, str(file))), str(file))


def make_trials(
    stem: str, points: Sequence[Mapping[str, Any]], make: Callable[[Mapping[str, Any]], Recipe], source: str
) -> list[Trial]:
    """A trial for each point, called after its values: `adders-page-s0`. UserError where a name is unfit or there twice."""
    trials: dict[str, Trial] = {}
    for point in points:
        name = "-".join([stem, *(_in_a_name(key, value) for key, value in point.items())])
        if not NAME.fullmatch(name):
            raise UserError(f"{source}: a run cannot be called {name}; give it a short name of letters and digits")
        recipe = make(point)
        if name in trials:
            raise UserError(f"{source}: two trials would be called {name}")
        trials[name] = Trial(name, point, recipe)
    return list(trials.values())


def _in_a_name(key: str, value: Any) -> str:
    """`page` of positions, `n_layer2`, `s0` of a seed."""
    text = re.sub("[^A-Za-z0-9.]+", "-", str(value)).strip("-")
    return text if isinstance(value, str) else f"{'s' if key == 'seed' else key.split('.')[-1]}{text}"


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
    trials: Sequence[Trial], *, jobs: int, threads: int, backend: str = "loky", device: str = "auto", exam: Exam | None = None
) -> Iterator[Outcome]:
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
            yield Outcome(number, DONE)
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
                yield Outcome(number, why)
    for number, _, folder, *_ in work:
        if number in left or not (folder / "run.json").exists():
            Run(folder).discard()


def train_one(
    number: int, recipe: Recipe, folder: Path, done: bool, stop: Path, threads: int, device: str, exam: Exam | None
) -> Outcome:
    """Train one trial where it is not done, and ask it the exam; runs in a process of its own, perhaps on another machine."""
    from arithgpt.threads import threads as with_threads
    from arithgpt.train import Nobody, train

    run = Run(folder)
    if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C here too; between trials the file says it
    try:
        with with_threads(threads):
            if not done and stop.exists():
                return Outcome(number, STOPPED)
            if not done:
                from arithgpt.device import pick_device

                where, begun = pick_device(device), len(list(folder.iterdir())) > 1
                progress = train(recipe, run, device=where, observer=Nobody(), resume=begun, asked_to_stop=stop.exists)
                if progress.status == "interrupted":
                    stop.touch()  # where it was not by that file, but by a signal to this process
                    return Outcome(number, STOPPED)
            return Outcome(number, DONE, *(() if exam is None or stop.exists() else _asked(run, device, exam)))
    except UserError as error:
        return Outcome(number, str(error))
    except Exception as error:  # whatever it is, the other trials go on
        return Outcome(number, f"{type(error).__name__}: {error}".splitlines()[0])


def _asked(run: Run, device: str, exam: Exam) -> tuple[dict[str, float], pd.DataFrame]:
    """The accuracy by lengths, and every problem."""
    import pandas as pd

    from arithgpt.measuring import measured
    from arithgpt.solvers import find_solver

    found = find_solver(str(run.path), device=device)
    parts = list(run.recipe.problems.parts.values())
    asked = {"name": run.name, "suites": ("random",), "samples": exam.samples}
    results = [measured(found, [part], cells=exam.of(part.name), **asked) for part in parts]
    accuracy = {
        (part.operator if len(parts) > 1 else "") + row.digits: row.accuracy
        for part, result in zip(parts, results, strict=True)
        for row in result.summary.itertuples()
    }
    return accuracy, pd.concat([result.rows for result in results], ignore_index=True)


@contextmanager
def _stopping(file: Path) -> Iterator[None]:
    """Ctrl-C and SIGTERM make a file, and a second one breaks off; in the main thread it is gone after this."""
    try:
        with wishes_to_stop(file.exists, file.touch):
            yield
    finally:
        if threading.current_thread() is threading.main_thread():
            file.unlink(missing_ok=True)


def results(trials: Sequence[Trial], outcomes: Mapping[int, Outcome]) -> list[dict[str, Any]]:
    """Of each trial: run, the fields that vary, parameters, steps, examples, seconds, worst, best, loss, accuracy, status.

    worst, best: of the lengths that were asked after training, else of those of the last look; None where there are none
    loss: of a text, held out, at the last look; else None
    """
    rows = []
    for number, trial in enumerate(trials):
        run, outcome = Run(runs_folder() / trial.name), outcomes.get(number, Outcome(number, STOPPED))
        accuracy = dict(outcome.accuracy or run.info.get("accuracy", {}))
        step = run.info.get("step", 0)
        rows.append(
            {"run": trial.name, **trial.values}
            | {"parameters": run.info.get("parameters"), "steps": step, "examples": step * trial.recipe.budget.batch_size}
            | {"seconds": round(run.info.get("seconds", 0.0), 1)}
            | {"worst": min(accuracy.values(), default=None), "best": max(accuracy.values(), default=None)}
            | {"loss": run.info.get("loss"), "accuracy": accuracy, "status": outcome.status}
        )
    return rows


def medians(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[dict[str, Any]]:
    """The medians over seeds of what `results` found, for each other value of the fields that vary; of trials that are done."""
    return [
        {name: group[0][name] for name in fields if name != "seed"}
        | {"seeds": len(group), "parameters": group[0]["parameters"]}
        | {key: _median([row[key] for row in group]) for key in ("steps", "examples", "seconds", "worst", "best", "loss")}
        for group in but_for_seeds([row for row in rows if row["status"] == DONE], fields)
    ]


def but_for_seeds(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[list[Mapping[str, Any]]]:
    """The rows of `results` in groups that differ in the seed only, in the order of their first ones."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(repr([row[name] for name in fields if name != "seed"]), []).append(row)
    return list(groups.values())


def _median(values: Sequence[float | None]) -> float | None:
    return None if None in values else statistics.median(values)

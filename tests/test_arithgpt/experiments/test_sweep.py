"""Sweeps: the grid, its runs, what is skipped and gone on with, what fails alone, and the table of all."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from arithgpt.cli import app
from arithgpt.config.recipe import load_recipe
from arithgpt.data.source import ProblemSource, Validation
from arithgpt.errors import UserError
from arithgpt.experiments.grid import load_sweep
from arithgpt.experiments.runner import DONE, STOPPED, TrialResult, check_backend, run_trials
from arithgpt.experiments.sweep_summary import Range, TrialSummary, medians_over_seeds, summarise_trials
from arithgpt.run_folder import RunFolder, all_runs, find_run
from eval.spec import EvalSpec

RECIPE = """
[task]
name = "add"
digits = "1-3"
[model]
n_layer = 1
n_embd = 16
block_size = 8
[train]
max_steps = 6
batch_size = 8
eval_every = 3
eval_samples = 4
checkpoint_every = 3
stop_early = false
"""
GRID = '[sweep]\n"model.positions" = ["page", "learned"]\nseed = [0, 1]\n'
NARROW = '[sweep]\n"model.n_embd" = [16, 32]\n'


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Two kinds of positions, of which the second cannot be trained: its pages are longer than block_size."""
    file = tmp_path / "tiny.toml"
    file.write_text(RECIPE + GRID)
    return file


@pytest.fixture
def workers() -> Iterator[None]:
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(kill_workers=True)


def run_sweep(file: Path, **options: object) -> tuple[dict[int, TrialResult], list[TrialSummary]]:
    """Train the trials of a file; returns how they ended, and their figures."""
    trials = load_sweep(file)
    options = {"jobs": 1, "threads": 1, "device": "cpu"} | options
    results = {result.number: result for result in run_trials(trials, **options)}
    return results, summarise_trials(trials, results)


def test_a_grid_is_the_product_of_its_values(grid: Path) -> None:
    trials = load_sweep(grid)
    assert [trial.name for trial in trials] == ["tiny-page-s0", "tiny-page-s1", "tiny-learned-s0", "tiny-learned-s1"]
    last = trials[3]
    assert (last.recipe.model.positions, last.recipe.seed, last.recipe.train.max_steps) == ("learned", 1, 6)
    assert last.values == {"model.positions": "learned", "seed": 1}
    with pytest.raises(UserError, match=r"has a table \[sweep\].*arithgpt sweep"):
        load_recipe(file=grid)
    grid.write_text(
        RECIPE + '[sweep]\n"task.digits" = ["1-2", "1-3,5x1"]\n"model.n_head" = [[4], 4]\n"optim.adamw_lr" = [1e-3]\n'
    )
    names = ["tiny-1-2-n_head4-adamw_lr0.001", "tiny-1-3-5x1-n_head4-adamw_lr0.001"]
    with pytest.raises(UserError, match=f"two trials would be called {names[0]}|head_dim"):
        load_sweep(grid)
    grid.write_text(RECIPE + '[sweep]\n"task.digits" = ["1-2", "1-3,5x1"]\n"model.n_head" = [4]\n"optim.adamw_lr" = [1e-3]\n')
    assert [trial.name for trial in load_sweep(grid)] == names


TOGETHER = """[sweep]
seed = [0, 1]
[[sweep.together]]
"model.arch" = "gpt"
"model.n_embd" = 16
[[sweep.together]]
"model.arch" = "lstm"
"model.n_embd" = 24
"""


def test_fields_that_change_together_are_one_value_of_the_grid(grid: Path) -> None:
    grid.write_text(RECIPE + TOGETHER)
    trials = load_sweep(grid)
    assert [trial.name for trial in trials] == [
        f"tiny-{net}-s{seed}" for net in ("gpt-n_embd16", "lstm-n_embd24") for seed in (0, 1)
    ]
    assert [(trial.recipe.model.arch, trial.recipe.model.n_embd) for trial in trials] == [("gpt", 16)] * 2 + [("lstm", 24)] * 2
    assert trials[2].values == {"model.arch": "lstm", "model.n_embd": 24, "seed": 0}
    grid.write_text(RECIPE + TOGETHER.replace("seed = [0, 1]\n", ""))
    assert [trial.name for trial in load_sweep(grid)] == ["tiny-gpt-n_embd16", "tiny-lstm-n_embd24"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            TOGETHER.replace('"model.n_embd" = 24', ""),
            "sweep.together: every table must have the same fields; not all have model.n_embd",
        ),
        (
            TOGETHER.replace("24", "16").replace("lstm", "gpt"),
            "sweep.together: {'model.arch': 'gpt', 'model.n_embd': 16} is there twice",
        ),
        (TOGETHER.replace('"model.n_embd" = 24', '"seed" = 3'), "sweep.together: seed has a list of its own in [sweep] too"),
        (
            TOGETHER.replace('"model.n_embd" = 24', "model.n_embd = 24"),
            "sweep.together: model is a table: a dotted field needs quotes",
        ),
        ("[sweep]\ntogether = [1, 2]\n", "sweep.together: must be tables, each begun by [[sweep.together]]"),
        ("", "must have a table [sweep]"),
        ("[sweep]\n", "must have a table [sweep]"),
        ("[sweep]\nmodel.n_layer = [1]\n", "sweep.model is a table: a dotted field needs quotes"),
        ("[sweep]\nseed = 3\n", "sweep.seed = 3: must be a list of different values"),
        ("[sweep]\nseed = []\n", "sweep.seed = []"),
        ("[sweep]\nseed = [1, 1]\n", "sweep.seed = [1, 1]"),
        ('[sweep]\nseed = [1]\n"model.n_layers" = [1]\n', "model.n_layers: no such field; did you mean model.n_layer?"),
        ('[sweep]\n"model.n_layer" = [1, 0]\n', "model.n_layer = 0"),
        (f'[sweep]\n"task.digits" = ["{"1," * 60}1"]\n', "a run cannot be called"),
        ("[sweep\n", "not TOML"),
    ],
)
def test_a_bad_grid_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(RECIPE + text)
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        load_sweep(file)
    assert "\n" not in str(caught.value)
    assert "bad.toml" in str(caught.value)


def test_a_trial_that_fails_leaves_the_others_alone(grid: Path) -> None:
    results, summaries = run_sweep(grid)
    assert [results[number].status for number in (0, 1)] == [DONE, DONE]
    assert all("block_size = 8" in results[number].status for number in (2, 3))
    assert sorted(run.name for run in all_runs()) == ["tiny-page-s0", "tiny-page-s1"]  # a trial that fails leaves no folder
    assert [one.steps for one in summaries] == [6, 6, 0, 0]
    [median] = medians_over_seeds(summaries)
    assert (median.values, median.seeds, median.steps, median.examples) == ({"model.positions": "page"}, 2, 6, 48)
    weights = find_run("tiny-page-s0").path / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    assert run_sweep(grid)[0][0].status == DONE
    assert weights.stat().st_mtime_ns == before  # a trial that is done is not trained again


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max_steps = 6", "max_steps = 9", "(train.max_steps = 6, here 9)"),
        ("max_steps = 6", "max_steps = 3", "(train.max_steps = 6, here 3)"),
        ("stop_early = false", "target_accuracy = 0.5", "(train.target_accuracy = 0.999, here 0.5)"),
        ("eval_every = 3", "eval_every = 2", "(train.eval_every = 3, here 2)"),
        ("n_embd = 16", "n_embd = 32", "(model.n_embd = 16, here 32)"),
    ],
)
def test_a_run_of_another_recipe_is_never_taken_for_a_trial(grid: Path, old: str, new: str, said: str) -> None:
    """The schedule depends on the number of steps, so a run of 500 steps is not the first quarter of one of 2,000."""
    grid.write_text(RECIPE + '[sweep]\n"model.positions" = ["page"]\n')
    run_sweep(grid)
    before = find_run("tiny-page").info
    grid.write_text(grid.read_text().replace(old, new))
    with pytest.raises(UserError, match=r"tiny-page: is there already with another recipe \(") as caught:
        run_sweep(grid)
    assert said in str(caught.value)
    assert find_run("tiny-page").info == before


def test_how_often_checkpoints_are_written_does_not_make_another_trial(grid: Path) -> None:
    grid.write_text(RECIPE + '[sweep]\n"model.positions" = ["page"]\n')
    run_sweep(grid)
    grid.write_text(grid.read_text().replace("checkpoint_every = 3", "checkpoint_every = 5"))
    assert [trial.is_done for trial in load_sweep(grid)] == [True]


def test_ctrl_c_stops_all_and_they_go_on(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid.write_text(RECIPE + NARROW)
    validate = ProblemSource.validate

    def pressed(*arguments: Any) -> Validation:
        os.kill(os.getpid(), signal.SIGINT)
        return validate(*arguments)

    monkeypatch.setattr(ProblemSource, "validate", pressed)
    results, summaries = run_sweep(grid)
    assert [result.status for result in results.values()] == [STOPPED, STOPPED]
    assert 3 <= summaries[0].steps < 6
    assert summaries[1].steps == 0
    assert [run.name for run in all_runs()] == ["tiny-n_embd16"]
    monkeypatch.setattr(ProblemSource, "validate", validate)
    results, summaries = run_sweep(grid)
    assert [(one.steps, one.status) for one in summaries] == [(6, DONE), (6, DONE)]
    assert not [file for file in all_runs()[0].path.parent.iterdir() if file.name.startswith(".stop")]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_command_tells_all_in_one_table(grid: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("csv", "json", *(["png"] if find_spec("matplotlib") else []))}
    options = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    done = CliRunner().invoke(app, ["sweep", str(grid), "--jobs", "1", *options], env={"COLUMNS": "80"})
    assert done.exit_code == 1, done.output
    assert "4 trials, 0 of them done already; 1 at a time" in done.output
    assert "tiny-learned-s0: model.block_size = 8: must be at least" in done.output
    table = done.output[done.output.index("exact match at the worst") :]
    assert max(map(len, table.splitlines())) <= 80
    for part in ("positions", "seed", "parameters", "median of 2", "failed"):
        assert part in table
    said = json.loads(files["json"].read_text())
    assert [row["status"] == DONE for row in said["trials"]] == [True, True, False, False]
    assert set(said["trials"][0]["accuracy"]) == {"1", "2", "3"}
    assert [row["seeds"] for row in said["medians"]] == [2]
    of_seeds = sorted(row["accuracy"]["2"] for row in said["trials"][:2])
    assert said["medians"][0]["accuracy"]["2"] == pytest.approx(
        {"median": sum(of_seeds) / 2, "least": of_seeds[0], "most": of_seeds[1]}
    )
    rows = pd.read_csv(files["csv"])
    assert rows["model.positions"].tolist() == ["page", "page", "learned", "learned"]
    assert rows.steps.tolist() == [6, 6, 0, 0]
    if "png" in files:
        from matplotlib.image import imread

        assert imread(files["png"]).shape[1] == 792  # one chart by itself


def test_medians_are_of_the_lengths_that_all_were_asked() -> None:
    """One trial was asked after training, and the accuracy of the other is that of its last validation."""
    figures = {"parameters": 1, "steps": 1, "examples": 1, "seconds": 1.0, "loss": None, "status": DONE}
    accuracies = {"1": 1.0, "12": 0.5}, {"2": 1.0, "12": 0.0}
    trials = [TrialSummary(f"s{seed}", {"seed": seed}, accuracy=one, **figures) for seed, one in enumerate(accuracies)]
    [median] = medians_over_seeds(trials)
    assert median.accuracy == {"12": Range(0.25, 0.0, 0.5)}


def test_what_is_asked_after_training_is_told_by_length(grid: Path) -> None:
    grid.write_text(RECIPE + GRID.replace(', "learned"', ""))
    options = ["--jobs", "1", "--eval-digits", "1,12", "--samples", "5"]
    done = CliRunner().invoke(app, ["sweep", str(grid), *options], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    head, _, line = done.output[done.output.index("by length in %, the median over seeds") :].splitlines()[1:4]
    assert head.split() == ["positions", "1", "12"]
    assert line.split()[0] == "page"
    assert line.split()[-1] == "0"  # of sums of 12 digits after six steps


def test_a_sweep_of_text_tells_its_loss(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("once upon a time " * 40)
    text = f'name = "text"\npath = "{tmp_path / "book.txt"}"\ncontext = 8'
    file = tmp_path / "book.toml"
    file.write_text(RECIPE.replace('name = "add"\ndigits = "1-3"', text) + "[sweep]\nseed = [0, 1]\n")
    done = CliRunner().invoke(app, ["sweep", str(file), "--jobs", "1", "--json", str(tmp_path / "out.json")])
    assert done.exit_code == 0, done.output
    assert "held-out loss in nats a character:" in done.output
    said = json.loads((tmp_path / "out.json").read_text())
    losses = [row["loss"] for row in said["trials"]]
    assert losses == [find_run(f"book-s{seed}").info["loss"] for seed in (0, 1)]
    assert said["medians"][0]["loss"] == pytest.approx(sum(losses) / 2)
    assert run_sweep(file)[0][0].status == DONE  # it is the same trial, with its file's hash in it
    with pytest.raises(UserError, match="--eval-digits 3: a text has no problems"):
        app(["sweep", str(file), "--eval-digits", "3"], standalone_mode=False)


def test_two_at_a_time_on_loky_with_problems_to_ask(grid: Path, workers: None) -> None:
    grid.write_text(RECIPE + NARROW)
    sizes = [(1, 1), (5, 5)]
    results, summaries = run_sweep(grid, jobs=2, spec=EvalSpec(sizes, ("random",), 5))
    assert {result.status for result in results.values()} == {DONE}
    assert [set(one.accuracy) for one in summaries] == [{"1", "5"}] * 2
    assert [RunFolder(run.path).info["threads"] for run in all_runs()] == [1, 1]


def test_backends_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_backend("loky")
    with pytest.raises(UserError, match="--backend slurm: must be loky, ray, dask"):
        check_backend("slurm")
    for name, module in (("ray", "ray"), ("ray", "ray.util.joblib"), ("dask", "distributed")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(
            UserError, match=rf"--backend {name}: the extra {name} is missing: pip install 'arithgpt\[{name}\]'"
        ):
            check_backend(name)


@pytest.mark.slow
def test_dask_on_a_local_cluster(grid: Path) -> None:
    distributed = pytest.importorskip("distributed")
    grid.write_text(RECIPE + NARROW)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        check_backend("dask")
        results, summaries = run_sweep(grid, backend="dask", jobs=2)
    assert {result.status for result in results.values()} == {DONE}
    assert [one.steps for one in summaries] == [6, 6]


@pytest.mark.slow
def test_ctrl_c_from_a_terminal_reaches_the_workers(grid: Path) -> None:
    """A terminal signals the whole group of processes; every trial leaves a checkpoint and the command says how to go on."""
    grid.write_text(RECIPE.replace("max_steps = 6", "max_steps = 100000") + NARROW)
    command = [sys.executable, "-m", "arithgpt", "sweep", str(grid), "--jobs", "2"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"COLUMNS": "80"},
    )
    folder = Path(os.environ["ARITHGPT_RUNS"])
    try:
        for _ in range(600):
            if len(list(folder.glob("*/run.json"))) == 2:
                break
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        said, complained = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, complained) == (130, "")
    assert f"stopped; go on with: arithgpt sweep {grid}" in said
    assert [run.info["status"] for run in all_runs()] == ["interrupted", "interrupted"]

"""Ablations: what varies, what is refused, what is found over seeds, and the command from beginning to end."""

import json
import os
import re
import signal
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers.command_line import Call
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from arithgpt.cli import app
from arithgpt.config.recipe import load_recipe
from arithgpt.data.source import ProblemSource, Validation
from arithgpt.errors import UserError
from arithgpt.experiments.ablation import Ablation, plan_ablation
from arithgpt.experiments.ablation_problems import BEYOND, IN_RANGE, SEEN
from arithgpt.experiments.ablation_report import notes
from arithgpt.experiments.ablation_summary import TO_TARGET, AblationSummary, find_target_step, summarise_ablation
from arithgpt.experiments.runner import DONE, TrialResult
from arithgpt.experiments.vary import find_field
from arithgpt.run_folder import all_runs, new_run
from arithgpt.training.trainer import Progress
from eval.evaluate import evaluate
from eval.metrics.paired_tests import HURTS, NEITHER, UNTESTED
from eval.reports.layout import print_table
from eval.reports.variants import variant_tables
from eval.solvers.reference import ExactSolver
from tasks import ProblemSize
from tasks.arithmetic.addition import Addition
from tasks.sizes import parse_sizes

RECIPE = """
[task]
name = "add"
digits = "1-2"
[model]
n_layer = 1
n_embd = 16
[train]
max_steps = 4
batch_size = 8
eval_every = 2
eval_samples = 4
target_accuracy = 0.9
"""
VARY = ["positions=page,rope"]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return str(path)


def test_each_value_is_a_variant_with_the_same_seeds(file: str) -> None:
    ablation = plan_ablation(file, ["positions=page,rope,alibi", "n_layer=1,2"], seeds=2, overrides=["seed=5"], samples=5)
    assert [variant.name for variant in ablation.variants] == ["baseline", "positions rope", "positions alibi", "n_layer 2"]
    assert [(v["model.positions"], v["model.n_layer"]) for v in (variant.values for variant in ablation.variants)] == [
        ("page", 1),
        ("rope", 1),
        ("alibi", 1),
        ("page", 2),
    ]
    assert [trial.name for trial in ablation.trials][:5] == [
        "tiny-page-n_layer1-s5",
        "tiny-rope-n_layer1-s5",
        "tiny-alibi-n_layer1-s5",
        "tiny-page-n_layer2-s5",
        "tiny-page-n_layer1-s6",
    ]
    assert all(ablation.variant_of(n).values.items() <= trial.values.items() for n, trial in enumerate(ablation.trials))
    recipes = [trial.recipe for trial in ablation.trials]
    assert {recipe.seed for recipe in recipes} == {5, 6}
    assert {(recipe.train.max_steps, recipe.train.batch_size, recipe.train.stop_early) for recipe in recipes} == {(4, 8, False)}


def test_the_recipe_itself_may_be_the_baseline(file: str) -> None:
    ablation = plan_ablation(file, ["positions=rope,page"], own_baseline=True, max_steps=3, samples=2)
    assert [variant.values for variant in ablation.variants] == [{"model.positions": "page"}, {"model.positions": "rope"}]
    assert ablation.trials[0].recipe.train.max_steps == 3
    assert len(ablation.trials) == 2 * 6  # the fewest seeds that can show a difference at 0.05
    assert plan_ablation(file, ["positions=rope"], seeds=2, own_baseline=True, samples=2).variants[0].name == "page"


def test_values_are_read_as_set_reads_them(file: str) -> None:
    ablation = plan_ablation(file, ['digits=1-2,"1-2,1x1"', "n_head=[4],2"], seeds=2, overrides=["model.head_dim=4"], samples=2)
    assert [variant.values["task.digits"] for variant in ablation.variants] == ["1-2", "1-2,1x1", "1-2"]
    assert [variant.values["model.n_head"] for variant in ablation.variants] == [[4], [4], 2]


def test_another_batch_size_has_as_many_examples(file: str) -> None:
    ablation = plan_ablation(file, ["batch_size=8,16"], seeds=2, samples=2)
    configs = [trial.recipe.train for trial in ablation.trials[:2]]
    assert [(train.batch_size, train.max_steps, train.eval_every) for train in configs] == [(8, 4, 2), (16, 2, 1)]


def test_names_are_those_of_fields() -> None:
    recipe = load_recipe(task="arith")
    assert find_field("positions", recipe) == find_field("model.positions", recipe) == "model.positions"
    assert find_field("mul.digits", recipe) == "task.mul.digits"
    with pytest.raises(UserError, match="--vary digits: may be task.add.digits or task.sub.digits or"):
        find_field("digits", recipe)


@pytest.mark.parametrize(
    ("recipe", "vary", "options", "said"),
    [
        ("tiny", ["postions=page,rope"], {}, "--vary postions: no such field; did you mean positions?"),
        ("tiny", ["model.postions=page,rope"], {}, "no such field; did you mean model.positions?"),
        ("tiny", ["positions=page"], {}, "has one value; --baseline compares it with the recipe's own"),
        ("tiny", ["positions=page"], {"own_baseline": True}, "has no other value than the recipe's own"),
        ("tiny", ["positions=page,page"], {}, "has a value twice"),
        ("tiny", ["positions=page,,rope"], {}, "must be FIELD=VALUE,VALUE"),
        ("tiny", ["positions"], {}, "must be FIELD=VALUE,VALUE"),
        ("tiny", ["positions=page,rope", "model.positions=page,none"], {}, "model.positions is varied twice"),
        ("tiny", ["positions=page,pope"], {}, "model.positions = 'pope'"),
        ("tiny", ["n_head=4,5"], {}, "must be a multiple of n_head = 5"),
        ("tiny", ["seed=1,2"], {}, "every variant has the same seeds"),
        ("tiny", ["max_steps=1,2"], {}, "every variant has the same budget"),
        ("tiny", ["batch_size=8,many"], {}, "train.batch_size = 'many'"),
        ("tiny", [], {}, "needs a field to vary"),
        ("tiny", VARY, {"seeds": 1}, "--seeds 1: must be 2 at least"),
        ("tiny", VARY, {"level": 5}, "--level 5: must be above 0 and below 1"),
        ("tiny", VARY, {"ood_sizes": [ProblemSize(2, 2)]}, "--ood-digits 2: is a length of training"),
        ("tiny", VARY, {"name": "a/b"}, "a run cannot be called a/b-page-s0"),
        ("tiny", VARY, {"overrides": ["model.n_layer=0"]}, "model.n_layer = 0"),
        ("gone.toml", VARY, {}, "gone.toml: no such file, and no kept recipe of this name"),
        ("adds", VARY, {}, "RECIPE adds: no such task; did you mean add?"),
        ("text", VARY, {"overrides": ["task.path=README.md"]}, "a text has no problems to ask"),
    ],
)
def test_what_is_no_fair_comparison_is_one_clear_line(
    file: str, recipe: str, vary: list[str], options: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        plan_ablation(file if recipe == "tiny" else recipe, vary, **({"seeds": 2, "samples": 2} | options))
    assert "\n" not in str(caught.value)
    assert not all_runs()


@pytest.mark.parametrize("vary", ["p=97,11", "train_share=0.5,0.9"])
def test_a_change_of_the_problems_is_refused(vary: str) -> None:
    with pytest.raises(UserError, match=f"--vary task.{vary.partition('=')[0]}: makes other problems"):
        plan_ablation("modadd", [vary], seeds=2, samples=5)


def test_runs_of_another_budget_are_not_mixed_in(file: str) -> None:
    trial = plan_ablation(file, VARY, seeds=2, samples=2).trials[1]
    new_run(trial.name, trial.recipe)
    plan_ablation(file, VARY, seeds=2, samples=2)
    with pytest.raises(
        UserError, match=r"tiny-rope-s0: is there already with another recipe \(train.max_steps = 4, here 9\); .*--name"
    ):
        plan_ablation(file, VARY, seeds=2, samples=2, max_steps=9)
    assert plan_ablation(file, VARY, seeds=2, samples=2, max_steps=9, name="other").trials[1].name == "other-rope-s0"


@given(st.lists(st.sampled_from([0.5, 0.9, 0.95, 1.0]), max_size=8))
def test_the_target_is_reached_as_training_says(worst: list[float]) -> None:
    progress, expected = Progress(), None
    for step, share in enumerate(worst, 1):
        progress.lowest_accuracies = [*progress.lowest_accuracies[-1:], share]
        if expected is None and progress.has_reached(0.95):
            expected = step
    looks = [entry for step, share in enumerate(worst, 1) for entry in ({"step": step, "loss": 1.0}, look(step, share))]
    assert find_target_step(looks, 0.95) == expected


def look(step: int, share: float) -> dict[str, object]:
    return {"step": step, "accuracy": {"1": 1.0, "2": share}}


def made_up(file: str, wrong: dict[str, list[int]], looks: dict[str, float]) -> AblationSummary:
    """The summary of trials that were never trained; `wrong`: how many problems of two digits are wrong, by variant."""
    ablation = plan_ablation(file, VARY, seeds=6, samples=20, ood_sizes=parse_sizes("3,5"))
    results = {}
    for number, trial in enumerate(ablation.trials):
        name, seed = ablation.variant_of(number).name, number // len(ablation.variants)
        run = new_run(trial.name, trial.recipe)
        (run.path / "run.json").write_text(json.dumps({"parameters": 100, "step": 4, "seconds": 1.5 + seed}))
        for step in (2, 4):
            run.log(look(step, looks[name]))
        results[number] = TrialResult(number, DONE, {}, answered(ablation, wrong[name][seed]))
    return summarise_ablation(ablation, results)


def answered(ablation: Ablation, wrong: int) -> pd.DataFrame:
    rows = evaluate(ExactSolver(), Addition("1-2"), ablation.spec).rows
    rows.loc[rows[rows.digits == "2"].index[:wrong], "outcome"] = "wrong"
    rows.loc[rows[rows.digits == "5"].index[: 2 * wrong], "outcome"] = "unfinished"
    return rows


def test_seeds_are_compared_pair_by_pair(file: str) -> None:
    summary = made_up(file, {"page": [0, 1, 0, 1, 0, 2], "rope": [4, 5, 3, 6, 4, 4]}, {"page": 1.0, "rope": 0.9})
    near, far, examples = summary.comparisons
    assert (near.measure, far.measure, examples.measure) == (IN_RANGE, BEYOND, TO_TARGET)
    assert near.differences == (-4, -4, -3, -5, -4, -2)
    assert far.differences == (-8, -8, -6, -10, -8, -4)
    assert near.p == near.corrected == 2 / 2**6
    assert near.mean == pytest.approx(-22 / 6 / 20)  # of 20 problems of two digits: those of one are seen in training
    assert far.mean == pytest.approx(-44 / 6 / 40)
    assert [one.says(0.05) for one in summary.comparisons] == [HURTS, HURTS, NEITHER]
    assert examples.differences == (0,) * 6  # both at 32 examples
    page, rope = summary.variants
    assert (page.in_range.right, page.in_range.n, page.in_range.median, rope.in_range.least) == (116, 120, 0.975, 0.7)
    assert list(page.by_length) == ["3", "5"]
    assert (rope.by_length["3"].median, rope.by_length["5"].most) == (1.0, 0.7)
    assert (page.seeds, page.reached, page.to_target, page.seconds) == (6, 6, 32, 4.0)
    assert set(summary.ablation.problems["where"][summary.ablation.problems.digits == "1"]) == {SEEN}
    [first, *_] = summary.mcnemar_by_seed("rope", IN_RANGE)
    assert first == {"seed": 0, "only variant": 0, "only baseline": 4, "p": 0.125}


def test_what_is_not_reached_is_not_compared_and_few_seeds_are_told(file: str) -> None:
    summary = made_up(file, {"page": [0] * 6, "rope": [0, 1, 0, 1, 0, 0]}, {"page": 1.0, "rope": 0.5})
    assert [one.says(0.05) for one in summary.comparisons] == [NEITHER, NEITHER, UNTESTED]
    assert summary.variants[1].to_target is None
    assert not [note for note in notes(summary, 0.05) if "cannot give" in note]
    assert "6 seeds cannot give less than p = 0.0312: no difference can be shown at 0.01" in notes(summary, 0.01)[-1]
    for width in (80, 120):
        console = Console(width=width, file=StringIO())
        for table in variant_tables(summary.variants, summary.comparisons, 0.05):
            print_table(table, console)
        shown = console.file.getvalue()
        assert max(map(len, shown.splitlines())) <= width
        for part in ("not reached", "0 of 6", "no difference shown", "not tested", "beside page"):
            assert part in shown


def test_the_command_trains_tells_and_goes_on(arithgpt: Call, file: str, tmp_path: Path) -> None:
    asked = ["--vary", *VARY, "--seeds", "2", "--samples", "10", "--ood-digits", "3", "--jobs", "1", "--threads", "1"]
    files = {kind: tmp_path / f"out.{kind}" for kind in ("csv", "json")}
    done = arithgpt("ablate", file, *asked, *(part for kind, path in files.items() for part in (f"--{kind}", str(path))))
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 trials, 0 of them done already; 1 at a time" in done.stdout
    table = done.stdout[done.stdout.index("\n\n") :]
    assert max(map(len, table.splitlines())) <= 80
    said = " ".join(table.split())
    assert "2 seeds cannot give less than p = 0.5: no difference can be shown at 0.05, however large; --seeds 6 could." in said
    assert "32 examples each; none stopped early" in said
    told = json.loads(files["json"].read_text())
    assert [(one["variant"], one["seeds"]) for one in told["variants"]] == [("page", 2), ("rope", 2)]
    assert {one["measure"]: one["says"] for one in told["comparisons"]}["in range"] == NEITHER
    assert [row["steps"] for row in told["trials"]] == [4] * 4
    rows = pd.read_csv(files["csv"])
    assert len(rows) == 4 * 2  # trials by lengths: 2 digits, which are held out, and 3, which are beyond
    assert rows.groupby(["variant", "seed"], sort=False)["where"].apply(list).tolist() == [["in range", "beyond"]] * 4
    assert set(rows.n) == {10}
    for variant in told["variants"]:
        own = rows[(rows.variant == variant["variant"]) & (rows["where"] == "in range")]
        assert variant["in_range"]["right"] == own.correct.sum()

    before = {path: path.stat().st_mtime_ns for run in all_runs() for path in run.path.iterdir()}
    kinds = ["json", "html", *(["png"] if find_spec("matplotlib") else [])]
    files = {kind: tmp_path / f"again.{kind}" for kind in kinds}
    options = [part for kind, path in files.items() for part in (f"--{kind}", str(path))]
    again = CliRunner().invoke(app, ["ablate", file, *asked, *options], env={"COLUMNS": "120"})
    assert "4 trials, 4 of them done already" in again.output
    assert {path: path.stat().st_mtime_ns for run in all_runs() for path in run.path.iterdir()} == before  # none is trained
    assert json.loads(files["json"].read_text()) == told  # and the same problems are asked
    page = files["html"].read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "no difference shown" in page
    if "png" in files:
        from matplotlib.image import imread

        assert imread(files["png"]).shape[1] == 1320


def test_a_variant_that_cannot_be_trained_leaves_the_others_alone(file: str, tmp_path: Path) -> None:
    """Pages of three digits are longer than block_size, which only matters to learned positions."""
    changes = ["--set", "model.block_size=8", "--set", "task.digits=1-3", "--steps", "1", "--vary", "positions=none,learned"]
    out = tmp_path / "out.json"
    asked = ["--seeds", "2", "--samples", "5", "--ood-digits", "5", "--jobs", "1", "--json", str(out)]
    done = CliRunner().invoke(app, ["ablate", file, *changes, *asked])
    assert done.exit_code == 1, done.output
    assert "tiny-learned-s0: model.block_size = 8: must be at least" in done.output
    told = json.loads(out.read_text())
    assert [one["seeds"] for one in told["variants"]] == [2, 0]
    assert {one["says"] for one in told["comparisons"]} == {UNTESTED}


def test_ctrl_c_draws_no_conclusions_and_the_same_command_goes_on(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["ablate", file, "--vary", *VARY, "--seeds", "2", "--samples", "5", "--ood-digits", "3", "--jobs", "1"]
    validate = ProblemSource.validate

    def pressed(*arguments: Any) -> Validation:
        os.kill(os.getpid(), signal.SIGINT)
        return validate(*arguments)

    monkeypatch.setattr(ProblemSource, "validate", pressed)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 130, done.output
    assert "stopped before all was trained and asked; the same command goes on" in done.output
    assert "helps?" not in done.output
    assert [run.name for run in all_runs()] == ["tiny-page-s0"]
    monkeypatch.setattr(ProblemSource, "validate", validate)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert {run.info["step"] for run in all_runs()} == {4}
    assert "helps?" in done.output

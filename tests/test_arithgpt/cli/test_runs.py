"""The commands that list, and runs that are damaged."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line

from arithgpt.proof.claim import proven_claim
from arithgpt.run_folder import RunSummary, all_runs

small = pytest.mark.usefixtures("runs")


@small
def test_runs_and_tasks_are_listed(arithgpt: Call) -> None:
    done = arithgpt("runs")
    assert done.returncode == 0
    for part in ("small", "add", "1-3", "26,168"):
        assert part in done.stdout
    assert "add" in arithgpt("tasks").stdout


@small
def test_one_bad_run_does_not_hide_the_others(arithgpt: Call, runs: Path, tmp_path: Path) -> None:
    for name, file, text in [
        ("a", "run.json", '{"accuracy": [1], "status": 3}'),
        ("b", "run.json", "[]"),
        ("c[red]", "recipe.toml", "seed = " + "9" * 5000),
        ("d", "metrics.jsonl", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")),
    ]:
        shutil.copytree(runs / "small", tmp_path / "runs" / name)
        (tmp_path / "runs" / name / file).write_text(text)
    done = arithgpt("runs", ARITHGPT_RUNS=str(tmp_path / "runs"))
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("unreadable", "c[red]", "26,168"):
        assert part in done.stdout


@small
@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_is_null_in_json(arithgpt: Call, runs: Path, tmp_path: Path, text: str) -> None:
    shutil.copytree(runs / "small", tmp_path / "runs" / "a")
    (tmp_path / "runs" / "a" / "run.json").write_text(f'{{"step": 3, "loss": {text}, "seconds": {text}}}')
    listed = json.loads(arithgpt("runs", "--json", ARITHGPT_RUNS=str(tmp_path / "runs")).stdout, parse_constant=pytest.fail)
    assert [(run["step"], run["loss"]) for run in listed] == [(3, None)]
    done = arithgpt("runs", "show", "a", "--json", ARITHGPT_RUNS=str(tmp_path / "runs"))
    shown = json.loads(done.stdout, parse_constant=pytest.fail)
    assert (shown["loss"], shown["seconds"]) == (None, None)


@small
def test_a_run_that_is_removed_while_runs_are_listed(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARITHGPT_RUNS", str(tmp_path / "runs"))
    for name in ("a", "b"):
        shutil.copytree(runs / "small", tmp_path / "runs" / name)
    found = all_runs()
    shutil.rmtree(tmp_path / "runs")
    for run in found:
        assert (run.changed, run.info, list(run.metrics()), proven_claim(run)) == (0.0, {}, [], None)
        assert RunSummary.of(run).status == "unreadable recipe"


@small
def test_usual_runs_are_one_band_of_80_columns(arithgpt: Call, runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "small", tmp_path / "runs" / "calculator-2")
    info = {"parameters": 628_084, "step": 100_000, "status": "reached target", "accuracy": {"3": 0.9987}}
    (tmp_path / "runs" / "calculator-2" / "run.json").write_text(json.dumps(info))
    lines = arithgpt("runs", ARITHGPT_RUNS=str(tmp_path / "runs"), COLUMNS="80").stdout.splitlines()
    assert lines[0].split() == ["run", "task", "digits", "params", "exact", "steps", "status", "age"]
    assert "reached target" in lines[2]
    assert max(map(len, lines[:3])) <= 80


@small
@pytest.mark.parametrize("damage", ["cut", "swapped"])
def test_damaged_weights(arithgpt: Call, runs: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "runs" / "broken"
    shutil.copytree(runs / "small", folder)
    if damage == "cut":
        weights = folder / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:5000])
    else:
        recipe = folder / "recipe.toml"
        recipe.write_text(recipe.read_text().replace("seed = 0", "seed = 5"))
    for arguments in (("eval", str(folder)), ("calc", "--run", str(folder), "1+2")):
        one_clear_line(arithgpt(*arguments), "weights.safetensors", "cut short" if damage == "cut" else "another run")

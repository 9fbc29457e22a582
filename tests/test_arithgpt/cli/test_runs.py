"""The commands that list, and runs that are damaged."""

import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line

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

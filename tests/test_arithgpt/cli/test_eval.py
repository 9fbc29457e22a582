"""The command eval: tables, and files that say the same."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line

from arithgpt.run_folder import shipped_run
from arithgpt.training.checkpoint import load_tensors, save_tensors

small = pytest.mark.usefixtures("runs")


@small
def test_eval_writes_what_it_shows(arithgpt: Call, runs: Path, tmp_path: Path) -> None:
    options = ("--digits", "1-2,5", "--samples", "50", "--seed", "3")
    done = arithgpt("eval", "small", *options, "--json", str(tmp_path / "a.json"), "--csv", str(tmp_path / "a.csv"))
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads((tmp_path / "a.json").read_text())
    assert [row["digits"] for row in report["results"] if row["suite"] == "random"] == ["1", "2", "5"]
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(row["n"] for row in report["results"])
    assert (runs / "small" / "eval.json").read_text() == (tmp_path / "a.json").read_text()
    assert arithgpt("eval", *options).returncode == 0
    assert (runs / "small" / "eval.json").read_text() == (tmp_path / "a.json").read_text()


def test_eval_of_a_grid_with_mistakes(arithgpt: Call, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "bad"
    shutil.copytree(shipped_run().path, folder)
    tensors, notes = load_tensors(folder / "weights.safetensors")
    tensors["head.weight"][5] = 0  # it never says 5
    save_tensors(folder / "weights.safetensors", tensors, notes)
    done = arithgpt("eval", "bad", "--task", "mul", "--digits", "1-3x1-2", "--samples", "20", "--mistakes")
    assert done.returncode == 0, done.stderr
    for part in (
        "bad, mul, random: exact match in %",
        "bad, mul, edges: exact match in %",
        "the worst cell",
        "first wrong",
        "page    ",
        "wrote   ",
        "   ^",
    ):
        assert part in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads((folder / "eval.json").read_text())
    assert {(row["left"], row["right"]) for row in report["results"]} == {(a, b) for a in (1, 2, 3) for b in (1, 2)}
    done = arithgpt("eval", "bad", "--task", "add", "--digits", "6x1,1x6", "--samples", "20")
    assert done.returncode == 0, done.stderr
    one_clear_line(arithgpt("eval", "bad", "--task", "sqrt"), "--task sqrt", "add, sub, mul, div")
    one_clear_line(arithgpt("eval", "bad", "--suite", "nope"), "--suite nope", "random")
    one_clear_line(
        arithgpt("eval", "bad", "--task", "mul", "--suite", "exhaustive", "--digits", "9"), "exhaustive", "1,000,000"
    )


@pytest.mark.usefixtures("runs")
def test_a_suite_is_shown_by_its_name(arithgpt: Call) -> None:
    done = arithgpt("eval", "small", "--digits", "2", "--samples", "5", "--suite", "random", "--suite", "nines")
    assert "nines" in done.stdout.split()

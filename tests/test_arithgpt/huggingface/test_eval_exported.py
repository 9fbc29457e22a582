"""eval hf:FOLDER of an exported run: the figures of the run, and no code of the folder is run without being asked to."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from helpers.command_line import Call, one_clear_line
from helpers.exports import random_run

from arithgpt.errors import UserError
from arithgpt.evaluation import evaluate
from arithgpt.huggingface.export import export_run
from arithgpt.run_folder import RunFolder, shipped_run
from eval.solvers.exported import ExportedSolver
from eval.spec import EvalSpec

TRUST = "--trust-remote-code"


@pytest.fixture
def out(trained: RunFolder, tmp_path: Path) -> Path:
    export_run(trained, tmp_path / "out")
    return tmp_path / "out"


def test_an_exported_run_has_the_figures_of_the_run(arithgpt: Call, out: Path, runs: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    options = ("--digits", "1-2,5", "--samples", "30", "--seed", "3", "--csv")
    done = arithgpt("eval", f"hf:{out}", TRUST, *options, str(tmp_path / "exported.csv"))
    assert (done.returncode, done.stderr) == (0, "")
    own = arithgpt("eval", "small", *options, str(tmp_path / "own.csv"))
    assert done.stdout.partition("\n")[2].replace("out,", "small,") == own.stdout.partition("\n")[2]
    exported, run = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("exported", "own"))
    assert set(exported.outcome) > {"right"}  # 5 digits are beyond it
    pd.testing.assert_frame_equal(exported.drop(columns="solver"), run.drop(columns="solver"))
    one_clear_line(
        arithgpt("eval", f"hf:{out}", TRUST, "--task", "mul"), "--task mul", "the exported run out was trained on add"
    )


def test_a_task_of_the_calculator(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    export_run(shipped_run(), tmp_path / "out")
    spec = EvalSpec([(2, 2), (3, 1)], ["random", "edges"], samples=10)
    for task in ("div", "expr"):
        one, two = (
            evaluate(solver, task, spec if task == "div" else EvalSpec(suites=["random"], samples=2), trust_remote_code=True)
            for solver in (f"hf:{tmp_path / 'out'}", "calculator")
        )
        pd.testing.assert_frame_equal(one.rows, two.rows)
        assert one.training_sizes == two.training_sizes


def test_what_the_positions_have_no_room_for_is_unfinished(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    run = random_run(tmp_path / "run", positions="learned", block_size=16, n_head=2, n_embd=16, n_layer=1)
    export_run(run, tmp_path / "out")
    spec = EvalSpec([(2, 2), (6, 6), (7, 7), (9, 9)], ["random"], samples=4)
    one, two = (evaluate(solver, spec=spec, trust_remote_code=True) for solver in (f"hf:{tmp_path / 'out'}", str(run.path)))
    pd.testing.assert_frame_equal(one.rows, two.rows)
    assert "unfinished" in set(one.rows.outcome)


@pytest.mark.parametrize("command", [("eval",), ("falsify",), ("compare", "exact", "--task", "add")])
def test_no_code_is_run_without_the_flag(command: tuple[str, ...], arithgpt: Call, out: Path, tmp_path: Path) -> None:
    ran, first = tmp_path / "ran", "from __future__ import annotations"
    for file in out.glob("*.py"):
        file.write_text(file.read_text("utf-8").replace(first, f"{first}\nopen({str(ran)!r}, 'w').close()"), "utf-8")
    one_clear_line(arithgpt(*command, f"hf:{out}"), f"hf:{out}", "Python code", TRUST)
    assert not ran.exists()
    if command == ("eval",) and find_spec("transformers"):
        assert arithgpt("eval", f"hf:{out}", TRUST, "--digits", "1", "--samples", "1").returncode == 0
        assert ran.exists()


def test_other_models_with_code_need_the_flag_too(arithgpt: Call, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer_config.json"):
        (tmp_path / name).write_text(json.dumps({"auto_map": {"AutoModelForCausalLM": "mine.Mine"}}))
        one_clear_line(arithgpt("eval", f"hf:{tmp_path}", "--task", "add"), f"hf:{tmp_path}", TRUST)
        (tmp_path / name).unlink()


def test_a_folder_that_cannot_be_asked_is_one_clear_line(arithgpt: Call, out: Path, tmp_path: Path) -> None:
    config = json.loads((out / "config.json").read_text())
    changes = {
        "has no problems": None,
        "task.name = nope": {"name": "nope"},
        "must be a table": "add",
        "digits": {"name": "add", "digits": "0"},
    }
    for number, (said, task) in enumerate(changes.items()):
        folder = tmp_path / f"changed-{number}"
        shutil.copytree(out, folder)
        (folder / "config.json").write_text(json.dumps(config | {"task": task}))
        one_clear_line(arithgpt("eval", f"hf:{folder}", TRUST), str(folder), said)
    with pytest.raises(ValueError, match="batch_size = 0"):
        ExportedSolver(out, batch_size=0)


def test_the_missing_extra_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"the extra hf is missing: pip install 'arithgpt\[hf\]'"):
        evaluate(f"hf:{out}", spec=EvalSpec([(1, 1)], samples=1), trust_remote_code=True)

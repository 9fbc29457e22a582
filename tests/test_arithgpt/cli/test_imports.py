"""Code from outside at the command line: --import, and files of a working directory that hide our packages."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line
from helpers.paths import MAXIMUM_TASK, ROOT

from arithgpt.config.imported import import_task_files
from arithgpt.errors import UserError
from arithgpt.run_folder import RunFolder
from arithgpt.training.checkpoint import load_tensors, save_tensors


def test_a_task_of_a_file_is_trained_listed_and_asked(arithgpt: Call) -> None:
    quick = ("--steps", "2", "--set", "train.eval_samples=4", "--set", "model.n_layer=1", "--name", "mine")
    done = arithgpt("train", "--import", str(MAXIMUM_TASK), "--task", "maximum", *quick)
    assert (done.returncode, done.stderr) == (0, "")
    printed = re.search(r"measure it: (.*)    ask it: (.*)", done.stdout)
    assert printed is not None
    measure, ask = map(shlex.split, printed.groups())
    assert measure == ["arithgpt", "eval", "--import", str(MAXIMUM_TASK), "mine"]
    assert ask[:-1] == ["arithgpt", "calc", "--import", str(MAXIMUM_TASK), "--run", "mine"]
    asked = arithgpt(*ask[1:])
    assert (asked.returncode, asked.stderr) in [(0, ""), (1, "")]  # it answers, if after two steps not rightly
    shown = arithgpt("tasks", "--import", str(MAXIMUM_TASK), "maximum").stdout
    assert shlex.join(["arithgpt", "train", "--import", str(MAXIMUM_TASK), "--task", "maximum"]) in shown
    assert "needs --import" in arithgpt("runs").stdout
    [listed] = json.loads(arithgpt("runs", "--json").stdout)
    assert listed["step"] > 0
    assert "maximum" in arithgpt("--import", str(MAXIMUM_TASK), "runs").stdout
    assert "maximum" in arithgpt("tasks", ARITHGPT_IMPORT=str(MAXIMUM_TASK)).stdout
    missing = arithgpt("calc", "--run", "mine", "1 2")
    one_clear_line(missing, "arithgpt: run mine: needs --import FILE.py", "no task 'maximum'")


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (("import", "improt"), ["does not import", "line "]),
        (("import numpy", "import nothing_of_this_name"), ["does not import", "nothing_of_this_name"]),
        (("@register\n", ""), ["registers no task"]),
        (("def extract", "def read"), ["extract"]),
        (('name = "maximum"', 'name = "add"'), ["name is taken"]),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(change: tuple[str, str], parts: list[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(MAXIMUM_TASK.read_text().replace(*change))
    with pytest.raises(UserError, match=re.escape(str(file))) as caught:
        import_task_files([str(file)])
    assert caught.value.in_shell == f"--import {caught.value}"
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_a_class_that_is_no_dataclass_is_told_what_it_needs(arithgpt: Call, tmp_path: Path) -> None:
    file = tmp_path / "bare.py"
    file.write_text(MAXIMUM_TASK.read_text().replace("@dataclass(frozen=True)\n", ""))
    arguments = ("train", "--import", str(file), "--task", "maximum", "--dry-run", "--set")
    one_clear_line(arithgpt(*arguments, "task.longest=7"), "task.longest: no such field", "Maximum", "@dataclass(frozen=True)")
    done = arithgpt(*arguments, "task.other=7")
    one_clear_line(done, "task.other: no such field")
    assert "dataclass" not in done.stderr


def test_what_is_inherited_is_not_named_again(arithgpt: Call) -> None:
    done = arithgpt("tasks", "maximum", ARITHGPT_IMPORT=str(MAXIMUM_TASK))
    assert "learn it: arithgpt train --task maximum\n" in done.stdout


def test_a_missing_file_is_one_clear_line(arithgpt: Call) -> None:
    one_clear_line(arithgpt("tasks", "--import", "nowhere.py"), "--import nowhere.py", "No such file")


def test_a_position_scheme_of_a_file_is_named_in_a_recipe(arithgpt: Call, tmp_path: Path) -> None:
    file = tmp_path / "scheme.py"
    file.write_text(
        "from arithgpt.models.positions import register\n"
        "from arithgpt.models.positions.base import PositionScheme\n\n\n"
        "class Mine(PositionScheme):\n"
        '    """No positions, by another name."""\n\n\n'
        'register("mine", Mine)\n'
    )
    options = ("--steps", "1", "--digits", "1", "--set", "train.eval_samples=4", "--set", "model.positions=mine")
    done = arithgpt("train", "--import", str(file), *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine positions" in done.stdout
    one_clear_line(arithgpt("train", *options), "model.positions = 'mine'", "'page'")


@pytest.mark.parametrize("name", ["tasks.py", "eval/__init__.py"])
def test_a_file_that_hides_our_package_is_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    root = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-m", "arithgpt", "tasks"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    one_clear_line(done, f"{file}: hides the package {name[:5].strip('.').split('/')[0]} of arithgpt")


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = "import sys\nfrom typer.testing import CliRunner\nfrom arithgpt.cli import app\n"
    code += "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
    code += "heavy = {'torch', 'pandas', 'pydantic', 'numpy'} & sys.modules.keys()\nassert not heavy, heavy\n"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("section", ["budget", "removal", "start"])
def test_a_run_of_another_version_is_one_clear_line(section: str, trained: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(trained.recipe.to_toml() + f"[{section}]\nsteps = 3\n")
    with pytest.raises(UserError, match=f"recipe.toml: {section}: no such field.*made by another version of arithgpt"):
        assert RunFolder(tmp_path).recipe


def test_weights_of_another_version_are_one_clear_line(trained: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(trained.recipe.to_toml())
    tensors, _ = load_tensors(trained.path / "weights.safetensors")
    save_tensors(tmp_path / "weights.safetensors", tensors, {"step": 3})
    with pytest.raises(UserError, match=r"weights.safetensors: .*made by another version of arithgpt"):
        RunFolder(tmp_path).load_model()

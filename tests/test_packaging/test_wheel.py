"""What `pip install` gives: the archives hold what they should and nothing else, and the installed commands work."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.command_line import PLAIN, Done, one_clear_line
from helpers.paths import ROOT

pytest.importorskip("setuptools", minversion="77")

PACKAGES = ("arithgpt", "eval", "tasks")
LOCAL = (".*", "__pycache__", "*.egg-info", "build", "dist")
"""What a checkout may hold that is not the project's; .ci and .gitignore are copied apart."""
DATA = {".toml", ".json", ".safetensors", ".typed"}
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, 'build_' + sys.argv[1])(sys.argv[2]))"
STRAY = ("runs/mine/recipe.toml", "runs/mine/weights.safetensors", "runs/notes.txt", "arithgpt/pretrained/calculator/eval.csv")
"""Files that use of a checkout leaves in it."""


def run(*command: object, cwd: Path) -> Done:
    """Run a command outside of the checkout, with nothing of it on the import path."""
    hidden = ("PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | PLAIN
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240
    )


def local_files(folder: str, names: list[str]) -> set[str]:
    """Those of the names in a folder that are not the project's: LOCAL, and runs, which may be large."""
    runs = {name for name in names if Path(folder) == ROOT / "runs" and (Path(folder) / name / "recipe.toml").is_file()}
    return shutil.ignore_patterns(*LOCAL)(folder, names) | runs


def build(kind: str, source: Path, out: Path) -> Path:
    """Build a wheel or an sdist of a folder, as pip does."""
    done = run(sys.executable, "-c", BUILD, kind, out, cwd=source)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """The names in the sdist of a used checkout, and the wheel that is built from the unpacked sdist."""
    folder = tmp_path_factory.mktemp("packaging")
    checkout = folder / "checkout"
    shutil.copytree(ROOT, checkout, ignore=local_files)
    for extra in (".gitignore", ".ci/run"):
        (checkout / extra).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / extra, checkout / extra)
    for stray in STRAY:
        (checkout / stray).parent.mkdir(exist_ok=True)
        (checkout / stray).write_text("")
    with tarfile.open(build("sdist", checkout, folder)) as sdist:
        names = sdist.getnames()
        sdist.extractall(folder / "sdist", filter="data")
    [source] = (folder / "sdist").iterdir()
    return [name.partition("/")[2] for name in names], build("wheel", source, folder)


def installed(folder: Path, archive: Path) -> Path:
    """Install a wheel alone into a new virtual environment, which finds the dependencies of this one; return its bin folder."""
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    done = run(python, "-m", "pip", "install", "--no-deps", "--no-index", "--disable-pip-version-check", archive, cwd=folder)
    assert done.returncode == 0, done.stderr
    # Plain folders: the .pth files in them, which may lead to a checkout, are not read.
    needed = [find_spec(name) for name in ("numpy", "torch", "typer")]
    folders = {str(Path(spec.origin).parents[1]) for spec in needed if spec is not None and spec.origin is not None}
    [site] = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text("".join(f"{path}\n" for path in folders))
    return environment / "bin"


def names_of(files: Sequence[Path], home: Path) -> set[str]:
    return {file.relative_to(home).as_posix() for file in files}


def test_the_wheel_holds_the_packages_and_the_kept_recipes_and_nothing_else(archives: tuple[list[str], Path]) -> None:
    with zipfile.ZipFile(archives[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    modules = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    recipes = names_of([*(ROOT / "runs").glob("*.toml"), *(ROOT / "runs" / "papers").glob("*.toml")], ROOT / "runs")
    assert {name for name in names if name.endswith(".py")} == names_of(modules, ROOT)
    assert {f"arithgpt/recipes/{recipe}" for recipe in recipes} <= names
    assert {Path(name).suffix for name in names} == DATA | {".py"}
    assert {name.partition("/")[0] for name in names} == set(PACKAGES)
    strays = {Path(stray).name for stray in STRAY if "calculator" in stray} | {"notes.txt", "LOG.md"}
    assert not {name for name in names if Path(name).name in strays or "/mine/" in name}


def test_the_source_archive_holds_all_that_is_tested_and_named(archives: tuple[list[str], Path]) -> None:
    names = set(archives[0])
    tests = names_of([file for file in (ROOT / "tests").rglob("*") if file.is_file() and file.suffix != ".pyc"], ROOT)
    documents = names_of([file for file in (ROOT / "docs").rglob("*") if file.is_file()], ROOT)
    kept = names_of(
        [file for pattern in ("*.toml", "*.md", "papers/*", "calculator/*") for file in (ROOT / "runs").glob(pattern)], ROOT
    )
    assert tests | documents | kept | {"README.md", "LICENSE", "Makefile", "constraints.txt", ".ci/run"} <= names
    assert not names & set(STRAY)


def test_the_installed_commands_work_outside_of_the_checkout(archives: tuple[list[str], Path], tmp_path: Path) -> None:
    commands = installed(tmp_path, archives[1])
    place = tmp_path / "elsewhere"
    place.mkdir()

    def arithgpt(*arguments: str) -> Done:
        return run(commands / "arithgpt", *arguments, cwd=place)

    where = run(commands / "python", "-c", "import arithgpt; print(arithgpt.__file__)", cwd=place)
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)
    assert arithgpt("--version").stdout.split()[:2] == ["arithgpt", archives[1].name.split("-")[1]]
    assert "export-lm-eval" in arithgpt("--help").stdout
    assert arithgpt("calc", "123*45").stdout == f"123*45 = {123 * 45}  right\n"
    assert "--certificate" in arithgpt("prove", "--help").stdout
    assert "reverse" in arithgpt("tasks").stdout
    one_clear_line(arithgpt("train", "--recipe", "positions"), "arithgpt sweep positions")
    done = arithgpt("train", "--recipe", "add-small", "--steps", "1", "--set", "train.eval_samples=2", "--name", "one")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "runs" / "one" / "recipe.toml").is_file()  # ARITHGPT_RUNS of the tests

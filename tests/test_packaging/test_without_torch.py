"""The calculator alone: the packages that the README lists for it are enough, and what needs more says so in one line."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path

import pytest
from helpers.command_line import PLAIN, Done, one_clear_line
from helpers.paths import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from arithgpt.cli.shared.packages import DEPENDENCIES

START = """
import sys
sys.path[:0] = {folders!r}
sys.argv[0] = "arithgpt"
from arithgpt.cli import main
main()
"""
PROMPT = """
import sys
sys.path[:0] = {folders!r}
from arithgpt import Calculator
from arithgpt.cli.shared.prompt import Prompt
Prompt(Calculator(), working=False).handle("123*45")
"""
MANY = """
import sys
sys.path[:0] = {folders!r}
from arithgpt import Calculator
from arithgpt.inference import calculator
calculator.WORTH_TORCH = 0  # any work is worth it
print(Calculator()("123*45"))
"""
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]


def listed() -> list[str]:
    """The packages that the README lists for the calculator."""
    [names] = re.findall(r"pip install (numpy .*)", (ROOT / "README.md").read_text("utf-8"))
    return str(names).split()


def link(folder: Path, names: Sequence[str]) -> Path:
    """Make a folder with these packages and all that they need, and nothing else."""
    folder.mkdir()
    pending, done = list(names), set()
    while pending:
        package = distribution(pending.pop())
        if package.name in done:
            continue
        done.add(package.name)
        needs = map(Requirement, package.requires or ())
        pending += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        for part in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (folder / part).exists():
                (folder / part).symlink_to(Path(str(package.locate_file(part))).resolve())
    return folder


def isolated(code: str, packages: Path, *arguments: str, stdin: str = "") -> Done:
    """Run code in an interpreter that finds nothing but Python, these packages and ours."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code.format(folders=[str(ROOT), str(packages)]), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | PLAIN,
    )


Arithgpt = Callable[..., Done]


@pytest.fixture(scope="module")
def calculator_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link(tmp_path_factory.mktemp("packages") / "calculator", listed())


@pytest.fixture
def alone(calculator_packages: Path) -> Arithgpt:
    """Call the command line with what the README lists."""
    return lambda *arguments, stdin="": isolated(START, calculator_packages, *arguments, stdin=stdin)


def test_the_whole_package_needs_more_than_the_calculator() -> None:
    whole = {canonicalize_name(Requirement(need).name) for need in WHOLE}
    assert whole == {canonicalize_name(name) for name in DEPENDENCIES.values()}
    assert {canonicalize_name(name) for name in listed()} < whole - {"torch"}


def test_the_calculator_answers(alone: Arithgpt, calculator_packages: Path) -> None:
    right = f"123*45 = {123 * 45}  right\n"
    assert alone("calc", "123*45").stdout == right
    assert alone("calc", stdin="123*45\n7-9\n").stdout == f"{right}7-9 = {7 - 9}  right\n"
    assert alone("calc", "--json", "123*45").stdout.startswith('{"expression": "123*45", "answer": "5535"')
    working = alone("calc", "--working", "123*45").stdout
    assert working.endswith(right)
    assert working.count("\n") > 4
    for code in (PROMPT, MANY):
        assert isolated(code, calculator_packages).stdout == right


@pytest.mark.parametrize("command", ["--help", "--version", "tasks", "runs", "calc --help", "prove --help"])
def test_what_needs_no_torch_works(alone: Arithgpt, command: str) -> None:
    done = alone(*command.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_what_needs_a_missing_package_is_one_clear_line(alone: Arithgpt) -> None:
    one_clear_line(alone("train", "--task", "add"), "torch", "not installed", "pip install torch")
    one_clear_line(alone("eval", "exact", "--task", "add"), "pandas", "not installed", "pip install pandas")


def test_an_evaluation_needs_no_torch(tmp_path: Path) -> None:
    packages = link(tmp_path / "more", [*listed(), "pandas"])
    few = ("--digits", "2", "--samples", "5", "--suite", "random")
    for solver in ("exact", "calculator"):
        done = isolated(START, packages, "eval", solver, "--task", "add", *few)
        assert (done.returncode, done.stderr) == (0, "")
        assert "100%" in done.stdout
    one_clear_line(isolated(START, packages, "eval", "calculator", "--device", "cpu", "--task", "add", *few), "torch")

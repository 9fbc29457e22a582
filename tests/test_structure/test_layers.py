"""The structure of the packages: imports go tasks <- eval <- arithgpt, files are short, and nothing heavy happens at import."""

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Set
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from helpers.paths import ROOT

MAY_IMPORT = {"tasks": {"tasks"}, "eval": {"eval", "tasks"}, "arithgpt": {"arithgpt", "eval", "tasks"}}
THIRD_PARTY = {
    "tasks": {"numpy"},
    "eval": {"hypothesis", "numpy", "pandas", "rich"},
    "arithgpt": {
        "joblib",
        "numpy",
        "pandas",
        "prompt_toolkit",
        "pydantic",
        "rich",
        "safetensors",
        "tomli_w",
        "torch",
        "typer",
    },
}
OPTIONAL = {
    "tasks": {"reasoning_gym"},
    "eval": {"httpx", "jinja2", "matplotlib", "pyarrow", "torch", "transformers"},
    "arithgpt": {"distributed", "ray", "reasoning_gym", "trackio", "transformers"},
}
"""Extras, and what takes long to import: only inside of what needs them."""
EXPORTED = {ROOT / "arithgpt" / "huggingface" / f"{name}_arithgpt.py" for name in ("configuration", "modeling")}
"""Sources that are copied into exported folders, where transformers imports them; nothing here does."""
FILES = [file for package in MAY_IMPORT for file in sorted((ROOT / package).rglob("*.py"))]
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))


def imported(file: Path, at_import: bool = False) -> set[str]:
    """The top-level packages that a file imports, anywhere in it, or only when it is imported itself."""
    names = set()
    tree = ast.parse(file.read_text("utf-8"))
    for node in tree.body if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the floor they lead to"
            names.add((node.module or "").partition(".")[0])
    return names


def imported_names(file: Path) -> set[str]:
    """Every part of the name of each module that a file imports, and the names that it imports from modules."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.ImportFrom):
            names |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
    return names


def imported_modules(file: Path, modules: Set[str]) -> set[str]:
    """Those of our modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inner & modules or {node.module or ""}
    return names & modules


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_never_go_up(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[package] | THIRD_PARTY[package] | sys.stdlib_module_names
    assert imported(file) <= allowed | OPTIONAL[package]
    assert imported(file, at_import=True) <= allowed | ({"transformers"} if file in EXPORTED else set())


def test_nothing_imports_what_is_only_exported() -> None:
    names = {file.stem for file in EXPORTED}
    importing = {file for file in [*FILES, *TEST_FILES] if imported_names(file) & names}
    assert importing <= EXPORTED


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    assert ast.get_docstring(tree) or not tree.body


def test_files_are_short_and_folders_hold_few() -> None:
    files = FILES + TEST_FILES
    assert {file: n for file in files if (n := len(file.read_text("utf-8").splitlines())) > 400} == {}
    folders = Counter(file.parent for file in files)
    assert {folder: n for folder, n in folders.items() if n > 15} == {}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout, whose files could be listed")
def test_folders_of_data_hold_few_files() -> None:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = Counter(str(Path(file).parent) for file in listed)
    assert {folder: n for folder, n in folders.items() if n > 15} == {}


def test_every_folder_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = {".".join(file.parent.relative_to(ROOT).parts) for file in FILES if file.name == "__init__.py"}
    assert set(settings["tool"]["setuptools"]["packages"]) == packages | {"arithgpt.recipes"}  # runs/, which has no modules


def test_no_module_imports_itself_through_others() -> None:
    modules = {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in FILES}
    graph = {name: imported_modules(file, modules.keys()) - {name} for name, file in modules.items()}
    assert list(TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_no_test_imports_a_test() -> None:
    tests = {file.stem for file in TEST_FILES if file.name.startswith(("test_", "conftest"))}
    assert {file: names for file in TEST_FILES if (names := imported_names(file) & tests)} == {}


def test_no_folder_of_tests_hides_a_package() -> None:
    folders = {file.parent.name for file in TEST_FILES}
    assert folders & (MAY_IMPORT.keys() | sys.stdlib_module_names) == set()
    assert not list((ROOT / "tests").rglob("__init__.py"))  # file names may repeat only while tests are no packages


def test_all_floors_were_walked() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in FILES} == set(MAY_IMPORT)
    assert len(FILES) > 20
    assert len(TEST_FILES) > 20


@pytest.mark.parametrize(
    "module", ["arithgpt", "arithgpt.cli", "tasks", "eval.evaluate", "arithgpt.config.recipe", "arithgpt.inference.calculator"]
)
def test_importing_does_not_bring_torch(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {module}, sys; assert 'torch' not in sys.modules"], check=True)

"""What errors say: the argument in Python, the option on the command line, and near names only where they are near."""

import ast
import pickle
from pathlib import Path

import pytest

import arithgpt
from arithgpt.config.tables import UnknownTaskError
from arithgpt.errors import UserError, Wording, ending
from tasks.core.near import near_names

ROOT = Path(arithgpt.__file__).parent
ONLY_IN_A_SHELL = ("cli", "experiments", "bench")
"""Folders that only the command line uses."""


@pytest.mark.parametrize(
    ("error", "python", "shell"),
    [
        (UserError("must be cpu", "device", "x"), "device = 'x': must be cpu", "--device x: must be cpu"),
        (UserError("missing", "task"), "task: missing", "--task: missing"),
        (UserError("not here", "remainder", True), "remainder = True: not here", "--remainder: not here"),
        (UserError("too few", "decimals", 1), "decimals = 1: too few", "--decimals 1: too few"),
        (UserError("unlike", "init.run", "a"), "init.run = 'a': unlike", "--from a: unlike"),
        (UserError(ending("gone", python="f()", shell="--f"), "name", "a"), "name = 'a': gone; f()", "--name a: gone; --f"),
        (UserError(Wording("one", "two")), "one", "two"),
        (UserError(ending("gone", shell="--f")), "gone", "gone; --f"),
        (UnknownTaskError("no such task", "task", "x", name="x"), "task = 'x': no such task", "--task x: no such task"),
    ],
)
def test_an_error_has_a_wording_for_each_interface(error: UserError, python: str, shell: str) -> None:
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert (str(one), one.in_shell, type(one)) == (python, shell, type(error))


def named_options(call: ast.Call) -> list[str]:
    """Texts in a call that name an option, other than those of the wording for a shell."""
    if isinstance(call.func, ast.Name) and call.func.id in ("Wording", "ending"):
        texts = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "python")]
    else:
        texts = [*call.args, *(word.value for word in call.keywords)]
    found = []
    for text in texts:
        for node in ast.walk(text):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "--" in node.value:
                found.append(node.value)
    return found


def test_messages_of_the_library_name_no_options() -> None:
    files = [file for file in ROOT.rglob("*.py") if file.relative_to(ROOT).parts[0] not in ONLY_IN_A_SHELL]
    calls = [node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
    raised = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id.endswith(("Error", "ending"))]
    assert len(raised) > 50
    inner = [call for call in raised if call.args and not isinstance(call.args[0], ast.Call)]
    assert [name for call in inner for name in named_options(call)] == []


@pytest.mark.parametrize(
    ("typed", "names", "near"),
    [
        ("romn", ["count", "copy", "compare"], []),
        ("trian", ["train", "runs"], ["train"]),
        ("ad", ["add", "sub"], ["add"]),
        ("addition", ["add", "sub"], ["add"]),
        ("digts", ["digits", "task"], ["digits"]),
        ("mlu", ["mul", "sub"], ["mul"]),
        ("x", ["h", "y"], []),
        ("export", ["eval", "export-hf", "export-data"], ["export-hf", "export-data"]),
        ("Add", ["add"], ["add"]),
        ("", ["a"], []),
        (5, ["sub"], []),
    ],
)
def test_near_names_are_near(typed: object, names: list[str], near: list[str]) -> None:
    assert near_names(typed, names, 3) == near

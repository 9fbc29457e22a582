"""docs/adder.ipynb runs from its first cell to its last, and shows what is stored in it; Jupyter is not needed for that."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.documents.pages import matches
from helpers.documents.run_pages import PYTHON_TIMEOUT, python_process
from helpers.paths import ROOT

NOTEBOOK = json.loads((ROOT / "docs" / "adder.ipynb").read_text("utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
MOST_LINES = 20
SHOW = """
def _show(value):
    for method, kind in (("_repr_png_", "image/png"), ("_repr_html_", "text/html")):
        if hasattr(value, method) and getattr(value, method)():
            return print(kind)
    print(repr(value))
"""
"""What a notebook does with the value of the last line of a cell, in short."""


def source(cell: dict[str, Any]) -> str:
    """The code of a cell."""
    return "".join(cell["source"])


def shown(cell: dict[str, Any]) -> str:
    """What is stored of the value of the last line: the kind of a picture or a table, or the text."""
    for output in cell["outputs"]:
        if output["output_type"] == "execute_result":
            kinds = [kind for kind in ("image/png", "text/html") if kind in output["data"]]
            return kinds[0] if kinds else "".join(output["data"]["text/plain"])
    return ""


def printed(cell: dict[str, Any]) -> str:
    """What is stored of the lines that a cell prints."""
    streams = [output["text"] for output in cell["outputs"] if output["output_type"] == "stream"]
    return "".join("".join(text) for text in streams)


def as_notebook(text: str) -> str:
    """Change the last line of a cell so that its value is shown."""
    tree = ast.parse(text)
    last = tree.body[-1]
    is_print = isinstance(last, ast.Expr) and ast.unparse(last).startswith("print(")
    if isinstance(last, ast.Expr) and not is_print:
        tree.body[-1] = ast.Expr(ast.Call(ast.Name("_show", ast.Load()), [last.value], []))
    return ast.unparse(ast.fix_missing_locations(tree))


def test_the_notebook_is_short_and_was_executed() -> None:
    lines = [line for cell in CODE for line in source(cell).splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    assert {"image/png", "text/html"} <= {shown(cell) for cell in CODE}


def test_the_notebook_runs_as_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    with python_process(tmp_path) as python:
        python.send((SHOW, "show", 0))
        assert python.recv() == ("", None)
        for number, cell in enumerate(CODE, 1):
            python.send((as_notebook(source(cell)), f"cell {number}", 0))
            assert python.poll(PYTHON_TIMEOUT), f"cell {number}: no end"
            said, error = python.recv()
            assert error is None, error
            expected = printed(cell) or shown(cell)
            if expected:
                assert matches(expected, said, varies=True), (number, expected, said)

"""The files that eval and compare write: all of them at the end, each in one step. The same results give the same bytes.

--json FILE  --csv FILE  --parquet FILE  --html FILE  --png FILE  --certificate FILE
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from arithgpt.errors import UserError
from arithgpt.solvers import ResolvedSolver
from arithgpt.training.checkpoint import write_atomic
from eval.data import EvalData, all_rows, to_json_text
from eval.reports.figures import figures, png
from eval.solver import MissingExtra

TITLE = "How far it can be trusted"
EXTRAS = {"--parquet": ("pyarrow", "parquet"), "--png": ("matplotlib", "plot")}
"""The module that an option needs, and the extra that installs it."""


def check_extras(files: Mapping[str, Path]) -> None:
    """Check before the work that every extra is installed which a file needs.

    Raises:
        UserError: one is missing.
    """
    for option, path in files.items():
        module, extra = EXTRAS.get(option, ("sys", ""))
        if find_spec(module) is None:
            raise UserError(f"{option} {path}: {MissingExtra(extra)}")


def write_reports(files: Mapping[str, Path], results: Sequence[EvalData], *, pairs: bool = False) -> None:
    """Make every file that is asked for, then write them.

    Args:
        files: Where to write, by option.
        results: What the files show.
        pairs: Whether the HTML page also tests each two solvers against each other.

    Raises:
        UserError: a file cannot be written.
    """
    contents = {path: _content(option, results, pairs) for option, path in files.items()}
    for path, content in contents.items():
        write_atomic(path, content)


def save_in_run(result: EvalData, resolved: ResolvedSolver) -> None:
    """Write eval.json and eval.csv into the folder of a run; does nothing for other solvers and the shipped run."""
    if resolved.run is not None and not resolved.run.is_shipped:
        write_atomic(resolved.run.path / "eval.json", _content("--json", [result], False))
        write_atomic(resolved.run.path / "eval.csv", result.rows.to_csv(index=False))


def _content(option: str, results: Sequence[EvalData], pairs: bool) -> bytes | str:
    """The content of the file that an option asks for."""
    content: bytes | str
    if option == "--json":
        return to_json_text([result.to_json() for result in results])
    if option == "--certificate":
        return to_json_text([result.to_certificate() for result in results])
    if option == "--csv":
        content = all_rows(results).to_csv(index=False)
        return content
    if option == "--parquet":
        content = all_rows(results).to_parquet(index=False)
        return content
    if option == "--html":
        from eval.reports.html import page

        return page(results, TITLE, pairs=pairs)
    return png(figures(results))

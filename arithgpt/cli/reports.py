"""The files that eval and compare write: all of them at the end, each in one step, the same for the same results.

--json FILE  --csv FILE  --parquet FILE  --html FILE  --png FILE  --certificate FILE
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from arithgpt.solvers import ResolvedSolver
    from eval.result import EvalResult

TITLE = "How far it can be trusted"
EXTRAS = {"--parquet": ("pyarrow", "parquet"), "--png": ("matplotlib", "plot")}


def check_extras(files: Mapping[str, Path]) -> None:
    """UserError where a file that is asked for needs an extra that is missing: said before the work, not after."""
    from arithgpt.errors import UserError
    from eval.solver import MissingExtra

    for option, path in files.items():
        module, extra = EXTRAS.get(option, ("sys", ""))
        if find_spec(module) is None:
            raise UserError(f"{option} {path}: {MissingExtra(extra)}")


def write(files: Mapping[str, Path], results: Sequence[EvalResult], *, pairs: bool = False) -> None:
    """Make every file that is asked for, then write them; with `pairs` a page also tests each two solvers against each other.

    UserError where one cannot be written.
    """
    from arithgpt.training.checkpoint import write_atomic

    made = {path: _made(option, results, pairs) for option, path in files.items()}
    for path, data in made.items():
        write_atomic(path, data)


def keep(measured: EvalResult, found: ResolvedSolver) -> None:
    """The results of a run, in its folder."""
    from arithgpt.training.checkpoint import write_atomic

    if found.run is not None and not found.run.is_shipped:
        write_atomic(found.run.path / "eval.json", as_json([measured]))
        write_atomic(found.run.path / "eval.csv", measured.rows.to_csv(index=False))


def _made(option: str, results: Sequence[EvalResult], pairs: bool) -> bytes | str:
    if option == "--json":
        return as_json(results)
    if option == "--csv":
        return _rows(results).to_csv(index=False)
    if option == "--parquet":
        return _rows(results).to_parquet(index=False)
    if option == "--html":
        from eval.reports.html import page

        return page(results, TITLE, pairs=pairs)
    if option == "--png":
        from eval.reports.figures import figures, png

        return png(figures(results))
    return _certificate(results)


def _rows(results: Sequence[EvalResult]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([result.rows.assign(solver=result.name) for result in results], ignore_index=True)


def as_json(results: Sequence[EvalResult]) -> str:
    """One object for one solver, a list for several. What has no figure is null."""
    return _json([{"partial": result.partial or None, "results": _records(result.summary)} for result in results], results)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts, with None for nan, the only value that is not itself: JSON does not have it."""
    return [{name: None if value != value else value for name, value in row.items()} for row in table.to_dict("records")]


def _certificate(results: Sequence[EvalResult]) -> str:
    """Every problem of some lengths was asked: how many there are, how many were right, and the first that were not."""
    certificates = []
    for result in results:
        asked = []
        for (task, cell), rows in result.rows.groupby(["task", "digits"], sort=False):
            wrong = rows[rows.outcome != "right"]
            failures = _records(wrong[["question", "answer", "expected"]].head(10))
            asked.append(
                {"task": task, "digits": cell, "problems": len(rows), "right": len(rows) - len(wrong), "wrong": failures}
            )
        certificates.append({"partial": result.partial or None, "every problem of": asked})
    return _json(certificates, results)


def _json(said: list[dict[str, Any]], results: Sequence[EvalResult]) -> str:
    import json

    whole = [dict(result.about) | one for result, one in zip(results, said, strict=True)]
    return json.dumps(whole[0] if len(whole) == 1 else whole, indent=2, allow_nan=False) + "\n"

"""A check that `tasks` and `eval`, whose names are common, are the packages that belong to arithgpt."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from arithgpt.errors import UserError

PACKAGES = ("tasks", "eval")


def check_own_packages() -> None:
    """Check that `tasks` and `eval` would be imported from beside the package arithgpt.

    Raises:
        UserError: another file or folder of this name comes first on the import path
    """
    home = Path(__file__).resolve().parents[3]
    for name in PACKAGES:
        spec = find_spec(name)
        origin = spec.origin if spec is not None else None
        if origin is None:
            raise UserError(f"the package {name} of arithgpt is missing; install arithgpt again")
        if Path(origin).resolve() != home / name / "__init__.py":
            raise UserError(f"{origin}: hides the package {name} of arithgpt; rename it, or start in another folder")

"""The packages that arithgpt consists of and needs, and what is said where one is missing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from arithgpt.errors import UserError

OWN_PACKAGES = ("tasks", "eval")
"""Packages with common names, which another file may hide."""

DEPENDENCIES = {
    "hypothesis": "hypothesis",
    "joblib": "joblib",
    "numpy": "numpy",
    "pandas": "pandas",
    "prompt_toolkit": "prompt_toolkit",
    "pydantic": "pydantic",
    "rich": "rich",
    "safetensors": "safetensors",
    "tomli_w": "tomli-w",
    "torch": "torch",
    "typer": "typer",
}
"""The packages that `pip install arithgpt` brings: name of the module -> what pip calls it. The calculator needs only some."""


def check_own_packages() -> None:
    """Check that `tasks` and `eval` would be imported from beside the package arithgpt.

    Raises:
        UserError: another file or folder of this name comes first on the import path
    """
    home = Path(__file__).resolve().parents[3]
    for name in OWN_PACKAGES:
        spec = find_spec(name)
        origin = spec.origin if spec is not None else None
        if origin is None:
            raise UserError(f"the package {name} of arithgpt is missing; install arithgpt again")
        if Path(origin).resolve() != home / name / "__init__.py":
            raise UserError(f"{origin}: hides the package {name} of arithgpt; rename it, or start in another folder")

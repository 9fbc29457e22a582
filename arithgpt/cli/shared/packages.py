"""The packages that arithgpt needs, and what is said where one is not installed."""

from __future__ import annotations

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


def missing_package(module: str | None) -> str | None:
    """Say which package is not installed, and how it is installed; None where the module is of none that arithgpt needs."""
    package = DEPENDENCIES.get(module or "")
    if package is None:
        return None
    return f"this needs {package}, which is not installed; install it with: pip install {package}"

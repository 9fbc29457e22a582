"""The versions that `arithgpt --version` prints, read without importing any of the packages."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from arithgpt.version import __version__

SHOWN = ("torch", "numpy")


def version_line() -> str:
    """Return the versions of arithgpt, of Python, and of the packages that results depend on most."""
    used = ", ".join(f"{package} {_installed(package)}" for package in SHOWN)
    return f"arithgpt {__version__} (Python {platform.python_version()}, {used})"


def _installed(package: str) -> str:
    """The installed version of a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

"""The kept recipes, each with its measured results: runs/ of the repository, which are installed as data of the package.

positions           runs/positions.toml in a checkout, arithgpt/recipes/positions.toml where a wheel is installed
papers/grokking     or grokking alone, as no two recipes share a file name
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType

from arithgpt.config.tables import SWEEP, read_tables
from arithgpt.errors import UserError
from tasks.core.near import near_names

PACKAGE = Path(__file__).parents[1]
INSTALLED = PACKAGE / "recipes"
CHECKOUT = PACKAGE.parent / "runs"
FOLDERS = ("", "papers", "calculator")
"""Where recipes are kept. In a checkout, other folders of runs/ are runs."""


@cache
def kept_recipes() -> MappingProxyType[str, Path]:
    """Return the files of the kept recipes by name, such as "positions" and "papers/grokking"."""
    home = INSTALLED if INSTALLED.is_dir() else CHECKOUT
    files = [file for folder in FOLDERS for file in sorted((home / folder).glob("*.toml"))]
    return MappingProxyType({file.relative_to(home).with_suffix("").as_posix(): file for file in files})


def describe_kept(*, sweeps: bool) -> str:
    """List the kept recipes for the help of a command.

    Args:
        sweeps: those with a table [sweep], for `arithgpt sweep`; otherwise those of a single run
    """
    return ", ".join(name for name, file in kept_recipes().items() if (SWEEP in read_tables(file)) == sweeps)


def find_recipe(text: str, argument: str | None = None) -> Path:
    """Find the file of a recipe.

    Args:
        text: the path of a file, or else the name of a kept recipe; its path in the repository, such as
            runs/papers/grokking.toml, is a name too
        argument: the argument that it was given as, for messages; None: they begin with the text

    Raises:
        UserError: there is neither
    """
    path = Path(text)
    try:
        is_there = path.exists()
    except OSError as error:  # such as a name that is too long
        raise _error(f"cannot be read: {error.strerror}", text, argument) from None
    if is_there and not path.is_dir():
        return path
    kept = kept_recipes()
    for name, file in kept.items():
        if text in (name, file.stem, f"{CHECKOUT.name}/{name}.toml"):
            return file
    if is_there:
        return path  # a folder, which whoever reads it says
    near = near_recipes(path.stem)
    hint = f"did you mean {' or '.join(near)}?" if near else f"those are: {', '.join(kept)}"
    raise _error(f"no such file, and no kept recipe of this name; {hint}", text, argument)


def _error(message: str, text: str, argument: str | None) -> UserError:
    """Make an error about the text that names a recipe."""
    return UserError(message, argument, text) if argument else UserError(f"{text}: {message}")


def near_recipes(name: str) -> list[str]:
    """Return the kept recipes with a file name like this one, the nearest first."""
    stems = {file.stem: kept for kept, file in kept_recipes().items()}
    return [stems[stem] for stem in near_names(name, stems, 3)]

"""The signature of a command, without what the command imports to do its work.

A shell asks for completions at each press of a key, and importing torch takes seconds. So only those statements of a module are
executed that the signature needs: the imports and constants named in its annotations and defaults, and what these name in turn.
Modules of arithgpt.cli.shared are read in the same way, because some of them import torch too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

READ_IN_PART: Final = "arithgpt.cli."
"""How the names of modules begin that are not imported but read."""


def load_signature(module: str, function: str) -> Callable[..., None]:
    """Return a function with the signature and docstring of a command that does nothing."""
    found: Callable[..., None] = _define(module, {function}, empty=function)[function]
    return found


def _define(module: str, names: set[str], empty: str = "") -> dict[str, Any]:
    """Execute the statements of a module that define some names.

    Args:
        module: its full name
        names: what is wanted of it
        empty: a function of which only the signature is wanted

    Returns:
        The names, and those that they need.
    """
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    body = ast.parse(Path(spec.origin).read_text("utf-8")).body
    for statement in body:
        if isinstance(statement, ast.FunctionDef) and statement.name == empty:
            statement.body = [ast.Expr(ast.Constant(ast.get_docstring(statement) or ""))]
    wanted = _needed(body, names)
    part = ModuleType(f"{module}.signature")
    sys.modules[part.__name__] = part  # dataclasses look up the module of their class
    namespace = vars(part)
    for statement in body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            continue  # compiled with it below
        if isinstance(statement, ast.ImportFrom):
            _import_from(statement, wanted, namespace)
        elif wanted & set(_defined(statement)):
            code = ast.fix_missing_locations(ast.Module([_FUTURE, statement], []))
            exec(compile(code, spec.origin, "exec"), namespace)
    return namespace


_FUTURE: Final = ast.parse("from __future__ import annotations").body[0]


def _needed(body: list[ast.stmt], names: set[str]) -> set[str]:
    """Return the names and all that the statements which define them use, directly or not."""
    wanted, before = set(names), set[str]()
    while wanted != before:
        before = set(wanted)
        for statement in body:
            if wanted & set(_defined(statement)):
                wanted |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return wanted


def _defined(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def _import_from(statement: ast.ImportFrom, wanted: set[str], namespace: dict[str, Any]) -> None:
    """Import the wanted names of `from module import names`."""
    assert statement.module is not None
    aliases = {alias.asname or alias.name: alias.name for alias in statement.names}
    here = {name: original for name, original in aliases.items() if name in wanted}
    if not here:
        return
    if statement.module.startswith(READ_IN_PART):
        values = _define(statement.module, set(here.values()))
        namespace.update({name: values[original] for name, original in here.items()})
        return
    module = import_module(statement.module)
    for name, original in here.items():
        namespace[name] = getattr(module, original, None) or import_module(f"{statement.module}.{original}")

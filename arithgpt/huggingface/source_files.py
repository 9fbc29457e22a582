"""The source of an exported model: each file that the modelling file needs, flat in one folder, with relative imports.

    arithgpt/models/positions/base.py     ->  positions_base.py
    from tasks.page_grammar import DIGITS ->  from .page_grammar import DIGITS

To run a folder's code transformers copies the modelling file and the files that it imports relatively; version 4 copies no
others. So the modelling file ends with an import of each file that it does not import by itself.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from arithgpt.version import __version__

ROOT: Final = "arithgpt.huggingface.modeling_arithgpt"
"""The module that the folder is made for."""
PREFIXES: Final = ("arithgpt.huggingface.", "arithgpt.models.", "tasks.")
"""Dropped from the names of modules."""
CONFIG: Final = "from arithgpt.config.schema import ModelConfig"
EXPORTED_CONFIG: Final = "from .configuration_arithgpt import ArithGPTConfig as ModelConfig"
"""The config of a recipe is checked by pydantic, which an exported folder does without: its own config has the same fields."""
COPIED: Final = "\n\n# transformers 4 copies only the files that this one imports itself.\n"

_IMPORT = re.compile(r"^(\s*)from ((?:arithgpt|tasks|eval)[\w.]*) import", re.MULTILINE)
_OTHER_IMPORT = re.compile(r"^\s*import (?:arithgpt|tasks|eval)\b", re.MULTILINE)


def exported_sources() -> dict[str, str]:
    """Return the text of each file by its flat name: the modelling file and all that it imports from here, directly or not."""
    sources: dict[str, str] = {}
    waiting = [ROOT]
    while waiting:
        module = waiting.pop()
        name = f"{_flat_name(module)}.py"
        if name not in sources:
            text = _source_file(module).read_text("utf-8").replace(CONFIG, EXPORTED_CONFIG)
            assert not _OTHER_IMPORT.search(text), f"{module}: only `from ... import` can be made relative"
            waiting += [found.group(2) for found in _IMPORT.finditer(text)]
            flat = _IMPORT.sub(lambda found: f"{found.group(1)}from .{_flat_name(found.group(2))} import", text)
            sources[name] = f"# {module} of arithgpt {__version__}, MIT licence, with relative imports.\n{flat}"
    direct = set(re.findall(r"^from \.(\w+) import", sources[f"{_flat_name(ROOT)}.py"], re.MULTILINE))
    others = sorted({name.removesuffix(".py") for name in sources} - direct - {_flat_name(ROOT)})
    sources[f"{_flat_name(ROOT)}.py"] += COPIED + "".join(f"from .{name} import __doc__ as _{name}\n" for name in others)
    return dict(sorted(sources.items()))


def _flat_name(module: str) -> str:
    """`arithgpt.models.positions.base` -> `positions_base`."""
    prefix = next(prefix for prefix in PREFIXES if module.startswith(prefix))
    return module.removeprefix(prefix).replace(".", "_")


def _source_file(module: str) -> Path:
    """Find the file of a module without importing it: the modelling file needs transformers, this one does not."""
    package, _, name = module.rpartition(".")
    folder = find_spec(package)
    assert folder is not None
    assert folder.submodule_search_locations is not None
    path = Path(folder.submodule_search_locations[0]) / name
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

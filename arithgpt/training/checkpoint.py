"""What a run keeps on disk, written so that a crash at any moment leaves the old file or the new one, never half of one.

weights.safetensors    the model, for whoever only asks it
resume.safetensors     the model, the optimisers and the counters of one and the same step, to go on from
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import Any as Array

from safetensors import SafetensorError, safe_open

from arithgpt.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def write_atomic(path: Path, data: bytes | str | Iterable[bytes]) -> None:
    """Replace a file's content in one step; pieces are written as they come, so that a file need not fit in memory.

    UserError names the file where it cannot be written. It is then unchanged, as it is where the pieces break off.
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            pieces = [data.encode("utf-8")] if isinstance(data, str) else [data] if isinstance(data, bytes) else data
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None
        raise


def save_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
    """Write named tensors with notes (anything JSON holds). UserError where it cannot be written."""
    from safetensors.torch import save

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomic(path, save(contiguous, {"notes": json.dumps(notes)}))


def load_tensors(path: Path, device: str = "cpu") -> tuple[dict[str, Array], dict[str, Any]]:
    """Named tensors, or NumPy arrays where the device is "numpy", and their notes.

    UserError where the file is missing, cut short or something else.
    """
    library = {"framework": "np"} if device == "numpy" else {"framework": "pt", "device": device}
    try:
        with safe_open(path, **library) as file:
            notes = json.loads((file.metadata() or {})["notes"])
            if not isinstance(notes, dict):
                raise ValueError("its notes are no table")
            return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118  not a dict
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: damaged or cut short ({error})") from None


def optimiser_tensors(optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The state of optimisers as named tensors, `optimiser.parameter.entry`."""
    return {
        f"{number}.{parameter}.{key}": value
        for number, optimiser in enumerate(optimisers)
        for parameter, entries in optimiser.state_dict()["state"].items()
        for key, value in entries.items()
    }


def load_optimisers(optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` took out. ValueError where the state of a parameter is missing or does not fit."""
    for number, optimiser in enumerate(optimisers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            owner, parameter, key = name.split(".")
            if int(owner) == number:
                state.setdefault(int(parameter), {})[key] = tensor
        parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        if set(state) != set(range(len(parameters))):
            raise ValueError(f"state of {len(state)} parameters, not of {len(parameters)}")
        for index, entries in state.items():
            if any(tensor.dim() and tensor.shape != parameters[index].shape for tensor in entries.values()):
                raise ValueError(f"state of parameter {index} has another shape")
        optimiser.load_state_dict(optimiser.state_dict() | {"state": state})

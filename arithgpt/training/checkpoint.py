"""Read and write checkpoints, so that a crash at any moment leaves the old file or the new one, never half of one.

weights.safetensors    the model alone, to answer with
resume.safetensors     the model, the optimisers and the progress of the same step, to resume from
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
    """Replace the content of a file in one step. If writing fails, the file is unchanged.

    Args:
        path: the file
        data: its new content; pieces are written as they come, so they need not fit in memory together

    Raises:
        UserError: the file cannot be written
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
    """Write named tensors to a safetensors file.

    Args:
        path: the file, replaced as by `write_atomic`
        tensors: on any device
        notes: whatever JSON can hold, kept in the header of the file

    Raises:
        UserError: the file cannot be written
    """
    from safetensors.torch import save

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomic(path, save(contiguous, {"notes": json.dumps(notes)}))


def load_tensors(path: Path, device: str = "cpu") -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Args:
        path: the file
        device: a torch device, or "numpy" for NumPy arrays, for which torch is not imported

    Returns:
        The tensors by name, and the notes.

    Raises:
        UserError: the file is missing, cut short or of another kind
    """
    library = {"framework": "np"} if device == "numpy" else {"framework": "pt", "device": device}
    try:
        with safe_open(path, **library) as file:
            notes = json.loads((file.metadata() or {})["notes"])
            if not isinstance(notes, dict):
                raise ValueError("its notes are not a table")
            return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118  not a dict
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: damaged or cut short ({error})") from None


def training_state(model: torch.nn.Module, optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return all tensors that training resumes from, by names that begin with "model." or "optim."."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    return tensors | {f"optim.{name}": tensor for name, tensor in optimiser_tensors(optimisers).items()}


def load_training_state(
    model: torch.nn.Module, optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]
) -> None:
    """Load what `training_state` returned.

    Raises:
        KeyError, ValueError, RuntimeError: tensors are missing or left over, or have another shape
    """
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optim": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    model.load_state_dict(parts["model"])
    load_optimisers(optimisers, parts["optim"])


def optimiser_tensors(optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return the state of optimisers as tensors, by the name `optimiser.parameter.entry`, as in 0.3.momentum_buffer."""
    return {
        f"{number}.{parameter}.{key}": value
        for number, optimiser in enumerate(optimisers)
        for parameter, entries in optimiser.state_dict()["state"].items()
        for key, value in entries.items()
    }


def load_optimisers(optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Load the state that `optimiser_tensors` returned.

    Raises:
        ValueError: the state of a parameter is missing, or has another shape
    """
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

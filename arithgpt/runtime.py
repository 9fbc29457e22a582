"""Where a model computes, and how exactly it is trained there.

--device auto       cuda where torch sees a GPU, else cpu; cuda:3 for the fourth of several processes of a launcher
--precision auto    bf16 on a GPU that has units for it, else float32; on a CPU always float32

bf16 is for the products with the matrices of the blocks alone (MATRICES in model.py), forward and backward. Weights, gradients
once they are summed, optimisers, norms, page coordinates, attention with its kernels, the head and the loss stay float32.
Nothing here turns on TF32, which torch leaves off: the folded kernels of a page would not survive its 11 bits.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from arithgpt.errors import UserError

if TYPE_CHECKING:
    import torch

Precision: TypeAlias = Literal["float32", "bf16"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
KEPT, KEPT_WHOLE = 1 << 29, 1 << 25  # bytes in all, and of the largest tensors that are kept: the most that glibc allows


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, and of several processes on a machine (ranks.py) each has a GPU of its own.

    This process keeps the memory of its tensors from then on (_keep_memory).
    UserError for any other name than auto, cpu and cuda, for cuda without one, and for more processes than GPUs.
    """
    import torch

    _keep_memory()
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {name}: must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA GPU here; use cpu or auto")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if "LOCAL_RANK" not in os.environ:
        return torch.device("cuda")
    n_here, n_gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if n_here > n_gpus:
        raise UserError(f"--device {name}: {n_here} processes but {n_gpus} GPUs on this machine; start fewer, or use cpu")
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))


def _keep_memory() -> None:
    """Let the C library keep the memory that tensors give back, up to half a gigabyte, in place of asking for it anew.

    The system hands out every page of new memory zeroed, one fault at a time: of many short sums a seventh of the work
    (runs/LOG.md). Threads share one heap: in one of its own none may keep more than 64 MB, and training needs more.
    """
    import ctypes
    import platform

    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, KEPT_WHOLE)
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_ARENA_MAX, 1)


def pick_precision(name: str, device: torch.device) -> Precision:
    """How exactly a model is trained on a device. UserError for any other name than auto, float32 and bf16, and where bf16 is
    asked of a CPU, or of a GPU without units for it."""
    import torch

    if name not in ("auto", "float32", "bf16"):
        raise UserError(f"--precision {name}: must be auto, float32 or bf16")
    if name == "float32" or (name == "auto" and device.type != "cuda"):
        return "float32"
    if device.type != "cuda":
        raise UserError("--precision bf16: is for a GPU; on a CPU all is float32")
    has_units = torch.cuda.is_bf16_supported(including_emulation=False)
    if name == "bf16" and not has_units:
        raise UserError("--precision bf16: this GPU has no units for it; use float32 or auto")
    return "bf16" if has_units else "float32"


def wait_for(device: torch.device) -> None:
    """Until a GPU has done what it was given: without that a clock tells how fast work is handed out."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)

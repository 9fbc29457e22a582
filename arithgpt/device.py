"""Where a model computes.

--device auto    cuda where torch sees a GPU, else cpu; cuda:3 for the fourth of several processes that a launcher has started
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from arithgpt.errors import UserError

if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, and of several processes on a machine (ranks.py) each has a GPU of its own.

    UserError for any other name than auto, cpu and cuda, for cuda without one, and for more processes than GPUs.
    """
    import torch

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

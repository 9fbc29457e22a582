"""Where and how a process computes: device, precision, threads, memory allocator, denormal numbers.

--device auto       cuda where torch sees a GPU, else cpu; process 3 of a launcher such as torchrun gets cuda:3
--precision auto    bf16 on a GPU with hardware support for it, else float32; always float32 on a CPU

`configure` changes the process; commands call it once before they compute with torch, the functions of the public API do not.
All other functions here only return something, or undo what they changed.

bf16 applies to the matrix products of the blocks, forward and backward. Weights, summed gradients, optimisers, norms, page
coordinates, attention with its kernels, the output head and the loss stay float32. TF32 stays off, as torch has it: the kernels
of page coordinates need more than its 11 bits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import torch

from arithgpt.allocator import keep_freed_memory
from arithgpt.errors import UserError

Precision: TypeAlias = Literal["float32", "bf16"]

FLOPS_PER_THREAD = 0.15e9
"""Floating-point operations of one step that make another thread worth while (runs/LOG.md)."""


def configure(device: str = "auto", *, n_threads: int | None = None) -> torch.device:
    """Set up this process for computing with torch, and resolve the device.

    It lets the allocator keep freed memory, and flushes denormal numbers to zero on this thread and on the threads that it
    starts from now on.

    Args:
        device: auto, cpu or cuda
        n_threads: threads of one operation; None leaves torch's choice

    Returns:
        The device, as `resolve_device`.

    Raises:
        UserError: the device is unknown or not there
    """
    resolved = resolve_device(device)
    keep_freed_memory()
    torch.set_flush_denormal(True)
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    return resolved


def resolve_device(name: str) -> torch.device:
    """Return the device of a name.

    Each of several processes that a launcher started on this machine gets a GPU of its own.

    Args:
        name: auto, cpu or cuda

    Raises:
        UserError: another name, cuda without a GPU, or more processes than GPUs
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError("must be auto, cpu or cuda", "device", name)
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("torch sees no CUDA GPU here; use cpu or auto", "device", name)
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if "LOCAL_RANK" not in os.environ:
        return torch.device("cuda")
    n_processes, n_gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if n_processes > n_gpus:
        message = f"{n_processes} processes but {n_gpus} GPUs on this machine; start fewer, or use cpu"
        raise UserError(message, "device", name)
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))


def resolve_precision(name: str, device: torch.device) -> Precision:
    """Return the precision of training on a device.

    Args:
        name: auto, float32 or bf16
        device: the device to train on

    Raises:
        UserError: another name, or bf16 on a CPU or on a GPU without hardware support for it
    """
    if name not in ("auto", "float32", "bf16"):
        raise UserError("must be auto, float32 or bf16", "precision", name)
    if name == "float32" or (name == "auto" and device.type != "cuda"):
        return "float32"
    if device.type != "cuda":
        raise UserError("needs a GPU; on a CPU use float32", "precision", name)
    is_supported = torch.cuda.is_bf16_supported(including_emulation=False)
    if name == "bf16" and not is_supported:
        raise UserError("this GPU does not support it; use float32 or auto", "precision", name)
    return "bf16" if is_supported else "float32"


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done its work, so that timings are valid; does nothing on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def useful_threads(flops: float) -> int:
    """Return how many threads a step should use: from 1 to the number that torch may use now.

    Threads that share small operations gain a quarter on an idle machine and lose on a busy one, where they spin while they
    wait for each other (runs/LOG.md).

    Args:
        flops: floating-point operations of the step
    """
    return max(1, min(torch.get_num_threads(), round(flops / FLOPS_PER_THREAD)))


@contextmanager
def limit_threads(n: int) -> Iterator[None]:
    """Let torch use n threads for one operation within a `with` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def init_worker_thread() -> None:
    """Set up a thread of a pool whose workers compute side by side: one thread each, denormal numbers flushed to zero.

    Far from its centre a kernel gives attention weights such as 1e-40, with which some CPUs compute many times slower
    (runs/LOG.md).
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)

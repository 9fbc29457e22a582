"""What is done in another way on a CUDA GPU. None of it was ever run on one yet; tests put a stand-in for the GPU's recorder.

    gradients = fast(gradients)         the same function of tensors: recorded once, and from then on replayed

A small model keeps a GPU busy for less time than it takes to hand it a step's many small kernels one by one. So a step is
recorded as a CUDA graph, one for each shape that comes often, and replayed in one go. The kernels are those of the plain step;
before a recording is used its numbers are compared with the plain step's.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

RECORD_AT = 3  # times that tensors of the same shapes have come: a recording costs as much as some steps
MOST = 32  # recordings, each with its gradients and, from a pool that all share, what it computes on the way
WARM_UP = 3  # plain runs before a recording, in which libraries set themselves up
TOLERANCE = 1e-3  # of the norm of all results; a GPU adds up gradients in an order of its own
MEMORY = 0.25  # share of a GPU's free memory that a batch of decoding may take

Step: TypeAlias = Callable[..., tuple[Tensor, ...]]
"""Computes from tensors on the GPU, with nothing random, read back or sent along, and always at the same addresses else."""


@dataclass(frozen=True)
class Recording:
    """A step of given shapes, ready to be replayed."""

    inputs: tuple[Tensor, ...]
    """Where it reads."""
    outputs: tuple[Tensor, ...]
    """Where it writes, each time again."""
    replay: Callable[[], None]


Recorder: TypeAlias = Callable[[Step, Sequence[Tensor]], Recording]


def fast(step: Step, record: Recorder | None = None) -> Step:
    """The same step, replayed where its shapes have come often. What it returns holds until the next call.

    What it is given by name only the plain step sees: there is nothing to draw in what can be recorded.
    Where recording fails, or a recording does not compute what the step does, one line on stderr says so and every call from
    then on is the plain step.
    """
    record = record or recorder()
    came: Counter[tuple[torch.Size, ...]] = Counter()
    recordings: dict[tuple[torch.Size, ...], Recording] = {}
    works = True

    def call(*tensors: Tensor, **random: object) -> tuple[Tensor, ...]:
        nonlocal works
        shapes = tuple(tensor.shape for tensor in tensors)
        came[shapes] += 1
        if works and shapes not in recordings and came[shapes] >= RECORD_AT and len(recordings) < MOST:
            try:
                recordings[shapes] = _checked(record(step, tensors), step, tensors)
            except RuntimeError as error:  # of CUDA, out of memory among them
                works = False
                recordings.clear()
                first = error.__context__ or error  # what ends a recording fails too where something in it has failed
                why = (str(first).strip().splitlines() or [type(first).__name__])[0]
                print(f"arithgpt: steps are not recorded on this GPU, which is slower: {why}", file=sys.stderr)
        recording = recordings.get(shapes)
        if recording is None:
            return step(*tensors, **random)
        return _replayed(recording, tensors)

    return call


def _replayed(recording: Recording, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    for own, tensor in zip(recording.inputs, tensors, strict=True):
        own.copy_(tensor)
    recording.replay()
    return recording.outputs


def _checked(recording: Recording, step: Step, tensors: Sequence[Tensor]) -> Recording:
    """The recording. RuntimeError where it computes something else than the step."""
    wanted, found = step(*tensors), _replayed(recording, tensors)
    off = sum((a - b).double().square().sum() for a, b in zip(wanted, found, strict=True)) ** 0.5
    size = sum(a.double().square().sum() for a in wanted) ** 0.5
    if not bool(off <= TOLERANCE * size):  # so that no number is off too
        raise RuntimeError(f"a replayed step was off by {float(off / size):.1e} of its size")
    return recording


def recorder() -> Recorder:
    """What records steps as CUDA graphs that share their memory: of two of them only one ever runs."""
    pool = torch.cuda.graph_pool_handle()

    def record(step: Step, tensors: Sequence[Tensor]) -> Recording:
        inputs = tuple(tensor.clone() for tensor in tensors)
        usual, beside, graph = torch.cuda.current_stream(), torch.cuda.Stream(), torch.cuda.CUDAGraph()
        beside.wait_stream(usual)
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                step(*inputs)
        usual.wait_stream(beside)
        # Other threads pin the memory of the next batches meanwhile, which only this mode allows them. A recording that fails
        # may leave its own stream behind as the current one, so the usual one is put back.
        with torch.cuda.stream(usual), torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            outputs = step(*inputs)
        return Recording(inputs, outputs, graph.replay)

    return record


def memory_for_decoding(device: torch.device) -> int:
    """Bytes that the cache and the attention masks of a batch may take on a GPU."""
    return int(MEMORY * torch.cuda.mem_get_info(device)[0])

"""Record training steps as CUDA graphs, and replay them.

    gradients = record_graphs(gradients)        the same function of tensors, recorded once and replayed from then on

A small model keeps a GPU busy for less time than it takes to launch the many small kernels of a step one by one. So a step is
recorded as a CUDA graph, one for each shape that comes often, and replayed with one launch. The kernels are those of the plain
step. Before a recording is used, its results are compared with those of the plain step.

Tests on a CPU replace the recorder by a stand-in; those that need a GPU are skipped without one.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

RECORD_AT = 3  # calls with the same shapes before they are recorded: a recording costs as much as several steps
MAX_RECORDINGS = 32  # each keeps its gradients; what it computes on the way comes from a pool that all share
WARM_UP = 3  # plain runs before a recording, in which libraries set themselves up
TOLERANCE = 1e-3  # difference to the plain step, relative to the norm of all results; the order of sums may differ

Step: TypeAlias = Callable[..., tuple[Tensor, ...]]
"""A function of tensors on the GPU. It draws nothing at random, copies nothing between CPU and GPU, and reads other tensors
always at the same addresses."""


@dataclass(frozen=True)
class Recording:
    """A step of given shapes, ready to be replayed."""

    inputs: tuple[Tensor, ...]
    """The tensors that a replay reads."""
    outputs: tuple[Tensor, ...]
    """The tensors that a replay overwrites."""
    replay: Callable[[], None]


Recorder: TypeAlias = Callable[[Step, Sequence[Tensor]], Recording]


def record_graphs(step: Step, record: Recorder | None = None) -> Step:
    """Make a function that computes what `step` does, and replays a recording of it for shapes that come often.

    Keyword arguments go to the plain step alone; they hold sources of random numbers, and a step that can be recorded draws
    none. If recording fails, or a recording computes something else, one line on stderr says so, and all further calls are
    plain.

    Args:
        step: what is computed
        record: makes recordings; None for CUDA graphs

    Returns:
        The function. Its results are valid until its next call.
    """
    record = record or cuda_graph_recorder()
    n_calls: Counter[tuple[torch.Size, ...]] = Counter()
    recordings: dict[tuple[torch.Size, ...], Recording] = {}
    works = True

    def call(*tensors: Tensor, **keywords: object) -> tuple[Tensor, ...]:
        nonlocal works
        shapes = tuple(tensor.shape for tensor in tensors)
        n_calls[shapes] += 1
        if works and shapes not in recordings and n_calls[shapes] >= RECORD_AT and len(recordings) < MAX_RECORDINGS:
            try:
                recordings[shapes] = record(step, tensors)
                _compare(recordings[shapes], step, tensors)
            except RuntimeError as error:  # from CUDA, out of memory among them
                works = False
                recordings.clear()
                first = error.__context__ or error  # an error within a recording makes the end of the recording fail too
                reason = (str(first).strip().splitlines() or [type(first).__name__])[0]
                print(f"arithgpt: steps are not recorded on this GPU, which is slower: {reason}", file=sys.stderr)
        recording = recordings.get(shapes)
        if recording is None:
            return step(*tensors, **keywords)
        return _replay(recording, tensors)

    return call


def _replay(recording: Recording, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Copy the inputs into a recording and replay it."""
    for recorded, tensor in zip(recording.inputs, tensors, strict=True):
        recorded.copy_(tensor)
    recording.replay()
    return recording.outputs


def _compare(recording: Recording, step: Step, tensors: Sequence[Tensor]) -> None:
    """Raise RuntimeError where a recording computes something else than the step."""
    expected, found = step(*tensors), _replay(recording, tensors)
    difference = sum((a - b).double().square().sum() for a, b in zip(expected, found, strict=True)) ** 0.5
    size = sum(a.double().square().sum() for a in expected) ** 0.5
    if not bool(difference <= TOLERANCE * size):  # true for NaN as well
        raise RuntimeError(f"a replayed step was off by {float(difference / size):.1e} of its size")


def cuda_graph_recorder() -> Recorder:
    """Make a function that records steps as CUDA graphs. They share their memory, as no two of them run at once."""
    pool = torch.cuda.graph_pool_handle()

    def record(step: Step, tensors: Sequence[Tensor]) -> Recording:
        inputs = tuple(tensor.clone() for tensor in tensors)
        current, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step(*inputs)
        current.wait_stream(side)
        # Other threads pin the memory of the next batches meanwhile, which only this error mode allows. A recording that fails
        # may leave its own stream as the current one; the outer `with` puts the former one back.
        with torch.cuda.stream(current), torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            outputs = step(*inputs)
        return Recording(inputs, outputs, graph.replay)

    return record

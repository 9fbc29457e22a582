"""Where a model computes (NumPy, torch on a CPU or a GPU), how many rows it reads at once, and which batches run side by side.

Several batches side by side, each on one thread, beat one batch at a time on all threads (runs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from arithgpt.inference.numpy_gpt import NumpyGPT
from tasks.core.ragged import Ints

if TYPE_CHECKING:
    from arithgpt.models.language_model import LanguageModel

Model: TypeAlias = "LanguageModel | NumpyGPT"

MIN_ROWS, MAX_ROWS, MAX_ROWS_ON_GPU = 64, 1024, 1 << 16  # of a batch, where there are as many
MAX_BYTES = 512 << 20  # of caches and attention masks on a CPU, in all batches worked on at once
GPU_SHARE = 0.25  # of a GPU's free memory that a batch may take
PROMPT_CHUNK = 64  # tokens of a prompt read at once: the mask has this many rows, not the prompt's length squared
L2_BYTES = 8 << 20  # of attention mask in a batch of verification on a CPU: more leaves the processor's cache (runs/LOG.md)


def has_torch() -> bool:
    """Whether torch is installed: the calculator, and any run of a GPT with page coordinates, can do without."""
    return find_spec("torch") is not None


def namespace(model: Model) -> Any:
    """Return the array library that a model computes with: numpy or torch."""
    if isinstance(model, NumpyGPT):
        return np
    import torch

    return torch


def to_model(model: Model, array: NDArray[Any]) -> Any:
    """Put an array where a model computes."""
    return array if isinstance(model, NumpyGPT) else namespace(model).as_tensor(array, device=model.device)


def to_numpy(array: Any) -> NDArray[Any]:
    """Return an array or a tensor of any device as a NumPy array."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def no_grad(model: Model) -> AbstractContextManager[object]:
    """Return a context in which nothing is recorded for gradients."""
    return nullcontext() if isinstance(model, NumpyGPT) else namespace(model).inference_mode()


def is_on_gpu(model: Model) -> bool:
    """Whether a model computes on a GPU."""
    return not isinstance(model, NumpyGPT) and model.device.type == "cuda"


def for_each_batch(
    work: Callable[[Ints], None],
    batches: Callable[[int], list[Ints]],
    model: Model,
    *,
    side_by_side: bool = True,
    tokens: int = 1,
) -> None:
    """Call `work` for the rows of each batch: in turn on NumPy and on a GPU, side by side on torch's CPU.

    Args:
        work: called with int64 rows
        batches: number of batches worked on at once -> the rows of each batch
        model: decides where the work is done
        side_by_side: False where the order matters, such as for random draws
        tokens: tokens read at once of each row, to choose the number of threads
    """
    if isinstance(model, NumpyGPT) or model.device.type == "cuda":
        for rows in batches(1):
            work(rows)
        return
    import torch

    from arithgpt.runtime import init_worker_thread, limit_threads, useful_threads

    workers = torch.get_num_threads() if side_by_side else 1
    all_rows = batches(workers)
    if workers == 1 or len(all_rows) == 1:
        for rows in all_rows:
            with limit_threads(useful_threads(2 * model.n_params * len(rows) * tokens)):
                work(rows)
    else:
        with limit_threads(1), ThreadPoolExecutor(workers, initializer=init_worker_thread) as pool:
            list(pool.map(work, all_rows))


def decoding_batches(lengths: Ints, max_new_tokens: Ints, model: Model, workers: int) -> list[Ints]:
    """Group rows whose prompts and completions are about equally long; the longest batch first.

    Args:
        lengths, max_new_tokens: int64 (n,)
        model: decides how much memory a row takes
        workers: batches worked on at once

    Returns:
        int64 rows of each batch.
    """
    batches: list[Ints] = []
    most_rows, memory = (MAX_ROWS_ON_GPU if is_on_gpu(model) else MAX_ROWS), max_bytes(model)
    octaves = np.stack([np.log2(lengths), np.log2(lengths + max_new_tokens)]).astype(np.int64)
    order = np.lexsort((lengths + max_new_tokens, *octaves))
    for start, end in pairwise([0, *(np.flatnonzero(np.diff(octaves[:, order]).any(0)) + 1).tolist(), len(order)]):
        rows = order[start:end]
        length = int(lengths[rows].max())
        masked = numbers_per_pair(model) * min(length, PROMPT_CHUNK) * length
        fitting = memory // (4 * workers * (cache_numbers(model, length + int(max_new_tokens[rows].max()), length) + masked))
        shared = max(MIN_ROWS, -(-len(rows) // workers))
        step = max(1, min(most_rows, fitting, shared))
        batches += [rows[start : start + step] for start in range(0, len(rows), step)]
    return batches[::-1]


def verification_batches(lengths: Ints, model: Model, workers: int, chunk: int, whole: int) -> list[Ints]:
    """Group rows of about the same length for `verify_greedy.py`; the longest batch first.

    Args:
        lengths: int64 (n,), tokens of each page
        chunk, whole: tokens read at once of long pages, and of pages up to `whole` tokens
    """
    order = np.argsort(-lengths, kind="stable")
    shared, batches, start = -(-len(order) // workers), [], 0
    on_gpu = is_on_gpu(model)
    memory = max_bytes(model) if on_gpu else L2_BYTES
    while start < len(order):
        length = int(lengths[order[start]])
        row_bytes = 4 * max(model.config.heads) * chunk * length
        if on_gpu:  # the whole memory, not only what is in use at once
            pairs = max(chunk, min(length, whole)) * length
            row_bytes = 4 * (cache_numbers(model, length, length) + pairs * numbers_per_pair(model))
        rows = max(1, min(shared, memory // row_bytes))
        batches.append(order[start : start + rows])
        start += rows
    return batches


def cache_numbers(model: Model, size: int, prompt: int) -> int:
    """Count the numbers in the cache of a page of `size` tokens, `prompt` of them given."""
    config = model.config
    return 2 * sum(config.kv_heads) * config.head_size * (config.loops * size + config.reads_question * prompt)


def numbers_per_pair(model: Model) -> int:
    """Count the numbers of masks, and of the distances they are made of, for one query and one key."""
    return 4 * max(*model.config.heads, 2 * model.n_axes)


def max_bytes(model: Model) -> int:
    """Return the memory for caches and attention masks in all batches worked on at once."""
    if not is_on_gpu(model):
        return MAX_BYTES
    import torch

    return int(GPU_SHARE * torch.cuda.mem_get_info(model.device)[0])

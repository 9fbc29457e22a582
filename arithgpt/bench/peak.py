"""What the machine could do: its fastest matrix product, and the operations that a training step needs.

    peak_flops(torch.device("cpu"))         1.1e11 per second, say, in float32; on a GPU in bf16 if it supports that
    training_flops(n_weights, config, lengths)      1.4e9, for pages of these lengths

The share of the peak is the operations that the pages need, divided by the time that they took and by the peak.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from arithgpt.config.schema import ModelConfig
from arithgpt.runtime import Precision, synchronize
from arithgpt.training.fused.linear import linear

CPU_SIZES = (256, 512, 1024, 2048)
GPU_SIZES = (2048, 4096, 8192)
SMALL_ON_CPU, SMALL_ON_GPU = 512, 8192
"""Products of smaller matrices are done several times before the clock is read."""
TRIES = 5


def peak_flops(device: torch.device, sizes: Sequence[int] | None = None, precision: Precision = "float32") -> tuple[float, int]:
    """Measure the floating-point operations per second of the fastest square matrix product.

    It is the best of some tries of some sizes, on as many threads as torch uses. A CPU uses the faster of torch's two libraries
    (`training.fused.linear`). A product of n x n matrices counts 2 n^3 operations.

    Args:
        device: where to compute
        sizes: n of the matrices; None: CPU_SIZES or GPU_SIZES
        precision: of the matrices

    Returns:
        Operations per second, and n of the fastest product.
    """
    best = (0.0, 0)
    on_gpu, dtype = device.type == "cuda", torch.bfloat16 if precision == "bf16" else torch.float32
    for n in sizes or (GPU_SIZES if on_gpu else CPU_SIZES):
        a, b = (torch.rand(n, n, device=device).to(dtype) for _ in range(2))
        times = max(1, ((SMALL_ON_GPU if on_gpu else SMALL_ON_CPU) // n) ** 3)
        for _ in range(TRIES):
            synchronize(device)
            start = time.perf_counter()
            for _ in range(times):
                a @ b if on_gpu else linear(a, b)
            synchronize(device)
            best = max(best, (2 * n**3 * times / max(time.perf_counter() - start, 1e-9), n))
    return best


def training_flops(n_weights: int, config: ModelConfig, lengths: NDArray[np.int64]) -> float:
    """Count the floating-point operations that pages need in one training step, forward and backward.

    Each weight of a matrix needs 6 for each character: 2 forward and 4 backward. Attention adds 12 for each pair of characters
    of a page and each channel of its heads: 2 for queries with keys, 2 for the weighted values, and twice as much backward. All
    pairs count, as is usual, although causality needs only half of them. Embeddings, norms, softmax and the optimiser are not
    counted, and padding counts nothing.

    Args:
        n_weights: weights of the matrices of the blocks and the head
        config: the model
        lengths: int64 (n,), the characters of each page that are read
    """
    channels = sum(config.heads) * config.head_size
    return float(6 * n_weights * lengths.sum() + 12 * channels * (lengths.astype(np.float64) ** 2).sum())

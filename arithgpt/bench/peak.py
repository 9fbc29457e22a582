"""What the machine could do: its fastest product of two matrices, and how much computing a training step needs.

    peak_flops(torch.device("cpu"))         1.1e11 a second, say, in float32; on a GPU in bf16 if it has units for it
    training_flops(model, lengths)          1.4e9, of the pages of these lengths

A share of the peak is then the computing that the pages need over the time they took times the peak.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from arithgpt.config.recipe import ModelConfig
from arithgpt.runtime import Precision, synchronize
from arithgpt.training.fused.linear import linear

SIZES = (256, 512, 1024, 2048)
SIZES_OF_A_GPU = (2048, 4096, 8192)
SMALL, SMALL_ON_A_GPU = 512, 8192  # smaller products are done several times over before the clock is read
TRIES = 5


def peak_flops(device: torch.device, sizes: Sequence[int] | None = None, precision: Precision = "float32") -> tuple[float, int]:
    """Floating-point operations a second of the fastest square product, and the size of its matrices.

    The best of some tries of some sizes, on as many threads as torch has, on a CPU by the faster of torch's two libraries
    (product.py); a product of n x n matrices counts 2 n^3.
    """
    best = (0.0, 0)
    on_gpu, dtype = device.type == "cuda", torch.bfloat16 if precision == "bf16" else torch.float32
    for n in sizes or (SIZES_OF_A_GPU if on_gpu else SIZES):
        a, b = (torch.rand(n, n, device=device).to(dtype) for _ in range(2))
        for _ in range(TRIES):
            synchronize(device)
            began, times = time.perf_counter(), max(1, ((SMALL_ON_A_GPU if on_gpu else SMALL) // n) ** 3)
            for _ in range(times):
                a @ b if on_gpu else linear(a, b)
            synchronize(device)
            best = max(best, (2 * n**3 * times / max(time.perf_counter() - began, 1e-9), n))
    return best


def training_flops(n_weights: int, config: ModelConfig, lengths: np.ndarray) -> float:
    """The floating-point operations that pages need in one training step, forward and backward.

    6 for each weight of a matrix and each character: 2 forward, 4 backward. What is only looked up (tables of characters,
    marks and positions), norms, softmax and optimiser are not counted. Attention adds 12 for each pair of characters of a page
    and each channel of its heads: 2 for the product of queries and keys, 2 for that with values, and twice as much backward;
    all pairs count, as is usual, though causality needs only half of them. Padding counts nothing: it is no merit.

    n_weights: of the matrices of blocks and of the head; lengths: int64 (n,), the characters of each page that are read
    """
    channels = sum(config.heads) * config.head_size
    return float(6 * n_weights * lengths.sum() + 12 * channels * (lengths.astype(np.float64) ** 2).sum())

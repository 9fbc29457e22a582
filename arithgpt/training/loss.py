"""The loss of pages, added up over their targets; on a CPU without computing what nobody asks for.

    loss_of(model, [(inputs, targets), ...], rng)       a torch scalar, from which gradients can be had

A GPT with kernels on page coordinates has a way of its own on a CPU (block.py), the same up to rounding; the others are asked
for the logits of all characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from arithgpt.data.collate import IGNORED, Batch
from arithgpt.models.architectures import Model
from arithgpt.models.gpt import GPT
from arithgpt.models.positions import PagePositions
from arithgpt.training.fused.block import Group, block
from arithgpt.training.fused.linear import ROWS

LONGEST = 512  # characters of a page; block.py keeps a number for each two of them

_plain = False


@contextmanager
def plainly() -> Iterator[None]:
    """Until it is left every model is asked for the logits of all characters, as it is written: what `bench` compares with."""
    global _plain
    _plain = True
    try:
        yield
    finally:
        _plain = False


def loss_of(model: Model, buckets: Sequence[Batch], rng: np.random.Generator | None = None) -> Tensor:
    """The cross-entropy in nats of all targets together, but those that are IGNORED."""
    if has_own_blocks(model) and max(inputs.shape[1] for inputs, _ in buckets) < LONGEST:
        both = [_logits_of_targets(model, buckets)]
    else:
        both = [(model(inputs, rng=rng).flatten(0, 1), targets.flatten()) for inputs, targets in buckets]
    return sum(F.cross_entropy(*of, ignore_index=IGNORED, reduction="sum") for of in both)


def has_own_blocks(model: Model) -> bool:
    """Whether block.py computes what the blocks of the model do."""
    if _plain or not isinstance(model, GPT) or not isinstance(model.scheme, PagePositions) or model.like.device.type != "cpu":
        return False
    c = model.config
    return c.norm == "rms" and c.activation == "gelu" and c.dropout == 0 and not c.inject and c.heads == c.kv_heads


def _logits_of_targets(model: GPT, buckets: Sequence[Batch]) -> tuple[Tensor, Tensor]:
    """The logits (n, vocabulary) of all characters that have a target and a few that have none, and those targets (n,)."""
    c, kernels = model.config, ("strength", "centre", "blank")
    of_all = {name: torch.cat([block[name] for block in model.blocks]) for name in kernels}  # the heads of all blocks
    parts, groups, start = [], [], 0
    for ids, targets in buckets:
        x, cells = model.embedded(ids)
        groups.append(Group(start, *x.shape[:2]))
        start = groups[-1].end
        parts.append((x, *model.scheme.features(of_all, cells, c.head_size), F.pad(targets, (1, 0), value=IGNORED)))
    x, q_more, k_more, targets = (torch.cat([of.flatten(0, 1) for of in of_groups]) for of_groups in zip(*parts, strict=True))
    missing = -start % ROWS
    x, targets = F.pad(x, (0, 0, 0, missing)), F.pad(targets, (0, missing), value=IGNORED)
    asked = targets != IGNORED
    n = int(asked.sum())
    chosen = asked.byte().argsort(descending=True, stable=True)[: n + -n % ROWS]
    more = list(zip(q_more.split(c.heads, 1), k_more.split(c.heads, 1), strict=True))
    depths = [layer for _ in range(c.loops) for layer in range(c.n_layer)]
    for depth, layer in enumerate(depths):
        x = block(x, *more[layer], groups, chosen if depth == len(depths) - 1 else None, model.blocks[layer])
    return model.head(x), targets[chosen]

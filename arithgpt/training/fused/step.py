"""Logits of the targets of several batches at once, by fused blocks on packed rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from arithgpt.data.collate import IGNORED, Batch
from arithgpt.models.gpt import GPT, Block
from arithgpt.models.language_model import LanguageModel
from arithgpt.models.positions.kernels import PagePositions, kernel_features
from arithgpt.training.fused.block import Segment, fused_block
from arithgpt.training.fused.linear import ROW_MULTIPLE

LONGEST = 512  # tokens of a page: a number is kept for each two of them


def can_fuse(model: LanguageModel) -> TypeGuard[GPT]:
    """Whether fused blocks compute what the blocks of a model do."""
    if not isinstance(model, GPT) or not isinstance(model.positions, PagePositions) or model.device.type != "cpu":
        return False
    config = model.config
    plain = config.norm == "rms" and config.activation == "gelu" and config.dropout == 0 and not config.inject
    return plain and config.heads == config.kv_heads


def target_logits(model: GPT, batches: Sequence[Batch]) -> tuple[Tensor, Tensor]:
    """Compute the logits of all tokens that have a target, and of a few that have none.

    Args:
        model: one that `can_fuse` accepts
        batches: inputs and targets, int64 (B, T) each, with T < LONGEST

    Returns:
        Logits (n, V) and their targets (n,).
    """
    config = model.config
    blocks = cast("list[Block]", list(model.blocks))
    biases = [block.attention.bias for block in blocks]
    strength, centre, bos_logit = (
        torch.cat([getattr(bias, name) for bias in biases]) for name in ("strength", "centre", "bos_logit")
    )  # the heads of all blocks: one product makes their features
    positions = cast("PagePositions", model.positions)
    parts, segments, start = [], [], 0
    for ids, targets in batches:
        x, cells = model.embed(ids)
        segments.append(Segment(start, *x.shape[:2]))
        start = segments[-1].end
        features = kernel_features(strength, centre, bos_logit, positions.coordinates, positions.axes, cells, config.head_size)
        parts.append((x, *features, F.pad(targets, (1, 0), value=IGNORED)))
    x, q_features, k_features, targets = (torch.cat([part.flatten(0, 1) for part in kind]) for kind in zip(*parts, strict=True))
    padding = -start % ROW_MULTIPLE
    x, targets = F.pad(x, (0, 0, 0, padding)), F.pad(targets, (0, padding), value=IGNORED)
    has_target = targets != IGNORED
    n = int(has_target.sum())
    kept = has_target.byte().argsort(descending=True, stable=True)[: n + -n % ROW_MULTIPLE]
    q_by_block, k_by_block = (torch.split(features, list(config.heads), dim=1) for features in (q_features, k_features))
    layers = [layer for _ in range(config.loops) for layer in range(config.n_layer)]
    for depth, layer in enumerate(layers):
        rows = kept if depth == len(layers) - 1 else None
        x = fused_block(blocks[layer], x, q_by_block[layer], k_by_block[layer], segments, rows)
    return model.logits(x), targets[kept]

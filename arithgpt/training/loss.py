"""The loss of a step: the cross-entropy of all targets of its batches.

sum_cross_entropy(model, [(inputs, targets), ...])       a scalar from which gradients can be taken
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from arithgpt.data.collate import IGNORED, Batch
from arithgpt.models.language_model import LanguageModel
from arithgpt.training.fused.step import LONGEST, can_fuse, target_logits


def sum_cross_entropy(
    model: LanguageModel, batches: Sequence[Batch], generator: torch.Generator | None = None, *, fused: bool = True
) -> Tensor:
    """Add up the cross-entropy, in nats, of all targets that are not IGNORED.

    Args:
        model: in train() mode
        batches: inputs and targets, int64 (B, T) each
        generator: source of dropout and random positions; None for torch's default
        fused: use the fused CPU step where it computes this model: the same up to rounding

    Returns:
        float32 ().
    """
    if fused and can_fuse(model) and max(inputs.shape[1] for inputs, _ in batches) < LONGEST:
        logits_and_targets = [target_logits(model, batches)]
    else:
        logits_and_targets = [
            (model(inputs, generator=generator).flatten(0, 1), targets.flatten()) for inputs, targets in batches
        ]
    losses = [F.cross_entropy(*pair, ignore_index=IGNORED, reduction="sum") for pair in logits_and_targets]
    return sum(losses[1:], losses[0])

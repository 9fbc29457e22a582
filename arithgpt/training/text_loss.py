"""How well a run of a text foresees what was held out: its loss over all of it, in windows that overlap by half.

    characters    a b c d e f g h i j k l       of the held-out part, context = 4
    1st window    a b c d e                     counts b c d e
    2nd               c d e f g                 counts f g: each has from 3 to 4 characters before it
    3rd                   e f g h i             counts h i, and so on

The very first character has nothing before it and is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from arithgpt.data.source import TEXT_ROWS, target_losses
from arithgpt.data.text import Text, bits
from arithgpt.models.language_model import LanguageModel


@dataclass(frozen=True)
class TextLoss:
    """The mean cross-entropy of held-out characters."""

    loss: float
    """Nats a character."""
    error: float
    """Its standard error, over windows."""
    characters: int
    """How many were counted."""
    before: tuple[int, int]
    """How many characters each of them had before it, at least and at most, but for those of the first window."""

    @property
    def bits(self) -> float:
        """Bits a character."""
        return bits(self.loss)

    @property
    def perplexity(self) -> float:
        """exp(loss)."""
        return math.exp(self.loss)


def held_out_loss(
    model: LanguageModel, text: Text, device: torch.device, progress: Callable[[int, int], None] = lambda done, total: None
) -> TextLoss:
    """Compute the loss over the whole held-out part of a text.

    Args:
        model: in eval mode, on the device
        text: what is read
        device: where the model is
        progress: is told how many of the windows are done

    Raises:
        UserError: the file cannot be read
    """
    span, size = text.span("held-out"), text.context
    last = span.stop - 1 - size
    starts = np.array([*range(span.start, last, max(1, size // 2)), last])
    begins = np.maximum(np.concatenate([[span.start], starts[:-1] + size]) - starts, 0)  # the first target that is counted
    total, means = 0.0, []
    for first in range(0, len(starts), TEXT_ROWS):
        rows = slice(first, first + TEXT_ROWS)
        pages = torch.from_numpy(text.pages(starts[rows], size + 1)).to(device)
        losses = target_losses(model, pages[:, :-1], pages[:, 1:]).double().cpu().numpy()
        for own, begin in zip(losses, begins[rows].tolist(), strict=True):
            total += own[begin:].sum()
            means.append(own[begin:].mean())
        progress(min(first + TEXT_ROWS, len(starts)), len(starts))
    counted = len(span) - 1
    error = float(np.std(means, ddof=1) / len(means) ** 0.5) if len(means) > 1 else math.nan
    return TextLoss(float(total / counted), error, counted, (size - max(1, size // 2) + 1, size))

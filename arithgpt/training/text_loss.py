"""The loss of a model over all held-out characters of a text, in windows that overlap by half.

    characters    a b c d e f g h i j k l       the held-out part, context = 4
    1st window    a b c d e                     counts b c d e
    2nd               c d e f g                 counts f g: each has 3 or 4 characters before it
    3rd                   e f g h i             counts h i, and so on

The first character of all has nothing before it and is not counted.
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
    """Nats per character."""
    error: float
    """The standard error of the loss, over windows."""
    characters: int
    """The number of characters that were counted."""
    before: tuple[int, int]
    """The least and the most characters before a counted one, those of the first window apart."""

    @property
    def bits(self) -> float:
        """Bits per character."""
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
        text: resolved
        device: where the model is
        progress: is called with the number of windows done and the number of all windows

    Raises:
        UserError: the file cannot be read, or has changed
    """
    span, size = text.span("held-out"), text.context
    last = span.stop - 1 - size
    starts = np.array([*range(span.start, last, max(1, size // 2)), last])
    first_counted = np.maximum(np.concatenate([[span.start], starts[:-1] + size]) - starts, 0)  # of the targets of each window
    total, means = 0.0, []
    for first in range(0, len(starts), TEXT_ROWS):
        rows = slice(first, first + TEXT_ROWS)
        pages = torch.from_numpy(text.pages(starts[rows], size + 1)).to(device)
        losses = target_losses(model, pages[:, :-1], pages[:, 1:]).double().cpu().numpy()
        for window, begin in zip(losses, first_counted[rows].tolist(), strict=True):
            total += window[begin:].sum()
            means.append(window[begin:].mean())
        progress(min(first + TEXT_ROWS, len(starts)), len(starts))
    n_counted = len(span) - 1
    error = float(np.std(means, ddof=1) / len(means) ** 0.5) if len(means) > 1 else math.nan
    return TextLoss(float(total / n_counted), error, n_counted, (size - max(1, size // 2) + 1, size))

"""Page coordinates: where on the page each character stands, computed from the characters alone.

People do arithmetic on a page: digits stand in columns, numbers in fields. Every character is written in a cell, and the cell
of the next one follows from the cell and the character before it, so a causal model always knows the cell it is about to
write:

    page      3  2  1  +  6  5  4  =  9
    place     1  2  3  4  1  2  3  4  1  2      counted within the number; the sign closes it one place on
    digit     1  2  3  4  1  2  3  4  1  2      the same, not counting placeholders `.`
    number    0  0  0  0  1  1  1  1  2  2      how many numbers have been closed
    token     0  1  2  3  4  5  6  7  8  9      how many characters came before

A token's key stands at the cell of its own character; its query looks from the next cell, the one about to be written (the
last column above). Numbers are written least significant digit first, so `place` is the significance, and no rule here knows
which task is on the page.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

AXES: Final = ("place", "digit", "number", "token")
FIRST_CELL: Final = (1.0, 1.0, 0.0, 0.0)


class PageCoordinates(nn.Module):
    """Follows the cells of pages written in one alphabet. It has no parameters."""

    def __init__(self, alphabet: str) -> None:
        super().__init__()
        kinds = [(char.isdigit(), not char.isdigit() and char != ".") for char in alphabet]
        self.register_buffer("is_digit", torch.tensor([digit for digit, _ in kinds]), persistent=False)
        self.register_buffer("closes", torch.tensor([closes for _, closes in kinds]), persistent=False)

    def first(self, n: int) -> Tensor:
        """float32 (n, 4): the cell in which a page begins."""
        return torch.tensor(FIRST_CELL, device=self.closes.device).expand(n, -1)

    def forward(self, ids: Tensor, start: Tensor) -> Tensor:
        """The cells of characters and of the one after them.

        ids: int64 (B, T); start: float32 (B, 4), the cell of the first of them
        Returns float32 (B, T+1, 4), whose first cell is `start`.
        """
        closes, digit = self.closes[ids], self.is_digit[ids]
        step = torch.arange(ids.shape[1] + 1, device=ids.device)
        after_close = torch.where(closes, step[1:], 0).cummax(1).values
        after_close = nn.functional.pad(after_close, (1, 0))  # (B, T+1): where the number at each cell begins; 0: before here
        digits = nn.functional.pad(digit.cumsum(1), (1, 0))
        began_here = after_close > 0
        place = step - after_close + torch.where(began_here, 1, start[:, :1])
        digit_index = digits - digits.gather(1, after_close) + torch.where(began_here, 1, start[:, 1:2])
        number = nn.functional.pad(closes.cumsum(1), (1, 0)) + start[:, 2:3]
        token = step + start[:, 3:]
        return torch.stack([place, digit_index, number, token], -1)

"""Characters to ids and back.

tokenizer = Tokenizer("0123456789+=$")
tokenizer.encode(codes)          # "+" becomes 10: ids follow the order of the alphabet
tokenizer.decode(ids)
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tasks import STOP

UNKNOWN = 255


class Tokenizer:
    """Maps the characters of an alphabet to ids.

    Args:
        alphabet: different ASCII characters in the order of their ids, the stop among them

    Raises:
        ValueError: the alphabet repeats a character, lacks the stop or is not ASCII
    """

    def __init__(self, alphabet: str) -> None:
        if len(set(alphabet)) != len(alphabet) or STOP not in alphabet or not alphabet.isascii():
            raise ValueError(f"alphabet {alphabet!r}: must be different ASCII characters with {STOP!r} among them")
        self.alphabet = alphabet
        self.stop = alphabet.index(STOP)
        """The id of the stop character."""

    def __len__(self) -> int:
        return len(self.alphabet)

    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        """The ASCII code of each id."""
        return np.frombuffer(self.alphabet.encode("ascii"), np.uint8)

    @cached_property
    def _ids(self) -> NDArray[np.uint8]:
        """The id of each of 256 codes; code 0 is padding and reads as the stop, which no target and no earlier token sees."""
        ids = np.full(256, UNKNOWN, np.uint8)
        ids[self._codes] = np.arange(len(self))
        ids[0] = self.stop
        return ids

    def encode(self, chars: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Convert ASCII codes to ids.

        Args:
            chars: uint8, of any shape; 0 beyond the end of a page

        Returns:
            Ids, int64, of the same shape.

        Raises:
            ValueError: a character is not in the alphabet
        """
        ids = self._ids[chars]
        if (ids == UNKNOWN).any():
            raise ValueError(f"character {chr(chars[ids == UNKNOWN][0])!r} is not in the alphabet {self.alphabet!r}")
        return ids.astype(np.int64)

    def decode(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Convert ids, of any shape, to ASCII codes, uint8; the inverse of `encode`."""
        return self._codes[ids]

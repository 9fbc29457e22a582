"""Characters <-> ids.

The ids follow the task's alphabet: of "0123456789+=$" the character "+" is id 10. What lies beyond a page's end (code 0)
reads as the stop character: no target and, attention being causal, no earlier character ever depends on it.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tasks import STOP

UNKNOWN = 255


class Tokenizer:
    """The characters of an alphabet and their ids. ValueError where the alphabet repeats a character or lacks the stop."""

    def __init__(self, alphabet: str) -> None:
        if len(set(alphabet)) != len(alphabet) or STOP not in alphabet or not alphabet.isascii():
            raise ValueError(f"alphabet {alphabet!r}: must be different ASCII characters with {STOP!r} among them")
        self.alphabet = alphabet
        self.stop = alphabet.index(STOP)

    def __len__(self) -> int:
        return len(self.alphabet)

    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.alphabet.encode("ascii"), np.uint8)

    @cached_property
    def _ids(self) -> NDArray[np.uint8]:
        ids = np.full(256, UNKNOWN, np.uint8)
        ids[self._codes] = np.arange(len(self))
        ids[0] = self.stop
        return ids

    def encode(self, chars: NDArray[np.uint8]) -> NDArray[np.int64]:
        """int64 ids of uint8 ASCII codes, any shape. ValueError names a character that is not in the alphabet."""
        ids = self._ids[chars]
        if (ids == UNKNOWN).any():
            raise ValueError(f"character {chr(chars[ids == UNKNOWN][0])!r} is not in the alphabet {self.alphabet!r}")
        return ids.astype(np.int64)

    def decode(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8 ASCII codes of ids, any shape; the inverse of `encode`."""
        return self._codes[ids]

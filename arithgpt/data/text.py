r"""The task `text`: the characters of any UTF-8 file, each learned from those before it.

    [task]
    name = "text"
    path = "shakespeare.txt"
    context = 128               characters of a page
    val_share = 0.1             the last part of the file, never trained on

    inputs    First Citize      a page starts anywhere in its part of the file
    targets   irst Citizen      every character is learned

It has no problems and no answers, so it is no `tasks.Task`. The file is never held as a whole: it is mapped into memory, and
the place of every BLOCK-th character is kept, as characters can have several bytes.
"""

from __future__ import annotations

import codecs
import hashlib
import math
import mmap
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from arithgpt.errors import UserError
from tasks.core.ragged import Ints

Part = Literal["train", "held-out"]
MAX_CHARACTERS = 4096  # different ones
CHUNK = 1 << 22  # bytes read at once
BLOCK = 4096  # characters between two places that are kept
_PARTS = {"train": 0, "held-out": 1}


@dataclass(frozen=True)
class Text:
    """A file of text to learn. ValueError where an option is out of range."""

    path: str = ""
    """The file, UTF-8."""
    context: int = 128
    """Characters of a page."""
    val_share: float = 0.1
    """The share at the end of the file that is held out."""
    characters: str = ""
    """Every character it may have, in the order of the vocabulary; put in when the run begins, where it is empty."""
    sha256: str = ""
    """Of the file; put in when the run begins, and checked ever after."""

    name: ClassVar[str] = "text"
    summary: ClassVar[str] = "the characters of a file"
    idle: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if not 2 <= self.context <= 65536:
            raise ValueError(f"context = {self.context}: must be from 2 to 65536 characters")
        if not 0 < self.val_share < 1:
            raise ValueError(f"val_share = {self.val_share}: must be more than 0 and less than 1")
        if len(set(self.characters)) != len(self.characters) or len(self.characters) > MAX_CHARACTERS:
            raise ValueError(f"characters: must be different ones, {MAX_CHARACTERS:,} at most")

    def resolve(self) -> Text:
        """The same with its characters and the hash of the file.

        UserError where there is no such file, it is no UTF-8, another one than before, too short, or has other characters.
        """
        if not self.path:
            raise UserError("task.path: missing; which file to learn, as in --set task.path=book.txt")
        found, sha256, size = survey(Path(self.path))
        if self.sha256 not in ("", sha256):
            raise UserError(f"task.path = {self.path!r}: is no longer the file it was, by its hash")
        if len(found) > MAX_CHARACTERS:
            raise UserError(f"task.path = {self.path!r}: has {len(found):,} different characters: at most {MAX_CHARACTERS:,}")
        if self.characters and (odd := sorted(set(found) - set(self.characters))):
            raise UserError(f"task.path = {self.path!r}: has the character {odd[0]!r}, which task.characters has not")
        held_out = int(size * self.val_share)
        if min(held_out, size - held_out) <= self.context:
            part = f"{held_out} of them held out and {size - held_out} not"
            raise UserError(
                f"task.path = {self.path!r}: has {size} characters, {part}: both must be more than context = {self.context}"
            )
        return replace(self, characters=self.characters or found, sha256=sha256)

    @cached_property
    def file(self) -> TextFile:
        """The file itself, open. UserError where it cannot be read, or the text is not resolve."""
        if not (self.characters and self.sha256):
            raise UserError("task.characters: missing; init_weights.resolve fills it in")
        return TextFile(Path(self.path))

    def span(self, part: Part) -> range:
        """Where in the file a part of it stands, counted in characters."""
        size = len(self.file)
        begins = size - int(size * self.val_share)
        return range(begins) if part == "train" else range(begins, size)

    def pages(self, starts: Ints, length: int) -> NDArray[np.int64]:
        """Ids of `length` characters from each start, int64 (n, length). UserError where the file has changed."""
        return np.stack([self.encode(self.file.between(start, start + length)) for start in starts.tolist()])

    def batch(self, n: int, *, seed: int, split: Part, rank: int, step: int) -> NDArray[np.int64]:
        """Ids of n random pages and the character after each, int64 (n, context + 1): a function of these numbers alone."""
        rng, span = np.random.default_rng([seed, _PARTS[split], rank, step]), self.span(split)
        return self.pages(rng.integers(span.start, span.stop - self.context, n), self.context + 1)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Ids of characters, int64 (len(text),). UserError names one that the vocabulary lacks."""
        return encode(text, self.characters)


class TextFile:
    """The characters of a UTF-8 file by number, without reading it as a whole. UserError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise UserError(f"task.path = {str(path)!r}: cannot be read: {_why(error)}") from None
        self.path, places, size = path, [], 0
        for start in range(0, len(self.bytes), CHUNK):
            # A byte that is not 10xxxxxx begins a character.
            begins = np.flatnonzero(np.frombuffer(self.bytes[start : start + CHUNK], np.uint8) & 0xC0 != 0x80)
            places.append(start + begins[-size % BLOCK :: BLOCK])
            size += len(begins)
        self.places, self.size = np.concatenate(places), size

    def __len__(self) -> int:
        """How many characters."""
        return self.size

    def between(self, start: int, end: int) -> str:
        """The characters from `start` up to `end`. UserError where the file is no longer what it was."""
        try:
            if self.size == len(self.bytes):
                return self.bytes[start:end].decode("ascii")
            last = -(-end // BLOCK)
            stop = int(self.places[last]) if last < len(self.places) else len(self.bytes)
            text = self.bytes[int(self.places[start // BLOCK]) : stop].decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(f"task.path = {str(self.path)!r}: was changed while it was read") from None
        return text[start % BLOCK : start % BLOCK + end - start]


def survey(path: Path) -> tuple[str, str, int]:
    """Of a file, read once: its different characters in order, its SHA-256, and how many characters it has.

    UserError where it is missing, a folder, empty or not UTF-8, with the place of the first byte that is not.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"task.path = {str(path)!r}: is no plain file")
    codes: set[str] = set()
    digest, size, read = hashlib.sha256(), 0, 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while True:
                chunk = file.read(CHUNK)
                kept = len(decoder.getstate()[0])  # of a character that the last chunk cut in two
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    raise UserError(f"task.path = {str(path)!r}: not UTF-8: byte {read - kept + error.start}") from None
                codes.update(text)
                digest.update(chunk)
                size, read = size + len(text), read + len(chunk)
                if not chunk:
                    break
    except (OSError, ValueError) as error:
        raise UserError(f"task.path = {str(path)!r}: cannot be read: {_why(error)}") from None
    if not size:
        raise UserError(f"task.path = {str(path)!r}: is empty")
    return "".join(sorted(codes)), digest.hexdigest(), size


def encode(text: str, alphabet: str) -> NDArray[np.int64]:
    """Ids of characters, int64 (len(text),). UserError names one that is not in the alphabet, and its place."""
    codes, known = (np.frombuffer(chars.encode("utf-32-le", "surrogatepass"), np.uint32) for chars in (text, alphabet))
    order = np.argsort(known)
    ids = order[np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)]
    if (known[ids] != codes).any():
        place = int((known[ids] != codes).argmax())
        raise UserError(f"character {text[place]!r}, number {place + 1}: is not among the {len(alphabet)} that the model knows")
    return ids


def bits(loss: float) -> float:
    """A loss in nats, in bits: 1.0 is 1.443."""
    return loss / math.log(2)


def _why(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)

r"""The task `text`: the characters of a UTF-8 file, each learned from those before it.

    [task]
    name = "text"
    path = "shakespeare.txt"
    context = 128               characters of a page
    val_share = 0.1             the last part of the file, never trained on

    inputs    First Citize      a page starts anywhere in its part of the file
    targets   irst Citizen      every character is learned

A text has no problems and no answers, so it is no `tasks.Task`. The file is mapped into memory and never read as a whole.
Characters can have several bytes, so the byte offset of every BLOCK-th character is kept.
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

from arithgpt.errors import UserError, Wording
from tasks.core.ragged import Ints

Part = Literal["train", "held-out"]
MAX_CHARACTERS = 4096  # different ones
CHUNK = 1 << 22  # bytes read at once
BLOCK = 4096  # characters between two byte offsets that are kept
_STREAMS = {"train": 0, "held-out": 1}


@dataclass(frozen=True)
class Text:
    """A file of text to learn.

    Raises:
        ValueError: an option is out of range
    """

    path: str = ""
    """The file, UTF-8."""
    context: int = 128
    """Characters of a page."""
    val_share: float = 0.1
    """The share at the end of the file that is held out."""
    characters: str = ""
    """The characters of the vocabulary in the order of their ids; if empty, filled in when the run begins."""
    sha256: str = ""
    """SHA-256 of the file. It is filled in when the run begins; another file is refused afterwards."""

    name: ClassVar[str] = "text"
    summary: ClassVar[str] = "the characters of a file"

    def __post_init__(self) -> None:
        if not 2 <= self.context <= 65536:
            raise ValueError(f"context = {self.context}: must be from 2 to 65536 characters")
        if not 0 < self.val_share < 1:
            raise ValueError(f"val_share = {self.val_share}: must be more than 0 and less than 1")
        if len(set(self.characters)) != len(self.characters) or len(self.characters) > MAX_CHARACTERS:
            raise ValueError(f"characters: must be different ones, {MAX_CHARACTERS:,} at most")

    def resolve(self) -> Text:
        """Fill in the characters and the hash of the file.

        Raises:
            UserError: the file is missing, not UTF-8, another one than before, too short, or has other characters
        """
        if not self.path:
            message = "task.path: missing; which file to learn, as in "
            raise UserError(Wording(f'{message}{{"task.path": "book.txt"}}', f"{message}--set task.path=book.txt"))
        survey = survey_file(Path(self.path))
        if self.sha256 not in ("", survey.sha256):
            raise UserError(f"task.path = {self.path!r}: is no longer the file it was, by its hash")
        if len(survey.characters) > MAX_CHARACTERS:
            found = f"{len(survey.characters):,} different characters"
            raise UserError(f"task.path = {self.path!r}: has {found}: at most {MAX_CHARACTERS:,}")
        if self.characters and (unknown := sorted(set(survey.characters) - set(self.characters))):
            raise UserError(f"task.path = {self.path!r}: has the character {unknown[0]!r}, which task.characters has not")
        n_held_out = int(survey.size * self.val_share)
        if min(n_held_out, survey.size - n_held_out) <= self.context:
            part = f"{n_held_out} of them held out and {survey.size - n_held_out} not"
            raise UserError(
                f"task.path = {self.path!r}: has {survey.size} characters, {part}: "
                f"both must be more than context = {self.context}"
            )
        return replace(self, characters=self.characters or survey.characters, sha256=survey.sha256)

    @cached_property
    def file(self) -> TextFile:
        """The file, open.

        Raises:
            UserError: it cannot be read, or the text is not resolved
        """
        if not (self.characters and self.sha256):
            raise UserError("task.characters: missing; init_weights.resolve fills it in")
        return TextFile(Path(self.path))

    def span(self, part: Part) -> range:
        """Return the numbers of the characters of a part of the file."""
        size = len(self.file)
        first_held_out = size - int(size * self.val_share)
        return range(first_held_out) if part == "train" else range(first_held_out, size)

    def pages(self, starts: Ints, length: int) -> NDArray[np.int64]:
        """Read pages from the file.

        Args:
            starts: int64 (n,), the number of the first character of each page
            length: characters of a page

        Returns:
            Ids, int64 (n, length).

        Raises:
            UserError: the file has changed
        """
        return np.stack([self.encode(self.file.between(start, start + length)) for start in starts.tolist()])

    def batch(self, n: int, *, seed: int, split: Part, rank: int, step: int) -> NDArray[np.int64]:
        """Draw n random pages, each with the character that follows it.

        The same arguments give the same pages, other arguments give independent ones.

        Returns:
            Ids, int64 (n, context + 1).
        """
        rng, span = np.random.default_rng([seed, _STREAMS[split], rank, step]), self.span(split)
        return self.pages(rng.integers(span.start, span.stop - self.context, n), self.context + 1)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Convert characters to ids, int64 (len(text),).

        Raises:
            UserError: the vocabulary lacks a character
        """
        return encode(text, self.characters)


class TextFile:
    """The characters of a UTF-8 file by their number, without reading the file as a whole.

    Args:
        path: the file

    Raises:
        UserError: the file cannot be read
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise UserError(f"task.path = {str(path)!r}: cannot be read: {_reason(error)}") from None
        self.path, offsets, size = path, [], 0
        for start in range(0, len(self.bytes), CHUNK):
            # A byte that is not 10xxxxxx begins a character.
            begins = np.flatnonzero(np.frombuffer(self.bytes[start : start + CHUNK], np.uint8) & 0xC0 != 0x80)
            offsets.append(start + begins[-size % BLOCK :: BLOCK])
            size += len(begins)
        self.offsets, self.size = np.concatenate(offsets), size

    def __len__(self) -> int:
        """Return the number of characters."""
        return self.size

    def between(self, start: int, end: int) -> str:
        """Read the characters from number `start` up to `end`, which is not included.

        Raises:
            UserError: the file has changed
        """
        try:
            if self.size == len(self.bytes):
                return self.bytes[start:end].decode("ascii")
            last = -(-end // BLOCK)
            stop = int(self.offsets[last]) if last < len(self.offsets) else len(self.bytes)
            text = self.bytes[int(self.offsets[start // BLOCK]) : stop].decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(f"task.path = {str(self.path)!r}: was changed while it was read") from None
        return text[start % BLOCK : start % BLOCK + end - start]


@dataclass(frozen=True)
class TextSurvey:
    """What one reading of a file finds."""

    characters: str
    """The different characters, in order."""
    sha256: str
    size: int
    """Characters in all."""


def survey_file(path: Path) -> TextSurvey:
    """Read a text file once, chunk by chunk.

    Raises:
        UserError: the file is missing, a folder, empty or not UTF-8; the message names the first byte that is not
    """
    if path.exists() and not path.is_file():
        raise UserError(f"task.path = {str(path)!r}: is no plain file")
    characters: set[str] = set()
    digest, size, n_read = hashlib.sha256(), 0, 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while True:
                chunk = file.read(CHUNK)
                n_kept = len(decoder.getstate()[0])  # bytes of a character that the last chunk cut in two
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    raise UserError(f"task.path = {str(path)!r}: not UTF-8: byte {n_read - n_kept + error.start}") from None
                characters.update(text)
                digest.update(chunk)
                size, n_read = size + len(text), n_read + len(chunk)
                if not chunk:
                    break
    except (OSError, ValueError) as error:
        raise UserError(f"task.path = {str(path)!r}: cannot be read: {_reason(error)}") from None
    if not size:
        raise UserError(f"task.path = {str(path)!r}: is empty")
    return TextSurvey("".join(sorted(characters)), digest.hexdigest(), size)


def encode(text: str, alphabet: str) -> NDArray[np.int64]:
    """Convert characters to ids.

    Args:
        text: any characters of the alphabet
        alphabet: different characters in the order of their ids

    Returns:
        int64 (len(text),).

    Raises:
        UserError: a character is not in the alphabet; the message gives its place
    """
    codes, known = (np.frombuffer(chars.encode("utf-32-le", "surrogatepass"), np.uint32) for chars in (text, alphabet))
    order = np.argsort(known)
    ids: NDArray[np.int64] = order[np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)]
    if (known[ids] != codes).any():
        place = int((known[ids] != codes).argmax())
        raise UserError(f"character {text[place]!r}, number {place + 1}: is not among the {len(alphabet)} that the model knows")
    return ids


def bits(loss: float) -> float:
    """Convert a loss in nats to bits: 1.0 is 1.443."""
    return loss / math.log(2)


def _reason(error: OSError | ValueError) -> str:
    """What the system says of an error."""
    return getattr(error, "strerror", None) or str(error)

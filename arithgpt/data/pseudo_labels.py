"""Pages in a file, which are learned beside those of a task: what a model wrote itself, as `arithgpt improve` keeps it.

    {"prompt": "321+654=", "written": "975"}

Each line is one page. Nothing here checks whether the answers are right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from tasks import STOP, Pages
from tasks.core.ragged import Ragged, stack


def format_pages(pages: Iterable[tuple[str, str]]) -> bytes:
    """Write pages as lines of JSON.

    Args:
        pages: prompt, and what was written after it without the stop character

    Returns:
        The content of the file.
    """
    lines = (json.dumps({"prompt": prompt, "written": written}) + "\n" for prompt, written in pages)
    return "".join(lines).encode("ascii")


def read_pages(recipe: Recipe) -> tuple[Pages, str]:
    """Read the file that a recipe names in `data.pages`.

    Args:
        recipe: a recipe whose `data.pages` is not empty

    Returns:
        The pages, and the SHA-256 of the file.

    Raises:
        UserError: the file cannot be read, is not the one that the recipe knows by its hash, has a line that is not a page in
            the alphabet of the task, or has no pages.
    """
    file, known_digest = Path(recipe.data.pages), recipe.data.pages_sha256
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"data.pages = {file}: cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(data).hexdigest()
    if known_digest not in ("", digest):
        raise UserError(
            f"data.pages = {file}: is not the file the run began with: {digest[:12]}..., not {known_digest[:12]}..."
        )
    alphabet = set(recipe.alphabet)
    prompt_lengths, texts = [], []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            page = json.loads(line)
            prompt, written = page["prompt"], page["written"]
            if not prompt or not alphabet.issuperset(prompt + written):
                raise ValueError
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UserError(f"data.pages = {file}: line {number} is no page of this task, prompt and written") from None
        prompt_lengths.append(len(prompt))
        texts.append(prompt + written + STOP)
    if not texts:
        raise UserError(f"data.pages = {file}: has no pages")
    rows = Ragged.from_strings(texts)
    return Pages(rows.values, np.array(prompt_lengths, np.int64), rows.lengths), digest


def concatenate(first: Pages, second: Pages) -> Pages:
    """Return all pages of the first batch and then those of the second, padded alike."""
    rows = stack([Ragged(pages.chars, pages.total) for pages in (first, second)])
    return Pages(rows.values, np.concatenate([first.prompt, second.prompt]), rows.lengths)

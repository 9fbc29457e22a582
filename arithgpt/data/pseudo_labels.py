"""Pages in a file, to be learned beside those of a task: what a model wrote itself, as `arithgpt improve` keeps it.

    {"prompt": "321+654=", "written": "975"}

A line a page. Whether they are right nobody asks here.
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


def as_lines(pages: Iterable[tuple[str, str]]) -> bytes:
    """The file of prompts and of what was written after each, without the stop."""
    lines = (json.dumps({"prompt": prompt, "written": written}) + "\n" for prompt, written in pages)
    return "".join(lines).encode("ascii")


def read_pages(recipe: Recipe) -> tuple[Pages, str]:
    """The pages that a recipe's `data.pages` names, and the SHA-256 of their file.

    UserError where it cannot be read, holds anything else or nothing, or is not the file that the recipe knows by its hash.
    """
    file, known = Path(recipe.data.pages), recipe.data.pages_sha256
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"data.pages = {file}: cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(data).hexdigest()
    if known not in ("", digest):
        raise UserError(f"data.pages = {file}: is not the file the run began with: {digest[:12]}..., not {known[:12]}...")
    allowed = set(recipe.alphabet)
    prompts, texts = [], []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            page = json.loads(line)
            prompt, written = page["prompt"], page["written"]
            if not prompt or not allowed.issuperset(prompt + written):
                raise ValueError
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UserError(f"data.pages = {file}: line {number} is no page of this task, prompt and written") from None
        prompts.append(len(prompt))
        texts.append(prompt + written + STOP)
    if not texts:
        raise UserError(f"data.pages = {file}: has no pages")
    rows = Ragged.from_strings(texts)
    return Pages(rows.values, np.array(prompts, np.int64), rows.lengths), digest


def below(first: Pages, second: Pages) -> Pages:
    """All pages of the first batch and then those of the second."""
    rows = stack([Ragged(pages.chars, pages.total) for pages in (first, second)])
    return Pages(rows.values, np.concatenate([first.prompt, second.prompt]), rows.lengths)

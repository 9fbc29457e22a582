"""What the tests of proofs share: a recipe that is proven in seconds, windows of real pages, and exact logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from helpers.models import numpy_model
from numpy.typing import NDArray

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference.generate import prefill
from arithgpt.models.language_model import LanguageModel
from arithgpt.models.positions.page_coordinates import PageCoordinates
from arithgpt.proof.windows import NOTHING, Cell, Windows
from tasks import Pages

PROVABLE: dict[str, Any] = {
    "task": {"name": "add", "digits": "1-8"},
    "model": {"n_layer": 1, "n_head": 8, "head_dim": 8, "mlp_ratio": 2, "kernel_strength": 25},
    "train": {"max_steps": 400, "eval_samples": 64, "until_proven": True},
}


def page_windows(pages: Pages, alphabet: str, cells: Sequence[Cell]) -> dict[tuple[Any, ...], str]:
    """Collect what stands in the cells around each character of each answer, the character before it, and the character itself.

    The coordinates are those of the model. A character in a cell is shown with the mark that opened its number.
    """
    coordinates = PageCoordinates(alphabet)
    to_id = np.full(256, 0)
    to_id[np.frombuffer(alphabet.encode(), np.uint8)] = np.arange(len(alphabet))
    ids = to_id[pages.chars]
    n, width = ids.shape
    start = np.broadcast_to(np.array(coordinates.first_cell), (n, 6))
    where = coordinates(ids, start, coordinates.roles, np).astype(np.int64)
    place, number, mark = where[..., 0], where[..., 2], where[..., 5]
    written = np.arange(width) < pages.total[:, None] - 1
    kinds = ids * (len(alphabet) + 1) + mark[:, :-1]
    assert (len(alphabet) + 1) ** (2 * len(cells) + 4) < 2**63
    grid = np.full((n, number.max() + 9, place.max() + 9), -1)
    page = np.broadcast_to(np.arange(n)[:, None], ids.shape)
    grid[page[written], number[:, :-1][written] + 4, place[:, :-1][written] + 4] = kinds[written]
    assert (grid >= 0).sum() == written.sum()  # no two characters stand in one cell
    answer = (np.arange(width) >= pages.prompt[:, None]) & (np.arange(width) < pages.total[:, None])
    rows, columns = np.nonzero(answer)
    found = [kinds[rows, columns - 1], ids[rows, columns]]
    for d_place, d_number, *_ in cells:
        seen = grid[rows, number[rows, columns] + d_number + 4, place[rows, columns] + d_place + 4]
        if d_number == 0 and d_place >= 0:
            seen = np.full_like(seen, -1)
        found.insert(-2, seen)
    base = (len(alphabet) + 1) ** 2  # one number for each row: sorting numbers is faster
    codes = np.zeros(len(rows), np.int64)
    for seen in found:
        codes = codes * base + seen + 1
    _, first = np.unique(codes, return_index=True)
    different = np.stack(found, 1)[first].tolist()

    def shown(kind: int) -> tuple[str, str] | None:
        character, opened = divmod(kind, len(alphabet) + 1)
        return None if kind < 0 else (alphabet[character], alphabet[opened - 1] if opened else "")

    windows = {tuple(map(shown, row[:-1])): alphabet[row[-1]] for row in different}
    assert len(windows) == len(different)  # each window has one right character
    return windows


class Standing(NamedTuple):
    """Where a character stands, and the mark that opened its number."""

    character: str
    mark: str
    place: int
    digit: int
    number: int
    token: int
    line: int
    step: int
    below: int


def standing(text: str) -> list[Standing]:
    """Find where each character of a text stands, and where the next one will; counted here, and not by the model."""
    found = []
    mark, place, digit, number, line, step, below = "", 1, 1, 0, 1, 0, 0
    for token, character in enumerate([*text, ""]):
        found.append(Standing(character, mark, place, digit, number, token, line, step, below))
        place, digit = place + 1, digit + 1
        if character and not character.isdigit():
            line, below = line + (character == ";"), below - (character == ";")
            if character == "\\":
                below = digit - 2
            step = 0 if character in "=;" else step + 1
            mark, number, digit, place = character, number + 1, 1, line if character in ":;!#" else 1
    return found


def exact_logits(weights: dict[str, NDArray[Any]], alphabet: str, text: str) -> NDArray[np.float64]:
    """Compute the logits after a text in float64, key by key: a model of one block with fixed kernels."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    block = {name.removeprefix("blocks.0."): array for name, array in w.items()}

    def normed(x: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 2.0**-23) * scale

    tokens = standing(text)
    embedded = [
        w["token_embedding.weight"][alphabet.index(t.character)]
        + w["positions.mark_embedding"][1 + alphabet.index(t.mark) if t.mark else 0]
        for t in tokens[:-1]
    ]
    x = np.stack([w["positions.bos_embedding"], *embedded])
    D, H = len(block["attention.q_norm.weight"]), len(block["attention.bias.bos_logit"])
    qkv = (normed(x, block["attention_norm.weight"]) @ block["attention.qkv.weight"].T).reshape(len(x), 3, H, D)
    q, k, v = (
        normed(qkv[-1, 0], block["attention.q_norm.weight"]),
        normed(qkv[:, 1], block["attention.k_norm.weight"]),
        qkv[:, 2],
    )
    scores = (q * k).sum(-1) / math.sqrt(D)  # (tokens, H)
    strength, centre = (block[f"attention.bias.{name}"] for name in ("strength", "centre"))  # (H, axes)
    axes = ("place", "digit", "number", "token", "line", "operand", "digit of the line", "digit below a turn", "step")
    here = tokens[-1]
    looks_from = {"operand": 0, "digit of the line": here.line, "digit below a turn": here.below, "step": -here.step}
    for axis, name in enumerate(axes):
        query = looks_from.get(name, getattr(here, name, None))
        stands_at = {"operand": "number", "digit of the line": "digit", "digit below a turn": "digit"}.get(name, name)
        keys = np.array([0 if name == "step" else getattr(token, stands_at) for token in tokens[:-1]])
        scores[1:] -= strength[:, axis] * (query + centre[:, axis] - keys[:, None]) ** 2
    scores[0] += block["attention.bias.bos_logit"]
    share = np.exp(scores - scores.max(0))
    y = (share[..., None] * v).sum(0) / share.sum(0)[:, None]
    x = x[-1] + block["attention.out.weight"] @ y.ravel()
    hidden = block["mlp.up.weight"] @ normed(x, block["mlp_norm.weight"])
    hidden = 0.5 * hidden * (1 + np.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
    logits: NDArray[np.float64] = w["head.weight"] @ normed(x + block["mlp.down.weight"] @ hidden, w["norm.weight"])
    return logits


def shown(windows: Windows) -> dict[tuple[object, ...], str]:
    """The windows with characters and marks in place of indices: cells and query -> the right next character."""
    names = [*map(tuple, windows.kinds), None]
    assert NOTHING == -1
    rows = zip(windows.contents.tolist(), windows.queries.tolist(), windows.wanted, strict=True)
    return {(*(names[content] for content in contents), names[query]): wanted for contents, query, wanted in rows}


def window_at(text: str, cells: Sequence[Cell]) -> tuple[object, ...]:
    """The window at the end of a text, found by looking at each character: what stands in the cells, and the last character."""
    *tokens, here = standing(text)
    of_query = {"digit of the line": here.line, "digit below a turn": here.below, "operand": 0}
    of_key = {"digit of the line": "digit", "digit below a turn": "digit", "operand": "number"}

    def seen(cell: Cell) -> tuple[str, str] | None:
        if cell.step not in (None, here.step):
            return None
        looks_at = {}
        for axis, offset in ((cell.column_axis, cell.column), (cell.number_axis, cell.number)):
            looks_at[of_key.get(axis, axis)] = offset + of_query.get(axis, getattr(here, axis, 0))
        found = [token for token in tokens if all(getattr(token, axis) == value for axis, value in looks_at.items())]
        assert len(found) <= 1
        return (found[0].character, found[0].mark) if found else None

    return (*map(seen, cells), (tokens[-1].character, tokens[-1].mark))


def decoded_logits(net: LanguageModel, text: str) -> list[NDArray[np.float32]]:
    """Compute the logits after a text in float32, as the decoders on NumPy and on torch do."""
    ids = Tokenizer(net.alphabet).encode(np.frombuffer(text.encode(), np.uint8))[None]
    found = []
    for decoder in (numpy_model(net), net):
        given = ids if decoder is not net else torch.from_numpy(ids)
        with torch.inference_mode():
            found.append(np.asarray(prefill(decoder, given, decoder.new_cache(1, len(text)))[0]))
    return found

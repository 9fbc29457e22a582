"""Verify a certificate from the weights alone. It shares no code with the prover, nor with the model.

The checker lists the windows by other means (windows.py), compares them with those of the certificate, and computes for
each of them, by intervals with a lower and an upper end, how much the logit of the right character is above every other one.

It relies on the same facts about the model as the prover (docs/proof.md): a float32 decoder rounds by at most 2^-24 for each
operation, its exp and tanh are right within 4 units in the last place, and no two characters of a page stand in one cell.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open

from arithgpt.errors import UserError
from arithgpt.proof.checker.block import EPS, FUNCTION, Array, Ends, U, least_ahead
from arithgpt.proof.checker.product_windows import Place, Seen
from arithgpt.proof.checker.windows import WINDOWS

_FAR: Final = 40  # cells in each direction that are added one by one
_CHUNK: Final = 1024
_AXES: Final = ("place", "digit", "number", "token", "line", "operand", "digit of the line", "digit below a turn", "step")
_COLUMNS, _NUMBERS = frozenset({"place", "digit", "digit of the line", "digit below a turn"}), frozenset({"number", "operand"})


@dataclass(frozen=True)
class Checked:
    """What the checker found."""

    claim: str
    n_windows: int
    least: float
    """How much the right character's logit is at least above any other one, over all windows, in nats."""


def check(certificate: Path, weights: Path, alphabet: str, task: Mapping[str, Any]) -> Checked:
    """Verify a certificate.

    Args:
        certificate: the file
        weights: weights.safetensors of a run
        alphabet: the characters of the run's vocabulary, in the order of their ids
        task: the table [task] of the run's recipe

    Raises:
        UserError: it cannot be read, was changed, belongs to other weights, or does not prove what it claims; in one line
    """
    notes, tensors = _read(certificate)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    if notes["weights_sha256"] != sha256:
        stated = str(notes["weights_sha256"])[:12]
        raise UserError(f"{certificate}: is for the weights {stated}..., and {weights} is {sha256[:12]}...")
    if notes["alphabet"] != alphabet or notes["task"] != dict(task):
        raise UserError(f"{certificate}: is for another task or alphabet than the run's recipe")
    if (name := notes["task"].get("name")) not in WINDOWS:
        raise UserError(f"{certificate}: task {name!r}: the checker knows {', '.join(WINDOWS)}")
    with safe_open(weights, framework="np") as file:
        model = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}  # noqa: SIM118  not a dict
    cells = _cells_read(certificate, model)
    own, shown = dict(_own_windows(name, cells)), _shown_windows(certificate, tensors, cells)
    if own != shown:
        differing = len(own.items() ^ shown.items())
        raise UserError(f"{certificate}: {differing:,} windows are missing, left over, or have a wrong answer")
    least = _least_difference(model, alphabet, own)
    if not least > 0:
        raise UserError(f"{certificate}: does not prove its claim: a window is right by no more than {least:.3f}")
    return Checked(str(notes["claim"]), len(own), least)


def _read(certificate: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a certificate; UserError where it is no certificate, cut short or changed."""
    try:
        with safe_open(certificate, framework="np") as file:
            notes = json.loads((file.metadata() or {})["notes"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        if notes["format"] != "arithgpt certificate":
            raise ValueError("its format is another")
        if notes["version"] != 1:
            raise UserError(f"{certificate}: version {notes['version']}: this checker knows version 1")
        stated = notes.pop("digest")
        hashed = hashlib.sha256(json.dumps(notes, sort_keys=True).encode())
        for name, tensor in sorted(tensors.items()):
            hashed.update(f"\n{name} {tensor.dtype} {tensor.shape}\n".encode() + tensor.tobytes())
        if hashed.hexdigest() != stated:
            raise UserError(f"{certificate}: was changed after it was written: its digest is another")
    except FileNotFoundError:
        raise UserError(f"{certificate}: there is no such file") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{certificate}: no certificate, damaged or cut short ({error})") from None
    return notes, tensors


def _cells_read(certificate: Path, model: Mapping[str, Array]) -> list[Place]:
    """Name the cell that each head reads; UserError for other models."""
    if any(name.startswith("blocks.1.") for name in model) or "blocks.0.attention.bias.strength" not in model:
        raise UserError(f"{certificate}: the checker knows models of one block with fixed kernels")
    cells = []
    for strength, centre in zip(*(model[f"blocks.0.attention.bias.{name}"] for name in ("strength", "centre")), strict=True):
        axes = {axis: c for axis, s, c in zip(_AXES, strength.tolist(), centre.tolist(), strict=True) if s > 0}
        columns, numbers, other = (axes.keys() & kind for kind in (_COLUMNS, _NUMBERS, {"step"}))
        is_one_cell = (len(columns), len(numbers), len(axes)) == (1, 1, 2 + len(other))
        if not is_one_cell or any(c != round(c) for c in axes.values()):
            raise UserError(f"{certificate}: the kernels of the weights do not each read one cell")
        [column], [number] = columns, numbers
        step = int(axes["step"]) if other else None
        cells.append((column, int(axes[column]), number, int(axes[number]), step))
    return cells


def _own_windows(task: str, cells: list[Place]) -> Iterator[tuple[tuple[Seen, ...], str]]:
    """Yield what stands in the cells, then the character written last, and the right next one."""
    for contents, query, wanted in WINDOWS[task]():
        yield (*(contents.get(cell) for cell in cells), query), wanted


def _shown_windows(certificate: Path, tensors: Mapping[str, Array], cells: list[Place]) -> dict[tuple[Seen, ...], str]:
    """Return the windows of a certificate in the same form."""
    try:
        kinds: list[Seen] = [(chr(char), chr(mark) if mark else "") for char, mark in tensors["kinds"].tolist()]
        kinds.append(None)  # index -1
        rows = np.concatenate([tensors["contents"], tensors["queries"][:, None]], 1).tolist()
        stated = [(_AXES[a], c, _AXES[b], n, None if s < 0 else s) for c, n, a, b, s in tensors["cells"].tolist()]
        places = [*(stated.index(cell) for cell in cells), len(stated)]
        pairs = zip(rows, tensors["wanted"].tolist(), strict=True)
        return {tuple(kinds[row[place]] for place in places): chr(wanted) for row, wanted in pairs}
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(f"{certificate}: its windows cannot be read ({error})") from None


def _least_difference(model: Mapping[str, Array], alphabet: str, windows: Mapping[tuple[Seen, ...], str]) -> float:
    """Bound from below, over all windows, how much the right logit is above the others."""
    kinds = sorted({seen for window in windows for seen in window if seen is not None})
    number = {seen: index for index, seen in enumerate(kinds)}
    table = _Tables(model, alphabet, kinds)
    head = model.get("head.weight")
    if head is None:
        head = model["token_embedding.weight"] * float(np.float32(model["norm.weight"].size ** -0.5))
    rows, wanted = list(windows), np.array([alphabet.index(character) for character in windows.values()])
    least = math.inf
    for start in range(0, len(rows), _CHUNK):
        part = np.array([[-1 if seen is None else number[seen] for seen in row] for row in rows[start : start + _CHUNK]])
        x = table.x[0][part[:, -1]], table.x[1][part[:, -1]]
        ahead = least_ahead(model, head, x, table.attend(part), wanted[start : start + _CHUNK])
        least = min(least, float(ahead.min()))
    return least


class _Tables:
    """The block, with its attention as tables of kinds: each kind of query sees each kind of key, at each of the cells."""

    def __init__(self, model: Mapping[str, Array], alphabet: str, kinds: list[tuple[str, str]]) -> None:
        self.model, self.block = model, {k.removeprefix("blocks.0."): v for k, v in model.items() if k.startswith("blocks.0.")}
        ids = [alphabet.index(character) for character, _ in kinds]
        opened = [1 + alphabet.index(mark) if mark else 0 for _, mark in kinds]
        x = model["token_embedding.weight"][ids] + model["positions.mark_embedding"][opened]
        self.x = _widened((x, x), U * np.abs(x))
        bos = model["positions.bos_embedding"][None]
        tokens = np.concatenate([self.x[0], bos]), np.concatenate([self.x[1], bos])  # the bos token is the last key
        D = self.block["attention.q_norm.weight"].size
        qkv = _times(_normed(tokens, self.block["attention_norm.weight"]), self.block["attention.qkv.weight"])
        low, high = (end.reshape(len(end), 3, -1, D) for end in qkv)
        self.v = low[:, 2], high[:, 2]
        q = _normed((low[:, 0], high[:, 0]), self.block["attention.q_norm.weight"])
        k = _normed((low[:, 1], high[:, 1]), self.block["attention.k_norm.weight"])
        corners = [q[i][:-1, None] * k[j][None] for i, j in product((0, 1), repeat=2)]  # (kinds, keys, H, D)
        low, high = np.minimum.reduce(corners).sum(3) * D**-0.5, np.maximum.reduce(corners).sum(3) * D**-0.5
        size = np.maximum.reduce([np.abs(corner) for corner in corners]).sum(3) * D**-0.5
        self.low, self.high = _widened((low, high), (D + 3) * 1.001 * U * size)
        for end in (self.low, self.high):
            end[:, -1] += self.block["attention.bias.bos_logit"]

        # All axes of a head have one strength or more: every other character is at least one step away along one of them.
        strength = self.block["attention.bias.strength"]
        self.rate = np.where(strength > 0, strength, math.inf).min(1)
        self.elsewhere = np.array([_sum_elsewhere(rate) for rate in self.rate.tolist()])
        reach = math.sqrt((104 + 2 * float(np.abs(self.high).max())) / float(self.rate.min()))
        self.n_nonzero = (2 * math.floor(reach) + 1) ** 2 + 1  # keys whose weight is not 0 in float32

    def attend(self, windows: Array) -> Ends:
        """Bound the output of all heads: windows (n, H + 1), what each head reads and the query -> (n, H D)."""
        keys, query, heads = windows[:, None, :-1], windows[:, -1, None, None], np.arange(len(self.rate))
        there = np.concatenate([keys >= 0, np.ones_like(keys, bool)], 1)
        keys = np.concatenate([keys, np.full_like(keys, -1)], 1)  # the bos token is the last key
        low, high = self.low[query, keys, heads], self.high[query, keys, heads]  # (n, 2, H)
        top = np.where(there, high, -math.inf).max(1, keepdims=True)
        error = 4 * FUNCTION + 4 * U * (np.abs(low) + np.abs(high) + np.abs(top) + np.abs(high - top))
        least = np.where(there, np.exp(low - error - top), 0)[..., None]
        most = np.where(there, np.exp(high + error - top), 0)[..., None]  # (n, 2, H, 1)
        v_low, v_high = self.v[0][keys, heads], self.v[1][keys, heads]
        total = least.sum(1)
        middle = ((least + most) * (v_low + v_high)).sum(1) / (2 * (least + most).sum(1))  # any value is valid; this is near
        down, up = v_low - middle[:, None], v_high - middle[:, None]
        below = np.where(down < 0, most * down, least * down).sum(1)
        above = np.where(up > 0, most * up, least * up).sum(1)
        far = np.exp(self.high[windows[:, -1], :-1].max(1) - top[:, 0]) * self.elsewhere * 1.001 + 2.0**-100
        below += far[..., None] * np.minimum(self.v[0].min(0) - middle, 0)
        above += far[..., None] * np.maximum(self.v[1].max(0) - middle, 0)
        ends = middle + np.minimum(below, 0) / total, middle + np.maximum(above, 0) / total
        size = (most * np.maximum(np.abs(v_low), np.abs(v_high))).sum(1) / total + far[..., None] * np.abs(self.v[1]).max()
        flat = [z.reshape(len(windows), -1) for z in (*ends, size)]
        return _widened((flat[0], flat[1]), (2 * self.n_nonzero + 6) * 1.001 * U * flat[2])


def _sum_elsewhere(rate: float) -> float:
    """Bound the kernels of all characters but the one that is read, and of that one too where the head is silent.

    The characters stand in different cells of a grid, so the kernels are at most the sum of exp(-rate (i^2 + j^2)) over the
    grid without its centre, and exp(-rate) for the centre where the step is another.
    """
    steps = range(-_FAR, _FAR + 1)
    near = (math.exp(-rate * (i * i + j * j)) for i in steps for j in steps if (i, j) != (0, 0))
    # Beyond the square, exp(-s k^2) <= exp(-s k), a geometric series; along the other axis the same, from 0 on both sides.
    line = 1 + 2 * math.exp(-rate) / -math.expm1(-rate)
    beyond = 2 * math.exp(-rate * (_FAR + 1)) / -math.expm1(-rate)
    return (math.fsum(near) + 2 * beyond * line + math.exp(-rate)) * (1 + 1e-9)


def _widened(ends: Ends, by: Array) -> Ends:
    return ends[0] - by, ends[1] + by


def _times(x: Ends, weight: Array) -> Ends:
    """Multiply by weight^T, with rounding."""
    up, down = np.maximum(weight.T, 0), np.minimum(weight.T, 0)
    size = np.maximum(np.abs(x[0]), np.abs(x[1])) @ np.abs(weight.T)
    return _widened((x[0] @ up + x[1] @ down, x[1] @ up + x[0] @ down), (len(up) + 2) * 1.001 * U * size)


def _normed(x: Ends, weight: Array) -> Ends:
    """RMSNorm, with rounding."""
    squares = x[0] ** 2, x[1] ** 2
    least = np.where((x[0] < 0) & (x[1] > 0), 0, np.minimum(*squares)).mean(-1, keepdims=True)
    low, high = np.sqrt(least + EPS), np.sqrt(np.maximum(*squares).mean(-1, keepdims=True) + EPS)
    corners = [end / rms * weight for end in x for rms in (low, high)]
    ends = np.minimum.reduce(corners), np.maximum.reduce(corners)
    return _widened(ends, ((weight.size + 2) * 1.001 * U + 2 * FUNCTION) * np.maximum(np.abs(ends[0]), np.abs(ends[1])))

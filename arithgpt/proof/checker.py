"""Verify a certificate from the weights alone. It shares no code with the prover, nor with the model.

The checker lists the windows by other means (checker_windows.py), compares them with those of the certificate, and computes for
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
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from arithgpt.errors import UserError
from arithgpt.proof.checker_windows import WINDOWS, Seen

Array = NDArray[Any]
Ends = tuple[Array, Array]
"""The lower and the upper end of intervals."""

_U: Final = 1.001 * 2.0**-24  # a little more than float32 rounds: float64 rounds too
_FUNCTION: Final = 8 * _U  # 4 units in the last place
_EPS: Final = 2.0**-23
_LOWEST_GELU: Final = -0.1701
_FAR: Final = 40  # cells in each direction that are added one by one
_CHUNK: Final = 1024
_ELSEWHERE: Final = ("digit", "token", "line")
_AXES: Final = ("place", "digit", "number", "token", "line")


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
    own, shown = dict(_own_windows(name, _cells_read(certificate, model))), _shown_windows(certificate, tensors)
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


def _cells_read(certificate: Path, model: Mapping[str, Array]) -> tuple[tuple[int, int], ...]:
    """List the cells that the heads read, and that of the character written last; UserError for other models."""
    if any(name.startswith("blocks.1.") for name in model) or "blocks.0.attention.bias.strength" not in model:
        raise UserError(f"{certificate}: the checker knows models of one block with fixed kernels")
    strength, centre = (model[f"blocks.0.attention.bias.{name}"] for name in ("strength", "centre"))
    elsewhere = strength[:, [_AXES.index(axis) for axis in _ELSEWHERE]]
    near = centre[:, [0, 2]]
    if (elsewhere > 0).any() or (strength[:, [0, 2]] <= 0).any() or (near != near.round()).any():
        raise UserError(f"{certificate}: the kernels of the weights do not each read one cell")
    return tuple(sorted({(int(place), int(number)) for place, number in near.tolist()} | {(-1, 0)}))


def _own_windows(task: str, cells: tuple[tuple[int, int], ...]) -> Iterator[tuple[tuple[Seen, ...], str]]:
    """Yield what stands in the cells, then the character written last, and the right next one."""
    for contents, query, wanted in WINDOWS[task]():
        yield (*(contents.get(cell) for cell in cells), query), wanted


def _shown_windows(certificate: Path, tensors: Mapping[str, Array]) -> dict[tuple[Seen, ...], str]:
    """Return the windows of a certificate in the same form."""
    try:
        kinds: list[Seen] = [(chr(char), chr(mark) if mark else "") for char, mark in tensors["kinds"].tolist()]
        kinds.append(None)  # index -1
        rows = np.concatenate([tensors["contents"], tensors["queries"][:, None]], 1).tolist()
        order = np.lexsort(tensors["cells"].T[::-1])
        places = [*order.tolist(), len(order)]
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
        part = [[-1 if seen is None else number[seen] for seen in row] for row in rows[start : start + _CHUNK]]
        right = wanted[start : start + _CHUNK]
        (low, high), size = table.final(np.array(part))
        step = head[right][:, None] - head  # (n, V, C)
        below = np.where(step > 0, step * low[:, None], step * high[:, None]).sum(2)
        rounding = (step.shape[2] + 3) * 1.001 * _U * (size @ (np.abs(head)).T)
        below -= rounding + rounding[np.arange(len(right)), right][:, None]
        below[np.arange(len(right)), right] = math.inf
        least = min(least, float(below.min()))
    return least


class _Tables:
    """The block, with its attention as tables of kinds: each kind of query sees each kind of key, at each of the cells."""

    def __init__(self, model: Mapping[str, Array], alphabet: str, kinds: list[tuple[str, str]]) -> None:
        self.model, self.block = model, {k.removeprefix("blocks.0."): v for k, v in model.items() if k.startswith("blocks.0.")}
        ids = [alphabet.index(character) for character, _ in kinds]
        opened = [1 + alphabet.index(mark) if mark else 0 for _, mark in kinds]
        x = model["token_embedding.weight"][ids] + model["positions.mark_embedding"][opened]
        self.x = _widened((x, x), _U * np.abs(x))
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
        self.low, self.high = _widened((low, high), (D + 3) * 1.001 * _U * size)
        for end in (self.low, self.high):
            end[:, -1] += self.block["attention.bias.bos_logit"]

        strength, centre = (self.block[f"attention.bias.{name}"][:, [0, 2]] for name in ("strength", "centre"))
        cells = sorted({(int(p), int(n)) for p, n in centre.tolist()} | {(-1, 0)})
        self.kernel = -sum(strength[:, axis] * (np.array(cells)[:, axis, None] - centre[:, axis]) ** 2 for axis in (0, 1))
        self.elsewhere = np.array([_sum_elsewhere(s, c, cells) for s, c in zip(strength, centre, strict=True)])
        reach = math.sqrt((104 + 2 * float(np.abs(self.high).max())) / float(strength.min()))
        self.n_nonzero = (2 * math.floor(reach) + 1) ** 2 + 1  # keys whose weight is not 0 in float32

    def attend(self, windows: Array) -> Ends:
        """Bound the output of all heads: windows (n, cells + 1), the query last -> (n, H D)."""
        keys, query = windows[:, :-1], windows[:, -1:]
        there = np.concatenate([keys >= 0, np.ones_like(query, bool)], 1)[..., None]
        keys = np.concatenate([keys, np.full_like(query, -1)], 1)  # the bos token is the last key
        kernel = np.concatenate([self.kernel, np.zeros_like(self.kernel[:1])])
        low, high = self.low[query, keys] + kernel, self.high[query, keys] + kernel  # (n, keys, H)
        top = np.where(there, high, -math.inf).max(1, keepdims=True)
        error = _FUNCTION + 4 * _U * (np.abs(low) + np.abs(high) + np.abs(top) + np.abs(high - top))
        least = np.where(there, np.exp(low - error - top), 0)[..., None]
        most = np.where(there, np.exp(high + error - top), 0)[..., None]  # (n, keys, H, 1)
        v_low, v_high = self.v[0][keys], self.v[1][keys]
        total = least.sum(1)
        middle = ((least + most) * (v_low + v_high)).sum(1) / (2 * (least + most).sum(1))  # any value is valid; this is near
        down, up = v_low - middle[:, None], v_high - middle[:, None]
        below = np.where(down < 0, most * down, least * down).sum(1)
        above = np.where(up > 0, most * up, least * up).sum(1)
        far = np.exp(self.high[query[:, 0], :-1].max(1) - top[:, 0]) * self.elsewhere * 1.001 + 2.0**-100
        below += far[..., None] * np.minimum(self.v[0].min(0) - middle, 0)
        above += far[..., None] * np.maximum(self.v[1].max(0) - middle, 0)
        ends = middle + np.minimum(below, 0) / total, middle + np.maximum(above, 0) / total
        size = (most * np.maximum(np.abs(v_low), np.abs(v_high))).sum(1) / total + far[..., None] * np.abs(self.v[1]).max()
        flat = [z.reshape(len(windows), -1) for z in (*ends, size)]
        return _widened((flat[0], flat[1]), (2 * self.n_nonzero + 6) * 1.001 * _U * flat[2])

    def final(self, windows: Array) -> tuple[Ends, Array]:
        """Bound what the head is given: (n, C), and its largest sizes."""
        query = windows[:, -1]
        x = _plus((self.x[0][query], self.x[1][query]), _times(self.attend(windows), self.block["attention.out.weight"]))
        hidden = _gelu(_times(_normed(x, self.block["mlp_norm.weight"]), self.block["mlp.up.weight"]))
        z = _normed(_plus(x, _times(hidden, self.block["mlp.down.weight"])), self.model["norm.weight"])
        return z, np.maximum(np.abs(z[0]), np.abs(z[1]))


def _sum_elsewhere(strength: Array, centre: Array, cells: list[tuple[int, int]]) -> float:
    """Bound the sum of a kernel over all cells but those listed: a square of cells, and four half planes around it."""
    (s, t), (p, n) = strength.tolist(), centre.tolist()
    steps = range(-_FAR, _FAR + 1)
    inside = (math.exp(-s * i * i - t * j * j) for i in steps for j in steps if (p + i, n + j) not in cells)
    # Beyond the square, exp(-s k^2) <= exp(-s k), a geometric series; along the other axis the same, from 0 on both sides.
    line = [1 + 2 * math.exp(-rate) / -math.expm1(-rate) for rate in (s, t)]
    beyond = [2 * math.exp(-rate * (_FAR + 1)) / -math.expm1(-rate) for rate in (s, t)]
    return (math.fsum(inside) + beyond[0] * line[1] + beyond[1] * line[0]) * (1 + 1e-9)


def _widened(ends: Ends, by: Array) -> Ends:
    return ends[0] - by, ends[1] + by


def _plus(x: Ends, y: Ends) -> Ends:
    """Add, with rounding."""
    low, high = x[0] + y[0], x[1] + y[1]
    return _widened((low, high), _U * np.maximum(np.abs(low), np.abs(high)))


def _times(x: Ends, weight: Array) -> Ends:
    """Multiply by weight^T, with rounding."""
    up, down = np.maximum(weight.T, 0), np.minimum(weight.T, 0)
    size = np.maximum(np.abs(x[0]), np.abs(x[1])) @ np.abs(weight.T)
    return _widened((x[0] @ up + x[1] @ down, x[1] @ up + x[0] @ down), (len(up) + 2) * 1.001 * _U * size)


def _normed(x: Ends, weight: Array) -> Ends:
    """RMSNorm, with rounding."""
    squares = x[0] ** 2, x[1] ** 2
    least = np.where((x[0] < 0) & (x[1] > 0), 0, np.minimum(*squares)).mean(-1, keepdims=True)
    low, high = np.sqrt(least + _EPS), np.sqrt(np.maximum(*squares).mean(-1, keepdims=True) + _EPS)
    corners = [end / rms * weight for end in x for rms in (low, high)]
    ends = np.minimum.reduce(corners), np.maximum.reduce(corners)
    return _widened(ends, ((weight.size + 2) * 1.001 * _U + 2 * _FUNCTION) * np.maximum(np.abs(ends[0]), np.abs(ends[1])))


def _gelu(x: Ends) -> Ends:
    """GELU by tanh, with rounding: it falls down to one lowest value near -0.75, and rises from there on."""
    ends = [0.5 * end * (1 + np.tanh(math.sqrt(2 / math.pi) * (end + 0.044715 * end**3))) for end in x]
    low = np.where((x[0] < -0.74) & (x[1] > -0.77), _LOWEST_GELU, np.minimum(*ends))
    return _widened((low, np.maximum(*ends)), 2 * _FUNCTION * np.maximum(np.abs(x[0]), np.abs(x[1])))

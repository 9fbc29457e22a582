"""A block of a GPT in training on a CPU, its gradients worked out by hand: few calls, and few passes over memory.

    block(x, q_more, k_more, groups, chosen, weights)       what model.py computes with a block, and its gradients

Put together of torch's operations one by one, a block takes up to twice the time (runs/LOG.md): a thousand calls, most of
them on a few kilobytes. What is done here in another way than there:

- The characters of pages of different lengths are rows of one matrix; only attention takes them length by length.
- Queries, keys and values are written where they are needed. torch's softmax over less than 16 keys takes ten times as long for
  each as over 16, and products with 8 values twice as long as with 16: both are filled up.
- Of long pages the queries come in parts, each with no more keys than it may see.
- The last block goes on, after its attention, with the rows alone that have a target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arithgpt.training.fused.gelu import gelu, of_gelu_
from arithgpt.training.fused.linear import of_weight, product
from arithgpt.training.fused.norm import normed, of_normed

WIDTH = 16  # the numbers that a register of AVX-512 holds
PART = 48  # queries at once
WEIGHTS = ("attention_norm", "qkv", "q_norm", "k_norm", "out", "mlp_norm", "up", "down")
"""The weights of a block, in the order of their gradients."""


@dataclass(frozen=True)
class Group:
    """`pages` pages of `length` characters each, which are rows from `start` on."""

    start: int
    pages: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.pages * self.length

    def of(self, rows: Tensor) -> Tensor:
        """Its own of the rows (rows, H, D), by heads: a view (pages, H, length, D)"""
        return rows[self.start : self.end].view(self.pages, self.length, *rows.shape[1:]).transpose(1, 2)

    def filled(self, rows: Tensor, width: int) -> Tensor:
        """Zeros that have room for those: (pages, H, at least WIDTH keys, width)"""
        return rows.new_zeros(self.pages, rows.shape[1], max(self.length, WIDTH), width)


def block(
    x: Tensor, q_more: Tensor, k_more: Tensor, groups: Sequence[Group], chosen: Tensor | None, weights: Mapping[str, Tensor]
) -> Tensor:
    """x (rows, C), of which those behind the last group are nobody's, to (rows, C), or to (chosen, C)

    q_more, k_more: (rows of the groups, H, features), by which queries and keys are wider
    chosen: int64, different rows with which to go on after attention; all where it is None
    """
    return _Block.apply(x, q_more, k_more, groups, chosen, *(weights[name] for name in WEIGHTS))


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, q_more: Tensor, k_more: Tensor, groups: Sequence[Group], chosen: Tensor | None, *weights: Tensor
    ) -> Tensor:
        attention_norm, qkv, q_norm, k_norm, out, mlp_norm, up, down = weights
        D = len(q_norm)
        H = len(qkv) // (3 * D)
        first, first_inverse = normed(x)
        attending = first * attention_norm
        heads = product(attending, qkv).view(len(x), 3 * H, D)
        qk, qk_inverse = normed(heads[:, : 2 * H])
        looked, seen = x.new_zeros(len(x), H, D), []
        for group in groups:
            q, k = group.filled(looked, D + q_more.shape[2]), group.filled(looked, D + k_more.shape[2])
            v = group.filled(looked, D + -D % WIDTH)
            for wide, narrow, norm, more in ((q, qk[:, :H], q_norm, q_more), (k, qk[:, H:], k_norm, k_more)):
                torch.mul(group.of(narrow), norm, out=wide[:, :, : group.length, :D])
                wide[:, :, : group.length, D:] = group.of(more)
            v[:, :, : group.length, :D] = group.of(heads[:, 2 * H :])
            y, *shares = _attend(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), D**-0.5)
            group.of(looked).copy_(y.view_as(v)[:, :, : group.length, :D])
            seen += [q, k, v, *shares]
        looked = looked.flatten(1)
        if chosen is not None:
            looked, x = looked[chosen], x[chosen]
        x = product(looked, out, plus=x)
        second, second_inverse = normed(x)
        read = second * mlp_norm
        hidden = product(read, up)
        active, share = gelu(hidden)
        ctx.groups, ctx.chosen = groups, chosen
        ctx.save_for_backward(
            *(*weights, first, first_inverse, attending, qk, qk_inverse, looked, second, second_inverse, read, hidden),
            *(active, share, *seen),
        )
        return product(active, down, plus=x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        attention_norm, qkv, q_norm, k_norm, out, mlp_norm, up, down, *saved = ctx.saved_tensors
        first, first_inverse, attending, qk, qk_inverse, looked, second, second_inverse, read, hidden, *saved = saved
        active, share, *seen = saved
        (rows, heads, D), gradient = qk.shape, gradient.contiguous()
        H, chosen = heads // 2, ctx.chosen
        of_down = of_weight(active, gradient)
        of_hidden = of_gelu_(product(gradient, down.T), hidden, share)
        of_up = of_weight(read, of_hidden)
        of_x, of_mlp_norm = of_normed(product(of_hidden, up.T), second, second_inverse, mlp_norm)
        of_x += gradient
        of_out, of_looked = of_weight(looked, of_x), product(of_x, out.T)
        if chosen is not None:
            of_x, of_looked = (y.new_zeros(rows, y.shape[1]).index_copy_(0, chosen, y) for y in (of_x, of_looked))
        of_looked, of_heads = of_looked.view(rows, H, D), qk.new_zeros(rows, 3 * H, D)
        of_q_more, of_k_more = (qk.new_empty(ctx.groups[-1].end, H, wide.shape[3] - D) for wide in seen[:2])
        for group in ctx.groups:
            (q, k, v), n, n_parts = seen[:3], group.length, len(_parts(seen[2].shape[2]))
            shares, seen = seen[3 : 3 + n_parts], seen[3 + n_parts :]
            y = group.filled(of_looked, v.shape[3])
            y[:, :, :n, :D] = group.of(of_looked)
            wide = _of_attend(*(z.flatten(0, 1) for z in (y, q, k, v)), shares, D**-0.5)
            of_q, of_k, of_v = (of.view(*v.shape[:3], -1)[:, :, :n] for of in wide)
            for at, of in enumerate((of_q, of_k, of_v)):
                group.of(of_heads[:, at * H : (at + 1) * H]).copy_(of[..., :D])
            group.of(of_q_more).copy_(of_q[..., D:])
            group.of(of_k_more).copy_(of_k[..., D:])
        norms = torch.cat([q_norm.expand(H, D), k_norm.expand(H, D)])
        of_heads[:, : 2 * H], of_norms = of_normed(of_heads[:, : 2 * H], qk, qk_inverse, norms)
        of_heads = of_heads.flatten(1)
        of_qkv = of_weight(attending, of_heads)
        of_first, of_attention_norm = of_normed(product(of_heads, qkv.T), first, first_inverse, attention_norm)
        of_weights = (of_attention_norm, of_qkv, of_norms[:H].sum(0), of_norms[H:].sum(0), of_out, of_mlp_norm, of_up, of_down)
        return of_x.add_(of_first), of_q_more, of_k_more, None, None, *of_weights


def _parts(n: int) -> list[slice]:
    """The queries that are computed with at once, of n."""
    times = -(-n // PART)
    return [slice(n * i // times, n * (i + 1) // times) for i in range(times)]


def _attend(q: Tensor, k: Tensor, v: Tensor, scale: float) -> list[Tensor]:
    """Causal attention (n, keys, width of v), and of each part of the queries what it multiplies the values with.

    q, k, v: (n, keys, widths)
    """
    y, shares = torch.empty_like(v), []
    hidden = q.new_full((q.shape[1], q.shape[1]), -torch.inf).triu_(1)
    for part in _parts(q.shape[1]):
        mask, seen = hidden[part, : part.stop].expand(len(q), -1, -1), slice(part.stop)
        shares.append(torch.baddbmm(mask, q[:, part], k[:, seen].mT, alpha=scale).softmax(-1))
        y[:, part] = shares[-1] @ v[:, seen]
    return [y, *shares]


def _of_attend(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, shares: list[Tensor], scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients by q, k and v."""
    of_q, of_k, of_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for part, share in zip(_parts(q.shape[1]), shares, strict=True):
        own, seen = gradient[:, part], slice(part.stop)
        of_v[:, seen] += share.mT @ own
        of_scores = torch.ops.aten._softmax_backward_data(own @ v[:, seen].mT, share, -1, q.dtype).mul_(scale)
        of_q[:, part] = of_scores @ k[:, seen]
        of_k[:, seen] += of_scores.mT @ q[:, part]
    return of_q, of_k, of_v

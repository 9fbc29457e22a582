"""One transformer block in training on a CPU, with its gradients written by hand: few calls, few passes over memory.

It computes what `Block` in models/gpt.py computes, and the same gradients. Composed of torch's operations a block takes up to
twice the time (runs/LOG.md): a thousand calls, most of them on a few kilobytes. What differs from the module:

- The tokens of pages of different lengths are rows of one matrix; only attention works length by length.
- Queries, keys and values are written where they are needed. torch's softmax over fewer than 16 keys takes ten times as long
  for each as over 16, and products with 8 values twice as long as with 16. So both are padded.
- Long pages take their queries in chunks, each with no more keys than it may see.
- The last block goes on, after its attention, with only those rows that have a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arithgpt.models.gpt import Block
from arithgpt.training.fused.gelu import gelu, gelu_backward_
from arithgpt.training.fused.linear import linear, linear_weight_grad
from arithgpt.training.fused.norm import rms_norm, rms_norm_backward

VECTOR_WIDTH = 16  # float32 numbers that a register of AVX-512 holds
CHUNK = 48  # queries at once


@dataclass(frozen=True)
class Segment:
    """`pages` pages of `length` tokens each, in packed rows from `start` on."""

    start: int
    pages: int
    length: int

    @property
    def end(self) -> int:
        """The row after the last one."""
        return self.start + self.pages * self.length

    def slice(self, rows: Tensor) -> Tensor:
        """Slice this segment from packed rows (rows, H, D); returns a view (pages, H, length, D)."""
        return rows[self.start : self.end].view(self.pages, self.length, *rows.shape[1:]).transpose(1, 2)

    def padded_zeros(self, rows: Tensor, width: int) -> Tensor:
        """Allocate zeros (pages, H, at least VECTOR_WIDTH keys, width) for this segment."""
        return rows.new_zeros(self.pages, rows.shape[1], max(self.length, VECTOR_WIDTH), width)


def fused_block(
    block: Block, x: Tensor, q_features: Tensor, k_features: Tensor, segments: Sequence[Segment], kept: Tensor | None
) -> Tensor:
    """Apply a block to packed rows.

    Args:
        block: gives the weights
        x: (rows, C); rows after the last segment are padding
        q_features, k_features: (rows of the segments, H, features), by which queries and keys are widened
        segments: pages of one length each
        kept: int64, the rows to go on with after attention; None for all

    Returns:
        (rows, C), or (len(kept), C).
    """
    attention, mlp = block.attention, block.mlp
    weights = (
        *(block.attention_norm.weight, attention.qkv.weight, attention.q_norm.weight, attention.k_norm.weight),
        *(attention.out.weight, block.mlp_norm.weight, mlp.up.weight, mlp.down.weight),
    )
    y: Tensor = _FusedBlock.apply(x, q_features, k_features, segments, kept, *weights)  # type: ignore[no-untyped-call]
    return y


class _FusedBlock(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        q_features: Tensor,
        k_features: Tensor,
        segments: Sequence[Segment],
        kept: Tensor | None,
        *weights: Tensor,
    ) -> Tensor:
        attention_norm, qkv, q_norm, k_norm, out, mlp_norm, up, down = weights
        D = len(q_norm)
        H = len(qkv) // (3 * D)
        x_hat, x_inverse = rms_norm(x)
        attention_in = x_hat * attention_norm
        heads = linear(attention_in, qkv).view(len(x), 3 * H, D)
        qk_hat, qk_inverse = rms_norm(heads[:, : 2 * H])
        attended, saved = x.new_zeros(len(x), H, D), []
        for segment in segments:
            q = segment.padded_zeros(attended, D + q_features.shape[2])
            k = segment.padded_zeros(attended, D + k_features.shape[2])
            v = segment.padded_zeros(attended, D + -D % VECTOR_WIDTH)
            for wide, narrow, norm, features in (
                (q, qk_hat[:, :H], q_norm, q_features),
                (k, qk_hat[:, H:], k_norm, k_features),
            ):
                torch.mul(segment.slice(narrow), norm, out=wide[:, :, : segment.length, :D])
                wide[:, :, : segment.length, D:] = segment.slice(features)
            v[:, :, : segment.length, :D] = segment.slice(heads[:, 2 * H :])
            y, *probabilities = _attention(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), D**-0.5)
            segment.slice(attended).copy_(y.view_as(v)[:, :, : segment.length, :D])
            saved += [q, k, v, *probabilities]
        attended = attended.flatten(1)
        if kept is not None:
            attended, x = attended[kept], x[kept]
        x = linear(attended, out, residual=x)
        h_hat, h_inverse = rms_norm(x)
        mlp_in = h_hat * mlp_norm
        hidden = linear(mlp_in, up)
        active, gate = gelu(hidden)
        ctx.segments, ctx.kept = segments, kept
        ctx.save_for_backward(
            *(*weights, x_hat, x_inverse, attention_in, qk_hat, qk_inverse, attended, h_hat, h_inverse, mlp_in, hidden),
            *(active, gate, *saved),
        )
        return linear(active, down, residual=x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        attention_norm, qkv, q_norm, k_norm, out, mlp_norm, up, down, *saved = ctx.saved_tensors
        x_hat, x_inverse, attention_in, qk_hat, qk_inverse, attended, h_hat, h_inverse, mlp_in, hidden, *saved = saved
        active, gate, *saved = saved
        (rows, heads, D), grad = qk_hat.shape, grad.contiguous()
        H, kept = heads // 2, ctx.kept
        down_grad = linear_weight_grad(active, grad)
        hidden_grad = gelu_backward_(linear(grad, down.T), hidden, gate)
        up_grad = linear_weight_grad(mlp_in, hidden_grad)
        x_grad, mlp_norm_grad = rms_norm_backward(linear(hidden_grad, up.T), h_hat, h_inverse, mlp_norm)
        x_grad += grad
        out_grad, attended_grad = linear_weight_grad(attended, x_grad), linear(x_grad, out.T)
        if kept is not None:
            x_grad, attended_grad = (y.new_zeros(rows, y.shape[1]).index_copy_(0, kept, y) for y in (x_grad, attended_grad))
        attended_grad, heads_grad = attended_grad.view(rows, H, D), qk_hat.new_zeros(rows, 3 * H, D)
        q_features_grad, k_features_grad = _attention_backward(ctx.segments, saved, attended_grad, heads_grad)
        norms = torch.cat([q_norm.expand(H, D), k_norm.expand(H, D)])
        heads_grad[:, : 2 * H], norms_grad = rms_norm_backward(heads_grad[:, : 2 * H], qk_hat, qk_inverse, norms)
        heads_grad = heads_grad.flatten(1)
        qkv_grad = linear_weight_grad(attention_in, heads_grad)
        through, attention_norm_grad = rms_norm_backward(linear(heads_grad, qkv.T), x_hat, x_inverse, attention_norm)
        weight_grads = (
            *(attention_norm_grad, qkv_grad, norms_grad[:H].sum(0), norms_grad[H:].sum(0)),
            *(out_grad, mlp_norm_grad, up_grad, down_grad),
        )
        return x_grad.add_(through), q_features_grad, k_features_grad, None, None, *weight_grads


def _chunks(n: int) -> list[slice]:
    """Split n queries into chunks of at most CHUNK."""
    count = -(-n // CHUNK)
    return [slice(n * i // count, n * (i + 1) // count) for i in range(count)]


def _attention(q: Tensor, k: Tensor, v: Tensor, scale: float) -> list[Tensor]:
    """Compute causal attention.

    Args:
        q, k, v: (n, keys, widths)

    Returns:
        The output (n, keys, width of v), and the attention probabilities of each chunk of queries.
    """
    y, probabilities = torch.empty_like(v), []
    hidden = q.new_full((q.shape[1], q.shape[1]), -torch.inf).triu_(1)
    for chunk in _chunks(q.shape[1]):
        mask, seen = hidden[chunk, : chunk.stop].expand(len(q), -1, -1), slice(chunk.stop)
        probabilities.append(torch.baddbmm(mask, q[:, chunk], k[:, seen].mT, alpha=scale).softmax(-1))
        y[:, chunk] = probabilities[-1] @ v[:, seen]
    return [y, *probabilities]


def _attention_backward(
    segments: Sequence[Segment], saved: list[Tensor], attended_grad: Tensor, heads_grad: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the gradients of attention, segment by segment.

    Args:
        segments: pages of one length each
        saved: for each segment q, k, v and the probabilities of its chunks
        attended_grad: (rows, H, D), the gradient of the output
        heads_grad: (rows, 3 H, D), takes the gradients of queries, keys and values

    Returns:
        The gradients of the query and key features, (rows of the segments, H, features) each.
    """
    H, D = attended_grad.shape[1:]
    q_features_grad, k_features_grad = (attended_grad.new_empty(segments[-1].end, H, wide.shape[3] - D) for wide in saved[:2])
    for segment in segments:
        (q, k, v), n = saved[:3], segment.length
        n_chunks = len(_chunks(v.shape[2]))
        probabilities, saved = saved[3 : 3 + n_chunks], saved[3 + n_chunks :]
        y_grad = segment.padded_zeros(attended_grad, v.shape[3])
        y_grad[:, :, :n, :D] = segment.slice(attended_grad)
        flat_grad, flat_q, flat_k, flat_v = (z.flatten(0, 1) for z in (y_grad, q, k, v))
        grads = _qkv_grads(flat_grad, flat_q, flat_k, flat_v, probabilities, D**-0.5)
        q_grad, k_grad, v_grad = (grad.view(*v.shape[:3], -1)[:, :, :n] for grad in grads)
        for number, grad in enumerate((q_grad, k_grad, v_grad)):
            segment.slice(heads_grad[:, number * H : (number + 1) * H]).copy_(grad[..., :D])
        segment.slice(q_features_grad).copy_(q_grad[..., D:])
        segment.slice(k_features_grad).copy_(k_grad[..., D:])
    return q_features_grad, k_features_grad


def _qkv_grads(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, probabilities: list[Tensor], scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of q, k and v from that of the attention output; all (n, keys, widths)."""
    q_grad, k_grad, v_grad = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for chunk, p in zip(_chunks(q.shape[1]), probabilities, strict=True):
        own, seen = grad[:, chunk], slice(chunk.stop)
        v_grad[:, seen] += p.mT @ own
        scores_grad = softmax_backward(own @ v[:, seen].mT, p).mul_(scale)
        q_grad[:, chunk] = scores_grad @ k[:, seen]
        k_grad[:, seen] += scores_grad.mT @ q[:, chunk]
    return q_grad, k_grad, v_grad


def softmax_backward(grad: Tensor, probabilities: Tensor) -> Tensor:
    """Compute the gradient of softmax's input over the last axis, by torch's kernel where it can be called."""
    try:
        x_grad: Tensor = torch.ops.aten._softmax_backward_data(grad, probabilities, -1, grad.dtype)
    except (AttributeError, RuntimeError, TypeError):
        x_grad = probabilities * (grad - (grad * probabilities).sum(-1, keepdim=True))
    return x_grad

"""Decoding from drafts: the text that greedy decoding writes, several times sooner.

A draft is a guess at the whole page; here it is the page with the exact working, which costs next to nothing to make. The model
reads it at once, as in training, and says for each place what it would write there. As long as that is what the draft has, the
draft is what greedy decoding writes: each choice was the model's own, after the same text. From the first place where it would
write something else the model goes on by itself. So the text is the model's, right or wrong, and so are its mistakes; only the
waiting is shorter (blockwise parallel decoding, arXiv 1811.03115; speculative decoding, 2211.17192).

The one difference is rounding: a place read together with others and the same place read alone differ in the logits by
about 1e-6 in steps, and by what the folded distances of page kernels cost where a page is read whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arithgpt.data.tokenizer import Vocab
from arithgpt.inference.generate import Completions, cached, complete, loops_on_gpu, masks, max_bytes, over_batches
from arithgpt.models.architectures import Model
from arithgpt.models.arrays import Array, ops
from tasks.core.ragged import Ints, Ragged, join, only

WHOLE = 256  # characters of a draft that are read at once, as pages are in training
STEP = 32  # of a longer one: there the cache is exact where training's folded distances are not (positions/)
CHECK_EVERY = 4  # steps on a GPU between two questions whether any draft still stands: the answer has to be waited for
BYTES = 8 << 20  # of attention mask in a batch on a CPU: more of it leaves the processor's own memory (runs/LOG.md)


def complete_drafts(model: Model, vocab: Vocab, drafts: Ragged, prompts: Ints, max_new_tokens: Ints) -> Completions:
    """What `complete` writes greedily after each prompt, until the stop or the budget.

    drafts: n pages of ASCII, the stop nowhere but at their ends; any guess will do, and a good one is fast
    prompts: int64 (n,), how many characters of each are given, at least 1
    max_new_tokens: int64 (n,), characters written at most, the stop included, at least 1
    ValueError where a prompt or a budget is below 1 or a draft shorter than its prompt.
    """
    n = len(drafts)
    if n == 0:
        return complete(model, vocab, drafts, max_new_tokens)
    if prompts.min() < 1 or max_new_tokens.min() < 1 or (drafts.lengths < prompts).any():
        raise ValueError("a prompt needs a character and stands at the start of its draft, and a budget is at least 1")
    ends = np.minimum(drafts.lengths, prompts + max_new_tokens)
    ids = vocab.encode(drafts.values)
    kept, own = np.zeros((2, n), np.int64)
    to_numpy = ops(model.like).to_numpy

    def compare(rows: Ints) -> None:
        kept[rows], own[rows] = map(to_numpy, _kept(model, ids[rows, : int(ends[rows].max())], prompts[rows], ends[rows]))

    over_batches(compare, lambda workers: _batches(ends, model, workers), model, tokens=STEP)
    differs = kept < ends  # and in this place the model writes a character of its own
    last = np.where(differs, own, ids[np.arange(n), ends - 1])
    finished, written = last == vocab.stop, kept - prompts + differs
    own_character = only(Ragged(vocab.characters(own)[:, None], np.ones(n, np.int64)), differs & ~finished)

    going = ~finished & (written < max_new_tokens)
    so_far = join([drafts.between(0, kept), own_character], n)
    rest = complete(model, vocab, so_far[going], (max_new_tokens - written)[going])
    finished[going] = rest.finished
    texts, lengths = np.zeros((n, rest.text.values.shape[1]), np.uint8), np.zeros(n, np.int64)
    texts[going], lengths[going] = rest.text.values, rest.text.lengths
    from_draft = drafts.between(prompts, kept - ((last == vocab.stop) & ~differs))  # without the stop
    return Completions(join([from_draft, own_character, Ragged(texts, lengths)], n), finished)


def _batches(lengths: Ints, model: Model, workers: int) -> list[Ints]:
    """Batches of rows of about the same length, the longest first."""
    order = np.argsort(-lengths, kind="stable")
    shared, batches, start = -(-len(order) // workers), [], 0
    on_gpu = loops_on_gpu(model)
    room = max_bytes(model) if on_gpu else BYTES
    while start < len(order):
        length = int(lengths[order[start]])
        masked = 4 * max(model.config.heads) * STEP * length
        if on_gpu:  # the whole memory, not only what is in use at once
            masked = 4 * (cached(model, length, length) + max(STEP, min(length, WHOLE)) * length * masks(model))
        rows = max(1, min(shared, room // masked))
        batches.append(order[start : start + rows])
        start += rows
    return batches


def _kept(model: Model, drafts: NDArray[np.int64], prompts: Ints, ends: Ints) -> tuple[Array, Array]:
    """How many ids of each draft stand, and the id that the model writes next where those are fewer than its end.

    All of it is computed where the model is; a GPU is waited for only every CHECK_EVERY steps.

    drafts: int64 (B, T); the others and what is returned: int64 (B,), the latter of the model's library
    """
    like = model.like
    xp, cache = ops(like), model.cache(*drafts.shape)
    n, given = drafts.shape[1] - 1, int(prompts.min())  # after the last there is nothing to ask
    step, check_every = WHOLE if n <= WHOLE else STEP, CHECK_EVERY if loops_on_gpu(model) else 1
    drafts, prompts, ends = (xp.constant(of_row, like) for of_row in (drafts, prompts, ends))
    kept, own, going = ends, ends * 0, ends > 0
    with xp.inference():
        for number, start in enumerate(range(0, n, step)):
            part = drafts[:, start : min(start + step, n)]
            end = start + part.shape[1] + 1
            begin = min(max(start + 1, given), end - 1)  # places before are given in every row
            choices = model(part, cache, last=end - begin).argmax(-1)
            places = begin + xp.arange(end - begin, like)
            asked = (places >= prompts[:, None]) & (places < ends[:, None])
            differs = asked & (choices != drafts[:, begin:end])
            first = xp.integers(differs).argmax(1)  # 0 where there is none
            stopped = going & differs.any(1)
            kept = xp.where(stopped, begin + first, kept)
            own = xp.where(stopped, xp.take_along(choices, first[:, None], 1)[:, 0], own)
            going = going & ~stopped & (ends > end)
            if (number + 1) % check_every == 0 and not going.any():
                break
    return kept, own

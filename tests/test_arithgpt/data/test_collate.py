"""Batches: their buckets and padding, and how they are made ahead of time."""

import threading
import time

import numpy as np
import pytest
import torch
from helpers.training import SMALL
from torch import Tensor

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import (
    IGNORED,
    Batch,
    collate_buckets,
    count_padding,
    pad_length,
    prefetch,
    round_up_length,
    split_evenly,
    to_int16,
)
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.run_folder import new_run
from arithgpt.training.trainer import Trainer
from tasks import make

CPU = torch.device("cpu")


def test_buckets_hold_the_same_pages_with_less_padding() -> None:
    task = make("arith")
    pages, tokenizer = task.batch(50, seed=0, split="train", rank=0, step=0), Tokenizer(task.alphabet)

    def rows(batches: list[Batch]) -> list[tuple[list[int], list[int]]]:
        kept = [(x[: int((y != IGNORED).nonzero().max()) + 1], y) for xs, ys in batches for x, y in zip(xs, ys, strict=True)]
        return sorted((x.tolist(), y[y != IGNORED].tolist()) for x, y in kept)

    whole = collate_buckets(pages, tokenizer, 1)
    cells = []
    for n in (1, 2, 5, 50, 60):
        batches = collate_buckets(pages, tokenizer, n)
        assert len(batches) <= n
        assert rows(batches) == rows(whole)
        cells.append(sum(x.numel() for x, _ in batches))
        assert cells[-1] - sum(count_padding(y) for _, y in batches) == int((pages.total - 1).sum())
    assert cells == sorted(cells, reverse=True)
    assert cells[3] == cells[4] == int((pages.total - 1).sum())
    # two buckets are cut in the best place: no other cut has less padding
    lengths = np.sort(pages.total) - 1
    assert cells[1] == min(int(k * lengths[k - 1] + (50 - k) * lengths[-1]) for k in range(1, 50))


def test_batches_come_in_order_and_errors_come_through() -> None:
    def make(step: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        if step == 9:
            raise ValueError("no ninth batch")
        return [(torch.tensor(step), torch.tensor(-step))]

    assert [int(a) for ((a, _),) in prefetch(make, range(3, 8), CPU)] == [3, 4, 5, 6, 7]
    with pytest.raises(ValueError, match="no ninth"):
        list(prefetch(make, range(7, 12), CPU))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_lengths_are_few_and_little_is_added() -> None:
    lengths = {n: round_up_length(n) for n in range(1, 2000)}
    assert all(n <= rounded and rounded % 16 == 0 for n, rounded in lengths.items())
    assert all(rounded - n < max(16, n / 8) for n, rounded in lengths.items())
    assert len(set(lengths.values())) <= 40


def test_padding_to_a_rounded_length_is_ignored() -> None:
    inputs, targets = torch.ones(2, 3, 20, dtype=torch.long)
    longer = pad_length((inputs, targets))
    assert [part.shape for part in longer] == [(3, round_up_length(20))] * 2
    assert torch.equal(longer[0][:, :20], inputs)
    assert (longer[1][:, 20:] == IGNORED).all()
    assert count_padding(longer[1]) == count_padding(targets) + longer[0].numel() - inputs.numel()


def test_batches_for_a_gpu_have_two_bytes_an_id_where_they_fit() -> None:
    inputs, targets = torch.tensor([[3, 9]]), torch.tensor([[IGNORED, 200]])
    small = to_int16((inputs, targets))
    assert all(part.dtype == torch.int16 for part in small)
    assert torch.equal(small[0].long(), inputs)
    assert torch.equal(small[1].long(), targets)
    assert to_int16((inputs + (1 << 15), targets))[0].dtype == torch.int64


def test_several_threads_make_batches_in_order() -> None:
    names: set[str] = set()

    def make(step: int) -> list[tuple[Tensor, Tensor]]:
        names.add(threading.current_thread().name)
        time.sleep(0.003 * (step % 3))
        return [(torch.tensor(step), torch.tensor(-step))]

    found = [int(a) for ((a, _),) in prefetch(make, range(5, 25), CPU, n_ahead=6, n_threads=3)]
    assert found == list(range(5, 25))
    assert len(names) == 3


def test_threads_make_the_same_pages() -> None:
    plan = Recipe.from_dict(SMALL, "test")
    trainer = Trainer(plan, new_run(None, plan), device=CPU)
    alone, together = (list(prefetch(trainer.make_batch, range(12), CPU, n_ahead=6, n_threads=n)) for n in (1, 3))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for xy, uv in zip(one, other, strict=True) for a, b in zip(xy, uv, strict=True))


def test_buckets_are_split_evenly() -> None:
    shapes = ((15, 13), (8, 21), (10, 36), (9, 47), (5, 53), (6, 71), (7, 90), (4, 120))
    buckets = [(torch.zeros(shape), torch.zeros(shape)) for shape in shapes]
    sizes = [sum(inputs.numel() for inputs, _ in group) for group in split_evenly(buckets, 2, 2000)]
    assert sum(sizes) == sum(inputs.numel() for inputs, _ in buckets)
    assert len(sizes) == 2
    assert max(sizes) < 1.1 * min(sizes)
    assert len(split_evenly(buckets, 2, 1000)) == 4
    assert [len(group) for group in split_evenly(buckets[:1], 2, 1000)] == [1]

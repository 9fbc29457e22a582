"""Batches for a training loop of one's own."""

from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader

from arithgpt import ProblemStream
from arithgpt.config.recipe import load_recipe
from arithgpt.data.collate import IGNORED, collate
from arithgpt.data.source import ProblemSource


def read(stream: ProblemStream, inputs: torch.Tensor, targets: torch.Tensor) -> list[tuple[str, str]]:
    """The prompt and the learned characters of each page."""
    alphabet = stream.task.alphabet
    rows = zip(inputs.tolist(), targets.tolist(), strict=True)
    return [
        (
            "".join(alphabet[i] for i in ids[: next(k for k, target in enumerate(aims) if target != IGNORED) + 1]),
            "".join(alphabet[i] for i in aims if i != IGNORED),
        )
        for ids, aims in rows
    ]


def test_pages_are_right_sums_and_only_the_answer_is_learned() -> None:
    stream = ProblemStream("add", "1-8", batch_size=32)
    for inputs, targets in islice(stream, 3):
        assert inputs.shape == targets.shape
        assert inputs.dtype == targets.dtype == torch.int64
        for prompt, answer in read(stream, inputs, targets):
            a, b = (int(part[::-1]) for part in prompt.rstrip("=").split("+"))
            assert answer == f"{a + b}"[::-1] + "$"


def test_the_seed_gives_the_batches_and_each_differs() -> None:
    first, again, other = (list(islice(ProblemStream("mul", seed=seed), 2)) for seed in (1, 1, 2))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    assert not torch.equal(first[0][0], first[1][0])


def test_it_serves_what_the_command_line_trains_on() -> None:
    recipe = load_recipe(task="add", options={"task.digits": "1-8"})
    stream = ProblemStream("add", "1-8", batch_size=recipe.train.batch_size, seed=recipe.seed)
    expected = collate(ProblemSource(recipe, torch.device("cpu")).pages(0), stream.tokenizer)
    assert all(torch.equal(a, b) for a, b in zip(next(iter(stream)), expected, strict=True))


def test_workers_of_a_loader_draw_problems_of_their_own() -> None:
    loader = DataLoader(ProblemStream("add", "8", batch_size=16), batch_size=None, num_workers=2)
    batches = [inputs.tolist() for inputs, _ in islice(loader, 4)]
    assert all(batches[i] != batches[j] for i in range(4) for j in range(i))


@pytest.mark.parametrize(("task", "digits", "batch_size"), [("ad", None, 8), ("add", "x", 8), ("add", None, 0)])
def test_bad_arguments_are_named(task: str, digits: str | None, batch_size: int) -> None:
    with pytest.raises(ValueError, match=r"ad: no such task|digits|batch_size = 0: must be 1 or more"):
        ProblemStream(task, digits, batch_size=batch_size)

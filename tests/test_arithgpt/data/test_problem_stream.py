"""Batches for a training loop of one's own."""

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from arithgpt import ProblemStream, UserError
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


def batches(n: int, **options: object) -> list[list[list[int]]]:
    """The inputs of the first n batches."""
    return [inputs.tolist() for inputs, _ in islice(ProblemStream("add", "1-8", batch_size=4, seed=7, **options), n)]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where there are fewer processors than workers
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_loader_reads_the_same_batches_with_any_number_of_workers(workers: int) -> None:
    loader = DataLoader(ProblemStream("add", "1-8", batch_size=4, seed=7), batch_size=None, num_workers=workers)
    assert [inputs.tolist() for inputs, _ in islice(loader, 7)] == batches(7)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where there are fewer processors than workers
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_two_processes_share_the_batches(workers: int) -> None:
    loaders = [
        DataLoader(
            ProblemStream("add", "1-8", batch_size=4, seed=7, rank=rank, world_size=2), batch_size=None, num_workers=workers
        )
        for rank in (0, 1)
    ]
    even, odd = ([inputs.tolist() for inputs, _ in islice(loader, 4)] for loader in loaders)
    assert [one for pair in zip(even, odd, strict=True) for one in pair] == batches(8)
    assert all(a != b for a in even for b in odd)


def test_the_processes_of_a_launcher_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1"), monkeypatch.setenv("WORLD_SIZE", "2")
    assert batches(2) == batches(4, rank=0, world_size=1)[1::2]


def test_a_stream_goes_on_where_a_loop_has_stopped() -> None:
    assert batches(3, start=2) == batches(5)[2:]


@pytest.mark.parametrize(("task", "right"), [("add", int.__add__), ("mul", int.__mul__)])
def test_as_text_a_problem_has_its_question_answer_and_page(task: str, right: Callable[[int, int], int]) -> None:
    stream, plain = ProblemStream(task, "1-3", batch_size=8, text=True), ProblemStream(task, "1-3", batch_size=8)
    problems = next(iter(stream))
    for problem in problems:
        a, b = map(int, re.split("[+*]", problem.question))
        assert problem.answer == str(right(a, b))
        assert problem.prompt[:-1] == re.sub("[0-9]+", lambda number: number[0][::-1], problem.question)
        written = problem.completion.rstrip("$")  # of mul the working first; its last row is the product, with zeros in front
        assert int(re.split("[^0-9]", written)[-1][::-1]) == int(problem.answer)
    assert read(plain, *next(iter(plain))) == [(problem.prompt, problem.completion) for problem in problems]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "ad"}, "task = 'ad': no such task; did you mean add"),
        ({"task": 3}, "task = 3: must be a text"),
        ({"digits": "x"}, "must be lengths such as"),
        ({"digits": 1.5}, "digits = 1.5: must be lengths"),
        ({"batch_size": 0}, "batch_size = 0: must be a whole number from 1 on"),
        ({"seed": "a"}, "seed = 'a': must be a whole number"),
        ({"rank": 0}, "rank = 0, world_size = None: give both"),
        ({"rank": 2, "world_size": 2}, "rank = 2: must be below world_size = 2"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ProblemStream(**{"task": "add"} | arguments)

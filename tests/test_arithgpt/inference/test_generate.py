"""Batched decoding: where it ends, threads, temperature, bad input."""

import numpy as np
import pytest
import torch

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference.generate import generate
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.inference.sampler import random_sampler
from arithgpt.run_folder import RunFolder
from arithgpt.runtime import limit_threads
from tasks.core.ragged import Ragged


def test_decoding_ends_at_the_stop_or_the_limit(trained: RunFolder) -> None:
    task, model = trained.recipe.problems, trained.load_model()
    tokenizer = Tokenizer(task.alphabet)
    prompts = Ragged.from_strings(["1+2=", "21+34=", "9+9=", "5+5="])
    done = generate(model, tokenizer, prompts, np.array([9, 9, 9, 1]))
    assert done.text.to_strings() == ["3", "55", "81", "0"]
    assert done.finished.tolist() == [True, True, True, False]
    alone = [generate(model, tokenizer, prompts[np.array([k])], np.array([9])).text.to_strings()[0] for k in range(3)]
    assert alone == ["3", "55", "81"]


def test_batches_side_by_side_write_the_same(trained: RunFolder) -> None:
    task, model = trained.recipe.problems, trained.load_model()
    problems = task.stream(1000, seed=0, split="train", rank=0, step=0)
    written = []
    for n in (1, 3):
        with limit_threads(n):
            solver = GPTSolver("small", model, task)
            written.append([answer.written for answer in solver.solve(task, problems)])
            assert torch.get_num_threads() == n
    assert written[0] == written[1]
    assert len(set(written[0])) > 100


def test_decoding_at_a_temperature_is_repeatable(trained: RunFolder) -> None:
    tokenizer, prompts = Tokenizer(trained.recipe.problems.alphabet), Ragged.from_strings(["1+2="] * 50)

    def draw(seed: int, temperature: float) -> list[str]:
        rng, max_new_tokens = np.random.default_rng(seed), np.full(50, 6)
        return generate(
            trained.load_model(), tokenizer, prompts, max_new_tokens, sampler=random_sampler(temperature, rng)
        ).text.to_strings()

    assert draw(0, 5.0) == draw(0, 5.0) != draw(1, 5.0)
    assert len(set(draw(0, 5.0))) > 5
    assert set(draw(0, 0.01)) == {"3"}


def test_decoding_refuses_nonsense(trained: RunFolder) -> None:
    model, tokenizer = trained.load_model(), Tokenizer(trained.recipe.problems.alphabet)
    assert len(generate(model, tokenizer, Ragged.from_strings([]), np.array([], np.int64)).text) == 0
    with pytest.raises(ValueError, match="a prompt needs"):
        generate(model, tokenizer, Ragged.from_strings(["", "1"]), np.array([3, 3]))
    with pytest.raises(ValueError, match="max_new_tokens"):
        generate(model, tokenizer, Ragged.from_strings(["1"]), np.array([0]))

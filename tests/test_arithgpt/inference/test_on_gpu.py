"""Decoding as on a GPU, with a CPU in its place: the same text, and the host rarely waits."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from helpers.models import ALPHABET, scheme_model
from torch import Tensor

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference import backend, verify_greedy
from arithgpt.inference import generate as generate_module
from arithgpt.inference.generate import Decoding, generate
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.inference.sampler import greedy
from arithgpt.inference.verify_greedy import generate_verified
from arithgpt.run_folder import RunFolder
from tasks.core.ragged import Ragged


@pytest.fixture
def pretend_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to have torch models decoded as on a GPU from then on."""

    def start() -> None:
        for module in (generate_module, verify_greedy, backend):
            monkeypatch.setattr(module, "is_on_gpu", lambda model: True)
        monkeypatch.setattr(backend, "max_bytes", lambda model: 1 << 28)

    return start


@pytest.mark.parametrize(
    ("positions", "check_every"), [("page", 1), ("page", 5), ("page", 1000), ("rope", 5), ("expression_page", 5)]
)
def test_the_loop_on_a_gpu_writes_the_same(
    positions: str, check_every: int, pretend_gpu: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64, where a choice does not hang on how a product was rounded."""
    for module in (generate_module, verify_greedy):
        monkeypatch.setattr(module, "CHECK_EVERY_ON_GPU", check_every)
    monkeypatch.setattr(verify_greedy, "WHOLE", 8)
    monkeypatch.setattr(verify_greedy, "CHUNK", 8)
    model, rng, tokenizer = scheme_model(positions).double(), np.random.default_rng(0), Tokenizer(ALPHABET)
    prompts = Ragged.from_strings(["".join(rng.choice(list(ALPHABET[:-1]), rng.integers(1, 30))) for _ in range(24)])
    max_new_tokens = rng.integers(1, 40, 24)
    expected = generate(model, tokenizer, prompts, max_new_tokens)
    pretend_gpu()
    found = generate(model, tokenizer, prompts, max_new_tokens)
    assert found.text.to_strings() == expected.text.to_strings()
    assert found.finished.tolist() == expected.finished.tolist()
    assert not expected.finished.all()
    texts = zip(prompts.to_strings(), expected.text.to_strings(), strict=True)
    guesses = Ragged.from_strings([prompt + text[: rng.integers(0, 40)] + "12" for prompt, text in texts])
    verified = generate_verified(model, tokenizer, guesses, prompts.lengths, max_new_tokens)
    assert verified.text.to_strings() == expected.text.to_strings()
    assert verified.finished.tolist() == expected.finished.tolist()


def test_the_loop_on_a_gpu_answers_like_the_plain_one(trained: RunFolder, pretend_gpu: Callable[[], None]) -> None:
    task, model = trained.recipe.problems, trained.load_model()
    problems = task.sample(np.random.default_rng(0), 300)
    expected = GPTSolver("small", model, task, verify=False).solve(task, problems)
    pretend_gpu()
    for verify in (True, False):
        assert GPTSolver("small", model, task, verify).solve(task, problems) == expected


def test_the_host_rarely_waits_for_the_gpu(pretend_gpu: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are read once every CHECK_EVERY_ON_GPU characters, twice where rows leave, and at the end."""
    reads: list[str] = []

    def counted(name: str) -> Callable[[Tensor], object]:
        reader = getattr(Tensor, name)

        def read(self: Tensor, *others: object, **keywords: object) -> object:
            reads.append(name)
            return reader(self, *others, **keywords)

        return read

    model, stop = scheme_model("page"), Tokenizer(ALPHABET).stop
    pretend_gpu()
    for name in ("__int__", "__bool__", "__float__", "__index__", "item", "tolist", "nonzero", "cpu"):
        monkeypatch.setattr(Tensor, name, counted(name))
    decoding = Decoding(model, np.ones((4, 3), np.int64), np.array([2, 3, 3, 3]), np.full(4, 64), stop, greedy)
    for _ in decoding.steps():
        pass
    assert "__int__" in reads
    assert len(reads) <= 2 * (67 // generate_module.CHECK_EVERY_ON_GPU) + 3
    assert torch.is_tensor(decoding.written)

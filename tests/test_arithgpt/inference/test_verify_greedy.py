"""Greedy verification returns what greedy decoding writes, whatever the guesses."""

import numpy as np
import pytest
from helpers.models import scheme_model
from hypothesis import given
from hypothesis import strategies as st

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference import verify_greedy
from arithgpt.inference.generate import Model, generate
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.inference.verify_greedy import generate_verified
from arithgpt.models.positions import SCHEMES
from arithgpt.run_folder import RunFolder
from arithgpt.runtime import limit_threads
from tasks import STOP
from tasks.core.ragged import Ragged

# In float64, where a choice does not hang on how a product was rounded.
MODELS = {name: scheme_model(name).double() for name in SCHEMES}
TOKENIZER = Tokenizer(MODELS["page"].alphabet)
characters = st.sampled_from(TOKENIZER.alphabet.replace(STOP, ""))


@st.composite
def guessed_pages(draw: st.DrawFn) -> tuple[str, str, int, int]:
    """A prompt, a guess at what follows, how much of what the model really writes stands before the guess, and a limit."""
    prompt = draw(st.text(characters, min_size=1, max_size=40))
    guess = draw(st.text(characters, max_size=40)) + draw(st.sampled_from(["", STOP]))
    return prompt, guess, draw(st.integers(0, 60)), draw(st.integers(1, 70))


@given(st.sampled_from(sorted(MODELS)), st.booleans(), st.lists(guessed_pages(), min_size=1, max_size=5))
def test_any_guess_leads_to_the_same_text(scheme: str, whole: bool, pages: list[tuple[str, str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_greedy, "WHOLE", 256 if whole else 8)
        patch.setattr(verify_greedy, "CHUNK", 8)
        _leads_to_the_same_text(MODELS[scheme], pages)


def _leads_to_the_same_text(model: Model, pages: list[tuple[str, str, int, int]]) -> None:
    prompts, max_new_tokens = Ragged.from_strings([prompt for prompt, *_ in pages]), np.array([limit for *_, limit in pages])
    alone = generate(model, TOKENIZER, prompts, max_new_tokens)
    guesses = [
        prompt + (text + STOP * finished if share > len(text) else text[:share] + guess)
        for (prompt, guess, share, _), text, finished in zip(
            pages, alone.text.to_strings(), alone.finished.tolist(), strict=True
        )
    ]
    verified = generate_verified(model, TOKENIZER, Ragged.from_strings(guesses), prompts.lengths, max_new_tokens)
    assert verified.text.to_strings() == alone.text.to_strings()
    assert verified.finished.tolist() == alone.finished.tolist()


def test_a_trained_model_answers_the_same_with_and_without_verification(trained: RunFolder) -> None:
    """Right and wrong, finished and not, within its lengths and beyond; on one thread and with batches side by side."""
    task, model = trained.recipe.problems, trained.load_model()
    problems = task.sample_suite(np.random.default_rng(0), 300, (2, 2), "random")
    longer = task.sample_suite(np.random.default_rng(0), 300, (9, 30), "random")
    for asked in (problems, longer):
        plain = GPTSolver("small", model, task, verify=False).solve(task, asked)
        for n in (1, 2):
            with limit_threads(n):
                assert GPTSolver("small", model, task).solve(task, asked) == plain
    assert len({answer.written for answer in plain}) > 200
    answers = [task.answer(question) for question in task.questions(longer)]
    assert sum(answer.text != truth for answer, truth in zip(plain, answers, strict=True)) > 100


def test_a_good_guess_is_read_in_a_few_steps() -> None:
    calls = []

    model = MODELS["page"]
    handle = model.register_forward_hook(lambda module, arguments, output: calls.append(output.shape))
    prompts, max_new_tokens = Ragged.from_strings(["12+34=", "77+3=", "55+7="]), np.full(3, 60)
    alone = generate(model, TOKENIZER, prompts, max_new_tokens)
    steps = len(calls)
    assert steps >= 50
    written = zip(prompts.to_strings(), alone.text.to_strings(), alone.finished.tolist(), strict=True)
    pages = [prompt + text + STOP * done for prompt, text, done in written]
    generate_verified(model, TOKENIZER, Ragged.from_strings(pages), prompts.lengths, max_new_tokens)
    handle.remove()
    assert len(calls) - steps <= 3


def test_nonsense_is_refused() -> None:
    model = MODELS["page"]
    assert len(generate_verified(model, TOKENIZER, Ragged.from_strings([]), np.array([], int), np.array([], int)).text) == 0
    for guess, prompt, limit in (("1+2=3", 0, 3), ("1+2=3", 4, 0), ("1+", 4, 3)):
        with pytest.raises(ValueError, match="starts its guess"):
            generate_verified(model, TOKENIZER, Ragged.from_strings([guess]), np.array([prompt]), np.array([limit]))

"""Decoding from drafts writes what decoding without them writes, whatever the drafts."""

import numpy as np
import pytest
from conftest import random_model
from hypothesis import given
from hypothesis import strategies as st

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference import verify_greedy as drafts
from arithgpt.inference.generate import complete
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.inference.verify_greedy import complete_drafts
from arithgpt.models.gpt import GPT
from arithgpt.models.positions import SCHEMES
from arithgpt.run import Run
from arithgpt.runtime import limit_threads
from tasks import STOP
from tasks.core.ragged import Ragged

# In float64, where a choice does not hang on how a product was rounded.
MODELS = {
    name: GPT(model.config, model.alphabet, {key: weight.astype(np.float64) for key, weight in model.weights.items()})
    for name, model in ((name, random_model(name, "numpy")) for name in SCHEMES)
}
VOCAB = Tokenizer(MODELS["page"].alphabet)
characters = st.sampled_from(VOCAB.alphabet.replace(STOP, ""))


@st.composite
def guessed_pages(draw: st.DrawFn) -> tuple[str, str, int, int]:
    """A prompt, a guess at what follows, how much of what the model really writes stands before the guess, and a budget."""
    prompt = draw(st.text(characters, min_size=1, max_size=40))
    guess = draw(st.text(characters, max_size=40)) + draw(st.sampled_from(["", STOP]))
    return prompt, guess, draw(st.integers(0, 60)), draw(st.integers(1, 70))


@given(st.sampled_from(sorted(MODELS)), st.booleans(), st.lists(guessed_pages(), min_size=1, max_size=5))
def test_any_draft_leads_to_the_same_text(scheme: str, whole: bool, pages: list[tuple[str, str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafts, "WHOLE", 256 if whole else 8)
        patch.setattr(drafts, "STEP", 8)
        _leads_to_the_same_text(MODELS[scheme], pages)


def _leads_to_the_same_text(model: GPT, pages: list[tuple[str, str, int, int]]) -> None:
    prompts, max_new_tokens = Ragged.from_strings([prompt for prompt, *_ in pages]), np.array([budget for *_, budget in pages])
    alone = complete(model, VOCAB, prompts, max_new_tokens)
    guesses = [
        prompt + (text + STOP * finished if share > len(text) else text[:share] + guess)
        for (prompt, guess, share, _), text, finished in zip(
            pages, alone.text.to_strings(), alone.finished.tolist(), strict=True
        )
    ]
    drafted = complete_drafts(model, VOCAB, Ragged.from_strings(guesses), prompts.lengths, max_new_tokens)
    assert drafted.text.to_strings() == alone.text.to_strings()
    assert drafted.finished.tolist() == alone.finished.tolist()


def test_a_trained_model_answers_the_same_with_and_without_drafts(trained: Run) -> None:
    """Right and wrong, finished and not, within its lengths and beyond; on one thread and with batches side by side."""
    task, model = trained.recipe.problems, trained.load_model()
    problems = task.sample_suite(np.random.default_rng(0), 300, (2, 2), "random")
    longer = task.sample_suite(np.random.default_rng(0), 300, (9, 30), "random")
    for asked in (problems, longer):
        plain = GPTSolver("small", model, task, drafts=False).solve(task, asked)
        for n in (1, 2):
            with limit_threads(n):
                assert GPTSolver("small", model, task).solve(task, asked) == plain
    assert len({answer.written for answer in plain}) > 200
    answers = [task.answer(question) for question in task.questions(longer)]
    assert sum(answer.text != truth for answer, truth in zip(plain, answers, strict=True)) > 100


def test_a_good_draft_is_read_in_a_few_steps() -> None:
    calls = []

    class Counting(GPT):
        def __call__(self, ids: np.ndarray, *others: object, **named: object) -> np.ndarray:
            calls.append(ids.shape)
            return super().__call__(ids, *others, **named)

    model = MODELS["page"]
    counting = Counting(model.config, model.alphabet, model.weights)
    prompts, max_new_tokens = Ragged.from_strings(["12+34=", "77+3=", "55+7="]), np.full(3, 60)
    alone = complete(counting, VOCAB, prompts, max_new_tokens)
    steps = len(calls)
    assert steps >= 50
    written = zip(prompts.to_strings(), alone.text.to_strings(), alone.finished.tolist(), strict=True)
    pages = [prompt + text + STOP * done for prompt, text, done in written]
    complete_drafts(counting, VOCAB, Ragged.from_strings(pages), prompts.lengths, max_new_tokens)
    assert len(calls) - steps <= 3


def test_nonsense_is_refused() -> None:
    model = MODELS["page"]
    assert len(complete_drafts(model, VOCAB, Ragged.from_strings([]), np.array([], int), np.array([], int)).text) == 0
    for draft, prompt, budget in (("1+2=3", 0, 3), ("1+2=3", 4, 0), ("1+", 4, 3)):
        with pytest.raises(ValueError, match="start of its draft"):
            complete_drafts(model, VOCAB, Ragged.from_strings([draft]), np.array([prompt]), np.array([budget]))

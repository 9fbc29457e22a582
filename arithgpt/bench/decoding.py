"""How many problems a second are answered and checked: sums of 10-digit numbers, by how many are asked at once.

    16 at once      arithgpt    arithgpt, no verification     textbook    transformers generate()

arithgpt is the calculator that ships; the others have its size and random weights, for being right takes no longer. All sums
have 11 digits, so that everybody writes 12 characters: the calculator because it stops there, the others because they are
told to. With drafts the calculator reads the exact page and keeps what it would have written (drafts.py); where it is wrong
that pays less, and a note tells how often it was. The textbook reads the whole page again for each character.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.bench import textbook
from arithgpt.bench.plan import Plan, Tell
from arithgpt.bench.timing import Case, Side, by_turns, rate
from arithgpt.bench.training import NO_TRANSFORMERS, gpt2, sized
from arithgpt.config.recipe import Recipe
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.run import Run, shipped_run
from arithgpt.runtime import synchronize
from tasks import Problems, Task

DIGITS = 10
PROMPT, WRITTEN = 2 * DIGITS + 2, DIGITS + 2  # 1234567890+9876543210=  and  00111111111$
ON_NUMPY = 16  # problems at once up to which it is tried too: so `calc` answers a few


def measure(plan: Plan, tell: Tell) -> Iterator[Case]:
    """Problems/s for each number of problems at once."""
    run = shipped_run()
    for n in plan.batches:
        yield _case(run, n, plan, tell)


def sums(task: Task, n: int, seed: int) -> Problems:
    """n additions of two numbers of 10 digits whose sum has 11."""
    rng = np.random.default_rng([seed, n])
    batches, missing = [], n
    while missing > 0:
        drawn = task.sample_suite(rng, 3 * missing + 8, (DIGITS, DIGITS), "random")
        long = [row for row, question in enumerate(task.questions(drawn)) if len(task.answer(question)) == DIGITS + 1]
        batches.append(drawn[np.array(long[:missing], dtype=np.int64)])
        missing -= len(batches[-1])
    return Problems.concatenate(batches)


def _case(run: Run, n: int, plan: Plan, tell: Tell) -> Case:
    device = torch.device(plan.device)
    task = run.recipe.problems.subtasks["add"]
    problems = sums(task, n, plan.seed)
    solvers = {
        "arithgpt": GPTSolver.of(run, plan.device),
        "arithgpt, no verification": GPTSolver.of(run, plan.device, verify=False),
    }
    if n <= ON_NUMPY:
        solvers["arithgpt on NumPy"] = GPTSolver.of(run, "numpy")
    first = {side: answered(solver, task, problems) for side, solver in solvers.items()}
    notes = [
        f"{side}: {right:,} of {n:,} right, {characters:,} characters, where {n * WRITTEN:,} were to be written"
        for side, (right, characters) in first.items()
        if (right, characters) != (n, n * WRITTEN)
    ]
    works = {side: partial(_asked, solver, task, problems) for side, solver in solvers.items()}
    size, alphabet = textbook_size(run.recipe), run.recipe.problems.alphabet
    without_cache = textbook.seeded(plan.seed, textbook.GPT, size).to(device)
    works["textbook"] = partial(continued, partial(textbook.generate, without_cache), task, problems, alphabet, device)
    if find_spec("transformers") is not None:
        cached = partial(_generated, textbook.seeded(plan.seed, gpt2, size).to(device))
        works["transformers generate()"] = partial(continued, cached, task, problems, alphabet, device)
    else:
        notes.append(NO_TRANSFORMERS)

    sides = {name: partial(rate, work, plan.seconds) for name, work in works.items()}
    values = by_turns(sides, plan.repeats, lambda what: tell(f"decode, {n:,} at once: {what}"))
    about = {"at once": n, "characters written": WRITTEN, "right": {side: right for side, (right, _) in first.items()}}
    measured = tuple(Side(name, tuple(values[name])) for name in sides)
    return Case("decode", f"{n:,} at once", "problems/s", measured, notes=tuple(notes), about=about)


def answered(solver: GPTSolver, task: Task, problems: Problems) -> tuple[int, int]:
    """Have problems solved and checked: how many are right, and the characters written in all, stops included."""
    answers = solver.solve(task, problems)
    questions = task.questions(problems)
    right = sum(answer.text == task.answer(question) for question, answer in zip(questions, answers, strict=True))
    return right, sum(len(answer.written) + answer.finished for answer in answers)


def textbook_size(recipe: Recipe) -> textbook.Size:
    """A textbook's GPT as large as a recipe's, with room for such a sum."""
    return sized(recipe, PROMPT + WRITTEN)


def _asked(solver: GPTSolver, task: Task, problems: Problems) -> int:
    answered(solver, task, problems)
    return len(problems)


def continued(
    write: Callable[[Tensor, int], Tensor], task: Task, problems: Problems, alphabet: str, device: torch.device
) -> int:
    """Have problems answered by what writes ids (B, n) after ids (B, T), read and check the answers; how many there were."""
    vocab = Tokenizer(alphabet)
    prompts = torch.from_numpy(vocab.encode(task.prompts(problems).values)).to(device)
    written = vocab.decode(write(prompts, WRITTEN).cpu().numpy())
    synchronize(device)
    questions, right = task.questions(problems), 0
    for question, line in zip(questions, written, strict=True):
        text = line.tobytes().decode("ascii")
        right += task.extract(text.rstrip(textbook.STOP), question) == task.answer(question)
    return len(questions)


def _generated(model: nn.Module, prompts: Tensor, n: int) -> Tensor:
    """What transformers' own generate() writes greedily with its cache: n ids after each prompt."""
    ids = model.gpt2.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=n,
        min_new_tokens=n,
        do_sample=False,
        use_cache=True,
        pad_token_id=0,
    )
    return ids[:, prompts.shape[1] :]

"""How many problems a second are answered and checked: sums of 10-digit numbers, by the number of problems at once.

    16 at once      arithgpt    arithgpt, no verification     textbook    transformers generate()

arithgpt is the calculator that ships. The others have its size and random weights, because a right answer takes no longer than
a wrong one. All sums have 11 digits, so that every side writes 12 characters: the calculator stops there, and the others are
told to. With greedy verification the calculator reads the exact page and keeps what it would have written (verify_greedy.py).
This gains less where the page is wrong, and a note says how often it was. The textbook reads the whole page again for each
character.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.bench import textbook
from arithgpt.bench.baselines import NO_TRANSFORMERS, gpt2, size_like
from arithgpt.bench.plan import OnProgress, Plan
from arithgpt.bench.timing import Case, Side, measure_in_turns, measure_rate
from arithgpt.config.recipe import Recipe
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.run_folder import RunFolder, shipped_run
from arithgpt.runtime import synchronize
from tasks import Problems, ProblemSize, Task

DIGITS = 10
PROMPT_LENGTH, ANSWER_LENGTH = 2 * DIGITS + 2, DIGITS + 2  # 1234567890+9876543210=  and  00111111111$
MAX_ON_NUMPY = 16
"""Up to this many problems at once NumPy is measured too: `calc` answers a few problems with it."""


def measure(plan: Plan, on_progress: OnProgress) -> Iterator[Case]:
    """Measure problems per second for each number of problems at once."""
    run = shipped_run()
    for n in plan.batches:
        yield _measure_case(run, n, plan, on_progress)


def draw_sums(task: Task, n: int, seed: int) -> Problems:
    """Draw n additions of two numbers of 10 digits whose sum has 11 digits."""
    rng = np.random.default_rng([seed, n])
    batches, missing = [], n
    while missing > 0:
        drawn = task.sample_suite(rng, 3 * missing + 8, ProblemSize(DIGITS, DIGITS), "random")
        long = [row for row, question in enumerate(task.questions(drawn)) if len(task.answer(question)) == DIGITS + 1]
        batches.append(drawn[np.array(long[:missing], dtype=np.int64)])
        missing -= len(batches[-1])
    return Problems.concatenate(batches)


def _measure_case(run: RunFolder, n: int, plan: Plan, on_progress: OnProgress) -> Case:
    """Measure all sides with n problems at once."""
    device = torch.device(plan.device)
    task = run.recipe.problems.subtasks["add"]
    problems = draw_sums(task, n, plan.seed)
    solvers = {
        "arithgpt": GPTSolver.of(run, plan.device),
        "arithgpt, no verification": GPTSolver.of(run, plan.device, verify=False),
    }
    if n <= MAX_ON_NUMPY:
        solvers["arithgpt on NumPy"] = GPTSolver.of(run, "numpy")
    first = {side: solve(solver, task, problems) for side, solver in solvers.items()}
    notes = [
        f"{side}: {right:,} of {n:,} right, {characters:,} characters, where {n * ANSWER_LENGTH:,} were to be written"
        for side, (right, characters) in first.items()
        if (right, characters) != (n, n * ANSWER_LENGTH)
    ]
    works = {side: partial(_count_solved, solver, task, problems) for side, solver in solvers.items()}
    size, alphabet = textbook_size(run.recipe), run.recipe.problems.alphabet
    without_cache = textbook.seeded(plan.seed, textbook.GPT, size).to(device)
    works["textbook"] = partial(continue_prompts, partial(textbook.generate, without_cache), task, problems, alphabet, device)
    if find_spec("transformers") is not None:
        cached = partial(generate_gpt2, textbook.seeded(plan.seed, gpt2, size).to(device))
        works["transformers generate()"] = partial(continue_prompts, cached, task, problems, alphabet, device)
    else:
        notes.append(NO_TRANSFORMERS)

    sides = {name: partial(measure_rate, work, plan.seconds) for name, work in works.items()}
    values = measure_in_turns(sides, plan.repeats, lambda what: on_progress(f"decode, {n:,} at once: {what}"))
    about = {"at once": n, "characters written": ANSWER_LENGTH, "right": {side: right for side, (right, _) in first.items()}}
    measured = tuple(Side(name, tuple(values[name])) for name in sides)
    return Case("decode", f"{n:,} at once", "problems/s", measured, notes=tuple(notes), about=about)


def solve(solver: GPTSolver, task: Task, problems: Problems) -> tuple[int, int]:
    """Solve problems and check the answers.

    Returns:
        How many are right, and the characters that were written for all, stops included.
    """
    answers = solver.solve(task, problems)
    questions = task.questions(problems)
    right = sum(answer.text == task.answer(question) for question, answer in zip(questions, answers, strict=True))
    return right, sum(len(answer.written) + answer.finished for answer in answers)


def textbook_size(recipe: Recipe) -> textbook.Size:
    """Size the textbook's GPT like a recipe's, with room for a sum of 10-digit numbers."""
    return size_like(recipe, PROMPT_LENGTH + ANSWER_LENGTH)


def _count_solved(solver: GPTSolver, task: Task, problems: Problems) -> int:
    """Solve problems; returns how many they are."""
    solve(solver, task, problems)
    return len(problems)


def continue_prompts(
    generate: Callable[[Tensor, int], Tensor], task: Task, problems: Problems, alphabet: str, device: torch.device
) -> int:
    """Answer problems with any generating function, and check the answers.

    Args:
        generate: ids (B, T), n -> the n ids (B, n) that follow
        task: the task of the problems
        problems: what is asked
        alphabet: the characters of the ids
        device: where the ids have to be

    Returns:
        How many problems there are.
    """
    tokenizer = Tokenizer(alphabet)
    prompts = torch.from_numpy(tokenizer.encode(task.prompts(problems).values)).to(device)
    written = tokenizer.decode(generate(prompts, ANSWER_LENGTH).cpu().numpy())
    synchronize(device)
    questions, right = task.questions(problems), 0
    for question, line in zip(questions, written, strict=True):
        text = line.tobytes().decode("ascii")
        right += task.extract(text.rstrip(textbook.STOP), question) == task.answer(question)
    return len(questions)


def generate_gpt2(model: nn.Module, prompts: Tensor, n: int) -> Tensor:
    """Generate greedily with transformers' own generate() and its cache; returns n ids after each prompt."""
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

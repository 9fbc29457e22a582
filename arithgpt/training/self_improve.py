"""Self-improvement: a run learns longer problems from its own answers, in rounds. Each round is a run: RUN-r1, RUN-r2, ...

    round 1     RUN answers problems one digit longer than those of training, and some answers are kept
                RUN-r1 starts from the weights of RUN; it learns the problems of training and the pages that were kept
    round 2     RUN-r1 answers problems one digit longer again; RUN-r2 learns what was kept in both rounds

A filter says which answers are kept. `check` keeps right answers, and only this filter looks at what is right. `vote` keeps
answers that the model gives again when it is asked in another way. `length` keeps those at most one character shorter than the
longest. `none` keeps every answer that can be read.

Source: arXiv 2502.01612, which filters by length and by a vote of several models.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from arithgpt.config.recipe import Recipe
from arithgpt.config.schema import InitConfig
from arithgpt.data.pseudo_labels import format_pages
from arithgpt.errors import UserError
from arithgpt.inference.generate import generate
from arithgpt.inference.gpt_solver import GPTSolver, Prompted
from arithgpt.inference.sampler import random_sampler
from arithgpt.models.language_model import LanguageModel
from arithgpt.run_folder import NAME, RunFolder, new_run, runs_folder
from arithgpt.training.checkpoint import write_atomic
from arithgpt.training.init_weights import weights_hash
from arithgpt.training.trainer import Trainer
from eval.solver import Answer
from tasks import Problems, ProblemSize, Task
from tasks.core.sampling import unseen
from tasks.task import MAX_IDLE_DRAWS

Filter = Literal["check", "vote", "length", "none"]
FILTERS: tuple[Filter, ...] = get_args(Filter)
ROUND_FILE, PAGES_FILE = "improve.json", "pages.jsonl"
RANDOM_STREAM = 6
"""Second part of the seed, after the user's: no other random numbers of a run use it (data/finite_set.py lists the others)."""
N_VOTES = 3
"""Answers that are sampled for a vote, in addition to the greedy one."""


@dataclass(frozen=True)
class ImproveSettings:
    """What decides, with the first run, what every round learns."""

    digits_step: int = 1
    """Digits by which problems grow each round."""
    samples: int = 1000
    """Problems of each new length."""
    keep: Filter = "check"
    steps: int = 200
    """Training steps of each round."""
    share: float = 0.5
    """Fraction of each batch that the model wrote itself."""
    seed: int = 0


@dataclass(frozen=True)
class RoundResult:
    """What happened in one round."""

    name: str
    """Name of its run."""
    digits: int
    """Digits of both operands of the longest problems."""
    asked: int
    right: int
    """Right answers; only the filter `check` uses them."""
    kept: int
    kept_right: int
    status: str = "unfinished"
    """How its training ended: Progress.status."""


def self_improve(
    run: RunFolder,
    settings: ImproveSettings,
    rounds: int,
    device: torch.device,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[RoundResult]:
    """Yield each round as it ends. A round that is done is not done again, and one that was started goes on.

    Ctrl-C ends the training of a round with a checkpoint, and all rounds with it.

    Args:
        run: the run to start from
        settings: see there
        rounds: number of rounds
        device: where to compute
        should_stop: asked after every training step; training stops with a checkpoint where it returns True

    Raises:
        UserError: the task has no longer problems, the run of a round has other settings, or no answer passed the filter.
    """
    task = run.recipe.problems
    if len(task.subtasks) > 1 or task.size_span.high == 0:
        raise UserError(f"run {run.name}: improve is for one task whose problems have lengths, not for {task.name}")
    if not NAME.fullmatch(f"{run.name}-r{rounds}"):
        raise UserError(f"run {run.name}: a round cannot be called {run.name}-r{rounds}; the name is too long")
    origin = {"initial_weights": _weights_hash(run), "settings": dataclasses.asdict(settings)}
    previous = run
    for number in range(1, rounds + 1):
        current = RunFolder(runs_folder() / f"{run.name}-r{number}")
        if current.path.exists():
            current.discard()  # a crash may have left a folder with nothing but a recipe
        if current.path.exists():
            result = _read_result(current, origin)
        else:
            current, result = _start_round(run.recipe, previous, current.name, number, settings, origin, str(device))
        if current.info.get("step", 0) < settings.steps:
            is_started = (current.path / "resume.safetensors").exists()
            Trainer(current.recipe, current, device=device, should_stop=should_stop).fit(resume=is_started)
        current = RunFolder(current.path)  # read again what training wrote
        status = current.info["status"]
        yield dataclasses.replace(result, status=status)
        if status == "interrupted":
            return
        previous = current


def keep_answers(
    solver: GPTSolver,
    problems: Problems,
    answers: list[Answer],
    is_right: list[bool],
    keep: Filter,
    rng: np.random.Generator,
) -> list[int]:
    """Choose the answers that pass a filter.

    Args:
        solver: the model that answered
        problems: what it was asked
        answers: one for each problem
        is_right: whether each answer is right
        keep: the filter
        rng: draws the samples of a vote

    Returns:
        Indices of the answers that are kept, in order.
    """
    rows = [row for row, answer in enumerate(answers) if answer.text is not None]
    if keep == "check":
        return [row for row in rows if is_right[row]]
    if keep == "length":
        longest = max((len(answers[row].written) for row in rows), default=0)
        return [row for row in rows if len(answers[row].written) >= longest - 1]
    if keep == "vote":
        votes = _answer_in_another_way(solver, problems, rng)
        return [row for row in rows if all(answers[row].text == vote[row] for vote in votes)]
    return rows


def _weights_hash(run: RunFolder) -> str:
    """Hash the weights of a run."""
    model = run.load_model("cpu")
    assert isinstance(model, LanguageModel)
    return weights_hash(model.state_dict())


def _read_result(run: RunFolder, origin: dict[str, Any]) -> RoundResult:
    """Read what an earlier command found in a round; raises UserError where that had another origin."""
    advice = "take it away, or give the first run another name"
    try:
        notes = json.loads((run.path / ROUND_FILE).read_text("utf-8"))
        result = RoundResult(**notes["result"])
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{run.path}: is there already and no round of this; {advice}") from None
    if {name: notes.get(name) for name in origin} != origin:
        raise UserError(f"{run.path}: is a round of other weights or with other options; {advice}")
    return result


def _start_round(
    base: Recipe,
    previous: RunFolder,
    name: str,
    number: int,
    settings: ImproveSettings,
    origin: dict[str, Any],
    device: str,
) -> tuple[RunFolder, RoundResult]:
    """Ask the previous run, keep the answers that pass the filter, and make the folder of the next run."""
    longest = base.problems.size_span.high + number * settings.digits_step
    solver = GPTSolver.of(previous, device, verify=False)
    rng = np.random.default_rng([settings.seed, RANDOM_STREAM, number])
    pages: list[tuple[str, str]] = []
    asked = right = kept_right = 0
    for digits in range(longest - settings.digits_step + 1, longest + 1):
        problems = _draw_problems(base.problems, rng, settings.samples, ProblemSize(digits, digits))
        answers, is_right = _ask(solver, base.problems, problems)
        kept = keep_answers(solver, problems, answers, is_right, settings.keep, rng)
        prompts = base.problems.prompts(problems).to_strings()
        pages += [(prompts[row], answers[row].written) for row in kept]
        asked, right = asked + len(is_right), right + sum(is_right)
        kept_right += sum(is_right[row] for row in kept)
    if not pages:
        reason = f"none of {asked} answers at {longest} digits passed {settings.keep}"
        raise UserError(f"{name}: {reason}; there is nothing to learn from")
    earlier = (previous.path / PAGES_FILE).read_bytes() if number > 1 else b""
    content = earlier + format_pages(pages)
    run = new_run(name, _round_recipe(base, previous, name, settings, content))
    result = RoundResult(name, longest, asked, right, len(pages), kept_right)
    write_atomic(run.path / PAGES_FILE, content)
    write_atomic(run.path / ROUND_FILE, json.dumps(origin | {"result": dataclasses.asdict(result)}, indent=2) + "\n")
    return run, result


def _round_recipe(base: Recipe, previous: RunFolder, name: str, settings: ImproveSettings, pages: bytes) -> Recipe:
    """Make the recipe of a round: the first run's, from the previous run's weights and with the pages that were kept."""
    init = InitConfig(run=previous.name, weights=_weights_hash(previous))
    train = base.train.model_copy(update={"max_steps": settings.steps, "stop_early": False})
    file, digest = runs_folder() / name / PAGES_FILE, hashlib.sha256(pages).hexdigest()
    data = base.data.model_copy(update={"pages": str(file), "pages_share": settings.share, "pages_sha256": digest})
    return base.replace(init=init, train=train, data=data)


def _draw_problems(task: Task, rng: np.random.Generator, n: int, size: ProblemSize) -> Problems:
    """Draw n different problems of a size, none of which is held out; fewer where there are fewer."""
    known: set[str] = set()
    batches: list[Problems] = []
    idle = 0
    while len(known) < n and idle < MAX_IDLE_DRAWS:
        try:
            problems = task.sample_suite(rng, n, size, "random")
        except ValueError as error:
            raise UserError(f"{task.name} at {size.left} digits: {error}") from None
        problems = problems[~task.held_out(problems)]
        rows = unseen(task.questions(problems), known, n)
        batches += [problems[np.array(rows)]] if rows else []
        idle = 0 if rows else idle + 1
    return Problems.concatenate(batches)


def _ask(solver: GPTSolver, task: Task, problems: Problems) -> tuple[list[Answer], list[bool]]:
    """Answer problems; returns the answers, and whether each is right."""
    answers = solver.solve(task, problems)
    expected = map(task.answer, task.questions(problems))
    return answers, [answer.text == truth for answer, truth in zip(answers, expected, strict=True)]


def _answer_in_another_way(solver: GPTSolver, problems: Problems, rng: np.random.Generator) -> list[list[str | None]]:
    """Answer problems again: with swapped operands where they commute, otherwise N_VOTES times by sampling."""
    task = solver.task
    if task.operator in ("+", "*"):
        return [[answer.text for answer in solver.solve(task, Problems(problems.fields[::-1]))]]
    questions = task.questions(problems)
    group = Prompted(task, questions, solver.model.max_length, problems)
    fits = np.flatnonzero(group.max_new_tokens >= 1)
    prompts, limits = group.prompts[fits], group.max_new_tokens[fits]
    votes: list[list[str | None]] = []
    for _ in range(N_VOTES):
        done = generate(solver.model, solver.tokenizer, prompts, limits, sampler=random_sampler(1.0, rng))
        vote: list[str | None] = [None] * len(problems)
        for row, text, finished in zip(fits.tolist(), done.text.to_strings(), done.finished.tolist(), strict=True):
            vote[row] = task.extract(text, questions[row]) if finished else None
        votes.append(vote)
    return votes

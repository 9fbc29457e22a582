"""A run that learns longer problems from its own answers, round by round, each round a run of its own: RUN-r1, RUN-r2, ...

    round 1     problems one digit longer than those of training -> answers of RUN -> some are kept
                RUN-r1 begins with the weights of RUN and learns the problems of training and the pages that were kept
    round 2     problems one digit longer again -> answers of RUN-r1 -> RUN-r2, on what was kept in both rounds

Which are kept: `check`, those whose answer is right; `vote`, those that the model answers alike when it is asked another way;
`length`, those at most one character shorter than the longest; `none`, all that can be read. Only `check` looks at what is
right: with the others a model improves with nobody to tell it (arXiv 2502.01612, by length and by a vote of several models).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from arithgpt.config.recipe import Recipe
from arithgpt.config.schema import InitConfig
from arithgpt.data.pseudo_labels import as_lines
from arithgpt.errors import UserError
from arithgpt.inference.generate import generate
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.inference.sampler import random_sampler
from arithgpt.run import NAME, Run, new_run, runs_folder
from arithgpt.training.checkpoint import write_atomic
from arithgpt.training.init_weights import weights_hash
from eval.solver import Answer
from tasks import Problems, ProblemSize, Task
from tasks.core.sampling import unseen
from tasks.task import MAX_IDLE_DRAWS

if TYPE_CHECKING:
    import torch

Filter = Literal["check", "vote", "length", "none"]
FILTERS: tuple[Filter, ...] = get_args(Filter)
FILE, PAGES = "improve.json", "pages.jsonl"
OWN = 6  # the stream of the problems and the votes of a round; training_set.py says which others are taken
BALLOTS = 3  # answers sampled for a vote, beside the greedy one


@dataclass(frozen=True)
class Round:
    """What happened in a round."""

    name: str
    """Of its run."""
    digits: int
    """Of both operands, the most that were asked."""
    asked: int
    right: int
    """Of those asked; nothing but `check` knows it."""
    kept: int
    kept_right: int
    status: str = "unfinished"
    """Of its run (train.Progress.status)."""


@dataclass(frozen=True)
class Rounds:
    """How rounds go. What is learned follows from these and the run alone."""

    digits_step: int = 1
    samples: int = 1000
    """Problems of each length."""
    keep: Filter = "check"
    steps: int = 200
    share: float = 0.5
    """Of a step's pages, those the model wrote itself."""
    seed: int = 0


def improve(
    run: Run, how: Rounds, rounds: int, device: torch.device, asked_to_stop: Callable[[], bool] = lambda: False
) -> Iterator[Round]:
    """Each round as it ends; one that is done is not done again, one that was begun goes on.

    Ctrl-C ends the round's run with a checkpoint, and the rounds. UserError where the run has no longer problems, a round's
    run is there with other settings, or nothing passed the filter.
    asked_to_stop: as of train.train
    """
    from arithgpt.training.trainer import Trainer

    task = run.recipe.problems
    if len(task.subtasks) > 1 or task.size_span[1] == 0:
        raise UserError(f"run {run.name}: improve is for one task whose problems have lengths, not for {task.name}")
    if not NAME.fullmatch(f"{run.name}-r{rounds}"):
        raise UserError(f"run {run.name}: a round cannot be called {run.name}-r{rounds}; the name is too long")
    of, before = weights_hash(run.load_model("cpu").state_dict()), run
    said = {"of": of, "how": dataclasses.asdict(how)}
    for number in range(1, rounds + 1):
        own = Run(runs_folder() / f"{run.name}-r{number}")
        if own.path.exists():
            own.discard()  # where a crash came before anything but its recipe was there
        if not own.path.exists():
            own, found = _begin(run.recipe, before, own.name, number, how, said, str(device))
        else:
            found = _known(own, said)
        if own.info.get("step", 0) < how.steps:
            begun = (own.path / "resume.safetensors").exists()
            Trainer(own.recipe, own, device=device, should_stop=asked_to_stop).fit(resume=begun)
        own = Run(own.path)
        status = own.info["status"]
        yield dataclasses.replace(found, status=status)
        if status == "interrupted":
            return
        before = own


def _known(own: Run, said: dict[str, Any]) -> Round:
    """What a round that was begun before has found. UserError where it was begun otherwise."""
    advice = "take it away, or give the first run another name"
    try:
        notes = json.loads((own.path / FILE).read_text("utf-8"))
        found = Round(**notes["found"])
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{own.path}: is there already and no round of this; {advice}") from None
    if {name: notes.get(name) for name in said} != said:
        raise UserError(f"{own.path}: is a round of other weights or with other options; {advice}")
    return found


def _begin(
    base: Recipe, before: Run, name: str, number: int, how: Rounds, said: dict[str, Any], device: str
) -> tuple[Run, Round]:
    """Ask the run before, keep what passes, and make the folder of the next."""
    task, most = base.problems, base.problems.size_span[1] + number * how.digits_step
    solver, rng = GPTSolver.of(before, device, verify=False), np.random.default_rng([how.seed, OWN, number])
    pages, asked, right, kept_right = [], 0, 0, 0
    for digits in range(most - how.digits_step + 1, most + 1):
        problems = _drawn(task, rng, how.samples, (digits, digits))
        prompts, answers = task.prompts(problems).to_strings(), solver.solve(task, problems)
        truths = map(task.answer, task.questions(problems))
        is_right = [answer.text == truth for answer, truth in zip(answers, truths, strict=True)]
        kept = _kept(solver, problems, answers, is_right, how.keep, rng)
        pages += [(prompts[row], answers[row].written) for row in kept]
        asked, right, kept_right = asked + len(is_right), right + sum(is_right), kept_right + sum(is_right[row] for row in kept)
    if not pages:
        raise UserError(f"{name}: none of {asked} answers at {most} digits passed {how.keep}; there is nothing to learn from")
    lines = (before.path / PAGES).read_bytes() if number > 1 else b""  # what earlier rounds kept
    lines += as_lines(pages)
    init = InitConfig(run=before.name, weights=weights_hash(before.load_model("cpu").state_dict()))
    train_config = base.train.model_copy(update={"max_steps": how.steps, "stop_early": False})
    file, digest = runs_folder() / name / PAGES, hashlib.sha256(lines).hexdigest()
    data = base.data.model_copy(update={"pages": str(file), "pages_share": how.share, "pages_sha256": digest})
    plan = base.replace(init=init, train=train_config, data=data)
    own, found = new_run(name, plan), Round(name, most, asked, right, len(pages), kept_right)
    write_atomic(own.path / PAGES, lines)
    write_atomic(own.path / FILE, json.dumps(said | {"found": dataclasses.asdict(found)}, indent=2) + "\n")
    return own, found


def _drawn(task: Task, rng: np.random.Generator, n: int, cell: ProblemSize) -> Problems:
    """n different problems of a length, none of them ever held out; fewer where there are fewer."""
    known: set[str] = set()
    batches, idle = [], 0
    while len(known) < n and idle < MAX_IDLE_DRAWS:
        try:
            problems = task.sample_suite(rng, n, cell, "random")
        except ValueError as error:
            raise UserError(f"{task.name} at {cell[0]} digits: {error}") from None
        problems = problems[~task.held_out(problems)]
        rows = unseen(task.questions(problems), known, n)
        batches += [problems[np.array(rows)]] if rows else []
        idle = 0 if rows else idle + 1
    return Problems.concatenate(batches)


def _kept(
    solver: GPTSolver, problems: Problems, answers: list[Answer], is_right: list[bool], keep: Filter, rng: np.random.Generator
) -> list[int]:
    """The rows whose answers pass."""
    rows = [row for row, answer in enumerate(answers) if answer.text is not None]
    if keep == "check":
        return [row for row in rows if is_right[row]]
    if keep == "length":
        longest = max((len(answers[row].written) for row in rows), default=0)
        return [row for row in rows if len(answers[row].written) >= longest - 1]
    if keep == "vote":
        others = _asked_another_way(solver, problems, rng)
        return [row for row in rows if all(answers[row].text == other[row] for other in others)]
    return rows


def _asked_another_way(solver: GPTSolver, problems: Problems, rng: np.random.Generator) -> list[list[str | None]]:
    """Other answers to the same problems: with the operands swapped where that changes nothing, else sampled."""
    task = solver.task
    if task.operator in ("+", "*"):
        return [[answer.text for answer in solver.solve(task, Problems(problems.fields[::-1]))]]
    questions, votes = task.questions(problems), []
    prompts, max_new_tokens = task.prompts(problems), solver.max_new_tokens(task, problems)
    fits = np.flatnonzero(max_new_tokens >= 1)
    for _ in range(BALLOTS):
        done = generate(solver.model, solver.tokenizer, prompts[fits], max_new_tokens[fits], sampler=random_sampler(1.0, rng))
        votes.append([None] * len(problems))
        for row, text, finished in zip(fits.tolist(), done.text.to_strings(), done.finished.tolist(), strict=True):
            votes[-1][row] = task.extract(text, questions[row]) if finished else None
    return votes

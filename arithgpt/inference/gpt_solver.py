"""A trained model as a solver: problems -> prompts -> decoding -> answers."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.backend import Model
from arithgpt.inference.generate import Completions, generate, stream
from arithgpt.inference.verify_greedy import generate_verified
from arithgpt.run_folder import RunFolder
from eval.solver import Answer
from tasks import Pages, Problems, Task
from tasks.core.ragged import Ints, Ragged, stack


class Prompted:
    """Problems of one task as they are put to a model.

    Args:
        task: what they are problems of
        questions: n plain questions
        room: the most characters of a page; None for no limit
        problems: the same as problems; None where they are still to be made
    """

    def __init__(self, task: Task, questions: Sequence[str], room: int | None = None, problems: Problems | None = None) -> None:
        self.task, self.questions = task, questions
        self.problems = problems = problems if problems is not None else task.problems(questions)
        self.max_new_tokens: Ints = task.max_new_tokens(problems)
        """int64 (n,): the most characters of each completion; it may be below 1 where the model has no room."""
        if room is not None:
            self.max_new_tokens = np.minimum(self.max_new_tokens, room - self.prompts.lengths)

    def __getitem__(self, rows: Ints) -> Prompted:
        """The chosen rows."""
        chosen = copy.copy(self)
        chosen.problems, chosen.questions = self.problems[rows], [self.questions[row] for row in rows]
        chosen.max_new_tokens = self.max_new_tokens[rows]
        chosen.__dict__.pop("pages", None), chosen.__dict__.pop("prompts", None)
        return chosen

    @cached_property
    def pages(self) -> Pages:
        """The exact pages."""
        return self.task.pages(self.problems)

    @cached_property
    def prompts(self) -> Ragged:
        """What the model is given, as rows of ASCII."""
        if "pages" in self.__dict__:
            return Ragged(self.pages.chars, self.pages.total).between(0, self.pages.prompt)
        return self.task.prompts(self.problems)


@dataclass(frozen=True)
class GPTSolver:
    """A model and the task it was trained on. Decoding is greedy and free-running: nothing is corrected on the way."""

    name: str
    model: Model
    task: Task
    verify: bool = True
    """Whether the exact pages are verified greedily (verify_greedy.py): the same text, sooner."""

    @staticmethod
    def of(run: RunFolder, device: str = "cpu", verify: bool = True) -> GPTSolver:
        """Load the model of a run.

        Raises:
            UserError: its weights cannot be used
        """
        return GPTSolver(run.name, run.load_model(device), run.recipe.problems, verify)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model's alphabet."""
        return Tokenizer(self.model.alphabet)

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answer problems in order; an answer that the positions have no room for is cut off.

        Raises:
            UserError: the model was trained on another task
        """
        if task.name not in self.task.subtasks and task.name != self.task.name:
            raise UserError(f"run {self.name} was trained on task {self.task.name}: it cannot be asked {task.name}")
        return self.answer([Prompted(task, task.questions(problems), self.model.max_length, problems)])[0]

    def answer(self, groups: Sequence[Prompted]) -> list[list[Answer]]:
        """Answer the problems of several tasks, decoded together: a list of answers for each group, in order."""
        fitting = [np.flatnonzero(group.max_new_tokens >= 1) for group in groups]
        asked = [
            group if len(rows) == len(group.questions) else group[rows] for group, rows in zip(groups, fitting, strict=True)
        ]
        completions = self._complete(asked)
        texts, finished = iter(completions.text.to_strings()), iter(completions.finished.tolist())
        answers = []
        for group, rows in zip(groups, fitting, strict=True):
            own = [Answer(None, finished=False)] * len(group.questions)
            for row in rows.tolist():
                text, ended = next(texts), next(finished)
                own[row] = Answer(group.task.extract(text, group.questions[row]) if ended else None, text, ended)
            answers.append(own)
        return answers

    def _complete(self, groups: Sequence[Prompted]) -> Completions:
        """Decode all groups together."""
        limits = np.concatenate([group.max_new_tokens for group in groups])
        if not self.verify:
            return generate(self.model, self.tokenizer, stack([group.prompts for group in groups]), limits)
        pages = [group.pages for group in groups]
        guesses = stack([Ragged(page.chars, page.total) for page in pages])
        prompts = np.concatenate([page.prompt for page in pages])
        return generate_verified(self.model, self.tokenizer, guesses, prompts, limits)

    def stream(self, group: Prompted) -> Iterator[str]:
        """Yield what `answer` gets written for a group of one question, as it comes, and the stop if it is reached."""
        [prompt], [limit] = group.prompts.to_strings(), group.max_new_tokens.tolist()
        yield from stream(self.model, self.tokenizer, prompt, limit) if limit >= 1 else ()

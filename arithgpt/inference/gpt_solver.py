"""A trained model as a solver: problems -> prompts -> decoding -> answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.generate import Model, generate, stream
from arithgpt.inference.verify_greedy import generate_verified
from arithgpt.run import Run
from eval.solver import Answer
from tasks import Problems, Task
from tasks.core.ragged import Ints, Ragged


@dataclass(frozen=True)
class GPTSolver:
    """A model and the task it was trained on. Decoding is greedy and free-running: nothing is corrected on the way."""

    name: str
    model: Model
    task: Task
    verify: bool = True
    """Whether the exact pages are verified greedily (verify_greedy.py): the same text, sooner."""

    @staticmethod
    def of(run: Run, device: str = "cpu", verify: bool = True) -> GPTSolver:
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
        limits = self.max_new_tokens(task, problems)
        fits = np.flatnonzero(limits >= 1)
        asked, questions = problems[fits], task.questions(problems)
        if self.verify:
            pages = task.pages(asked)
            guesses = Ragged(pages.chars, pages.total)
            completions = generate_verified(self.model, self.tokenizer, guesses, pages.prompt, limits[fits])
        else:
            completions = generate(self.model, self.tokenizer, task.prompts(asked), limits[fits])
        answers = [Answer(None, finished=False)] * len(problems)
        texts = completions.text.to_strings()
        for row, text, finished in zip(fits.tolist(), texts, completions.finished.tolist(), strict=True):
            answers[row] = Answer(task.extract(text, questions[row]) if finished else None, text, finished)
        return answers

    def stream(self, question: str) -> Iterator[str]:
        """Yield what `solve` gets written for one plain question, as it comes, and the stop if it is reached."""
        problems = self.task.problems([question])
        [prompt], [limit] = self.task.prompts(problems).to_strings(), self.max_new_tokens(self.task, problems).tolist()
        yield from stream(self.model, self.tokenizer, prompt, limit) if limit >= 1 else ()

    def max_new_tokens(self, task: Task, problems: Problems) -> Ints:
        """Return the most characters of each completion, int64 (n,), as far as positions have room; it may be below 1."""
        limits = task.max_new_tokens(problems)
        if self.model.max_length is None:
            return limits
        return np.minimum(limits, self.model.max_length - task.prompts(problems).lengths)

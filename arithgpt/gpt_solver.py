"""A trained GPT as a solver: problems -> prompts -> decoding -> answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arithgpt.decode import complete
from arithgpt.errors import UserError
from arithgpt.model import GPT
from arithgpt.run import Run
from arithgpt.vocab import Vocab
from eval.solver import Answer
from tasks import Problems, Task


@dataclass(frozen=True)
class GPTSolver:
    """A model and the task it was trained on. Decoding is greedy and free-running: nothing is corrected on the way."""

    name: str
    model: GPT
    task: Task

    @staticmethod
    def of(run: Run, device: str = "cpu") -> GPTSolver:
        """The model of a run. UserError where its weights cannot be used."""
        return GPTSolver(run.name, run.load_model(device), run.recipe.problems)

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answers in order; one that learned positions have no room for is cut off. UserError for a task it did not learn."""
        if task.name not in self.task.parts and task.name != self.task.name:
            raise UserError(f"run {self.name} was trained on task {self.task.name}: it cannot be asked {task.name}")
        prompts, budgets = task.prompts(problems), task.budgets(problems)
        config = self.model.config
        if config.positions == "learned":
            budgets = np.minimum(budgets, config.block_size - prompts.lengths)
        fits = np.flatnonzero(budgets >= 1)
        completions = complete(self.model, Vocab(self.model.alphabet), prompts[fits], budgets[fits])
        answers = [Answer(None, finished=False)] * len(problems)
        questions = task.questions(problems)
        for row, written, finished in zip(
            fits.tolist(), completions.text.to_strings(), completions.finished.tolist(), strict=True
        ):
            answers[row] = Answer(task.read(written, questions[row]) if finished else None, written, finished)
        return answers

"""A trained GPT as a solver: problems -> prompts -> decoding -> answers."""

from __future__ import annotations

from dataclasses import dataclass

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
        """Answers in order. UserError for a task of another alphabet, or pages longer than learned positions reach."""
        if task.name != self.task.name or task.alphabet != self.task.alphabet:
            raise UserError(f"run {self.name} was trained on task {self.task.name}: it cannot be asked {task.name}")
        prompts, budgets = task.prompts(problems), task.budgets(problems)
        config = self.model.config
        longest = int((prompts.lengths + budgets).max(initial=0))
        if config.positions == "learned" and longest > config.block_size:
            raise UserError(
                f"run {self.name}: pages of {longest} characters, but block_size = {config.block_size} ends its positions"
            )
        completions = complete(self.model, Vocab(task.alphabet), prompts, budgets)
        answers, questions = [], task.questions(problems)
        for written, finished, question in zip(completions.text.to_strings(), completions.finished, questions, strict=True):
            answers.append(Answer(task.read(written, question) if finished else None, written, bool(finished)))
        return answers

"""A trained GPT as a solver: problems -> prompts -> decoding -> answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from arithgpt.data.tokenizer import Vocab
from arithgpt.errors import UserError
from arithgpt.inference.generate import complete, stream
from arithgpt.inference.verify_greedy import complete_drafts
from arithgpt.models.architectures import Model
from arithgpt.run import Run
from eval.solver import Answer
from tasks import Problems, Task
from tasks.core.ragged import Ints, Ragged


@dataclass(frozen=True)
class GPTSolver:
    """A model and the task it was trained on. Decoding is greedy and free-running: nothing is corrected on the way.

    drafts: whether the exact pages are read as drafts (drafts.py); it writes the same without, and slower
    """

    name: str
    model: Model
    task: Task
    drafts: bool = True

    @staticmethod
    def of(run: Run, device: str = "cpu", drafts: bool = True) -> GPTSolver:
        """The model of a run. UserError where its weights cannot be used."""
        return GPTSolver(run.name, run.load_model(device), run.recipe.problems, drafts)

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answers in order; one that its positions have no room for is cut off. UserError for a task it did not learn."""
        if task.name not in self.task.subtasks and task.name != self.task.name:
            raise UserError(f"run {self.name} was trained on task {self.task.name}: it cannot be asked {task.name}")
        prompts, max_new_tokens = task.prompts(problems), self.max_new_tokens(task, problems)
        fits = np.flatnonzero(max_new_tokens >= 1)
        vocab = Vocab(self.model.alphabet)
        if self.drafts:
            pages = task.pages(problems[fits])
            drafts = Ragged(pages.chars, pages.total)
            completions = complete_drafts(self.model, vocab, drafts, pages.prompt, max_new_tokens[fits])
        else:
            completions = complete(self.model, vocab, prompts[fits], max_new_tokens[fits])
        answers = [Answer(None, finished=False)] * len(problems)
        questions = task.questions(problems)
        for row, written, finished in zip(
            fits.tolist(), completions.text.to_strings(), completions.finished.tolist(), strict=True
        ):
            answers[row] = Answer(task.extract(written, questions[row]) if finished else None, written, finished)
        return answers

    def stream(self, question: str) -> Iterator[str]:
        """What `solve` gets written for one plain question, as it comes, and then "$" if it was finished."""
        problems = self.task.problems([question])
        prompt, budget = self.task.prompts(problems).to_strings()[0], int(self.max_new_tokens(self.task, problems)[0])
        yield from stream(self.model, Vocab(self.model.alphabet), prompt, budget) if budget >= 1 else ()

    def max_new_tokens(self, task: Task, problems: Problems) -> Ints:
        """The characters each completion is allowed, as far as positions have room for them; may be below 1."""
        max_new_tokens, config = task.max_new_tokens(problems), self.model.config
        if not self.model.scheme.limited:
            return max_new_tokens
        return np.minimum(max_new_tokens, config.block_size - task.prompts(problems).lengths)

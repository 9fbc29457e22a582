"""A task from outside the package: the largest digit of a list. `arithgpt train --import maximum_task.py --task maximum`

question    3,7,1
page        3,7,1=7$
"""

from dataclasses import dataclass

import numpy as np

from tasks import Pages, Problems, Task, register


@register
@dataclass(frozen=True)
class Maximum(Task):
    """Options of `maximum`, as in `--set task.longest=8`."""

    longest: int = 5
    """The most digits in a list of training."""

    name = "maximum"
    summary = "the largest digit of a list"
    alphabet = "0123456789,=$"

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        lists = [rng.integers(0, 10, rng.integers(2, self.longest + 1)) for _ in range(n)]
        return Problems.from_questions([",".join(map(str, digits)) for digits in lists])

    def pages(self, problems: Problems) -> Pages:
        questions = self.questions(problems)
        largest = [sorted(question.split(","))[-1] for question in questions]
        return Pages.from_texts([f"{question}=" for question in questions], largest)

    def extract(self, completion: str, question: str) -> str | None:
        return completion if completion in list("0123456789") else None

    def answer(self, question: str) -> str:
        return str(max(int(digit) for digit in question.split(",")))

"""Mistakes are counted where they begin, by what should have been written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from helpers.evaluation import ask
from rich.console import Console

from eval.metrics.first_error import first_errors
from eval.reports.tables import first_errors_table
from eval.solver import Answer
from eval.solvers.reference import ExactSolver
from tasks import Problems, Task
from tasks.arithmetic.multiplication import Multiplication

TASK = Multiplication(digits="1-3")


@dataclass(frozen=True)
class Changed:
    """The exact solver, but what it writes is changed."""

    change: Callable[[str], str]
    name: str = "changed"

    def solve(self, task: Task, problems: Problems) -> Sequence[Answer]:
        written = [self.change(answer.written) for answer in ExactSolver().solve(task, problems)]
        questions = task.questions(problems)
        return [Answer(task.extract(text, q), text) for text, q in zip(written, questions, strict=True)]


def test_without_mistakes_everything_was_reached() -> None:
    rows = ask(ExactSolver(), TASK, [(3, 3)], samples=50, seed=0)
    counts, errors = first_errors(TASK, rows)
    assert errors == []
    assert counts.wrong.sum() == 0
    assert counts.reached.sum() == sum(len(text) + 1 for text in rows.written)
    assert counts.set_index(["number", "character"]).reached["!", "digit"] == 50 * 4


def test_only_the_first_mistake_of_an_answer_counts() -> None:
    def spoil(text: str) -> str:  # the last digit of the total of line 2, and all after it
        first, second, third = text.split(";")
        return ";".join([first, second[:-1] + str((int(second[-1]) + 1) % 10), third[::-1]])

    rows = ask(Changed(spoil), TASK, [(3, 3)], samples=20, seed=0)
    counts, errors = first_errors(TASK, rows)
    worst = counts.iloc[0]
    assert (worst.number, worst.character, worst.wrong, worst.lines) == ("_", "digit", 20, "2: 20")
    assert counts.wrong.sum() == len(errors) == 20
    assert worst.rate == 20 / worst.reached
    assert (";", "digit") in set(zip(counts.number, counts.character, strict=True))  # the third line's digit was never reached
    first = errors[0]
    assert first.page[: first.at] == first.wrote[: first.at]
    page, wrote, caret = str(first).splitlines()
    assert page[len(caret) - 1] != wrote[len(caret) - 1]
    with (console := Console(width=80)).capture() as shown:
        console.print(first_errors_table(counts))
    assert "2: 20" in shown.get()


def test_what_stops_too_early_or_never_is_a_mistake() -> None:
    for change, number in ((lambda text: text[:-2], "_"), (lambda text: text + ";", "_"), (lambda text: "", "=")):
        counts, errors = first_errors(TASK, ask(Changed(change), TASK, [(2, 2)], samples=10, seed=0))
        assert len(errors) == 10
        assert counts.iloc[0].number == number

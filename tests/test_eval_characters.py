"""Mistakes are counted where they begin, by what should have been written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console

from eval.evaluate import evaluate
from eval.metrics.first_error import first_wrong
from eval.reports.tables import characters_table
from eval.solver import Answer, ExactSolver
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
    rows = evaluate(ExactSolver(), TASK, [(3, 3)], n=50, seed=0)
    kinds, slips = first_wrong(TASK, rows)
    assert slips == []
    assert kinds.wrong.sum() == 0
    assert kinds.reached.sum() == sum(len(text) + 1 for text in rows.written)
    assert kinds.set_index(["number", "character"]).reached["!", "digit"] == 50 * 4


def test_only_the_first_mistake_of_an_answer_counts() -> None:
    def spoil(text: str) -> str:  # the last digit of the total of line 2, and all after it
        first, second, third = text.split(";")
        return ";".join([first, second[:-1] + str((int(second[-1]) + 1) % 10), third[::-1]])

    rows = evaluate(Changed(spoil), TASK, [(3, 3)], n=20, seed=0)
    kinds, slips = first_wrong(TASK, rows)
    worst = kinds.iloc[0]
    assert (worst.number, worst.character, worst.wrong, worst.lines) == ("_", "digit", 20, "2: 20")
    assert kinds.wrong.sum() == len(slips) == 20
    assert worst.rate == 20 / worst.reached
    assert (";", "digit") in set(zip(kinds.number, kinds.character, strict=True))  # the third line's digit was never reached
    first = slips[0]
    assert first.page[: first.at] == first.wrote[: first.at]
    page, wrote, caret = str(first).splitlines()
    assert page[len(caret) - 1] != wrote[len(caret) - 1]
    with (console := Console(width=80)).capture() as shown:
        console.print(characters_table(kinds))
    assert "2: 20" in shown.get()


def test_what_stops_too_early_or_never_is_a_mistake() -> None:
    for change, number in ((lambda text: text[:-2], "_"), (lambda text: text + ";", "_"), (lambda text: "", "=")):
        kinds, slips = first_wrong(TASK, evaluate(Changed(change), TASK, [(2, 2)], n=10, seed=0))
        assert len(slips) == 10
        assert kinds.iloc[0].number == number

"""Planted mistakes are found and shrunk, right solvers are not falsified, and the laws are laws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from eval.falsify.laws import LAWS, try_law
from eval.falsify.search import falsify
from eval.falsify.strategies import decode, encode, operands
from eval.solver import Answer
from eval.solvers.reference import ExactSolver
from tasks import Problems, Task, find, make, names
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.multiplication import Multiplication


@dataclass
class Planted:
    """Right, but for the problems that a rule picks: there the answer has a digit more."""

    wrong: Callable[[int, int], bool]
    name: str = "planted"
    asked: int = 0

    def solve(self, task: Task, problems: Problems) -> Sequence[Answer]:
        answers = []
        for question, answer in zip(task.questions(problems), ExactSolver().solve(task, problems), strict=True):
            operator = next(char for char in question if char in "+-*/")
            self.asked += 1
            a, b = map(int, question.split(operator))
            answers.append(Answer(f"{answer.text}1", answer.written) if self.wrong(a, b) else answer)
        return answers


def carries_out_of_column_seven(a: int, b: int) -> bool:
    return a % 10**7 + b % 10**7 >= 10**7


@pytest.mark.parametrize("seed", range(20))
def test_a_lost_carry_is_shrunk_to_the_smallest_sum_that_has_it(seed: int) -> None:
    """Twenty seeds; ten million is the smallest sum with a carry out of column seven."""
    search = falsify(Planted(carries_out_of_column_seven), Addition(digits="1-12"), LAWS["right"], seed=1000 * seed)
    assert search.failure is not None
    operator, a, b, _ = search.failure.case
    assert (operator, a + b) == ("+", 10**7)
    assert search.seconds < 10


@pytest.mark.parametrize("start", range(10))
def test_a_rare_mistake_is_found_and_shrunk(start: int) -> None:
    rare = Planted(lambda a, b: "99" in str(a) and b % 10 == 1)
    search = falsify(rare, Multiplication(digits="1-5"), LAWS["right"], seed=start)
    assert search.failure is not None
    assert search.failure.case[1:3] == (99, 1)
    assert search.tried > 100


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_a_right_solver_keeps_every_law(law: object) -> None:
    search = falsify(ExactSolver(), make("arith"), law, max_examples=1500)
    assert search.failure is None
    assert search.tried >= 1500


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_each_law_can_be_broken(law: object) -> None:
    for operator in law.needs:
        task = next(task() for task in map(find, names()) if task.operator == operator)
        if set(law.needs[operator]) == {operator}:
            search = falsify(Planted(lambda a, b: a % 10 == 3 or (b == 1 and a > 5) or (b == 0 and a > 5)), task, law)
            assert search.failure is not None, operator
            assert search.failure.asked


def test_what_was_found_is_tried_first_the_next_time(tmp_path: Path) -> None:
    def rare(a: int, b: int) -> bool:
        return "77" in str(a) and "7" in str(b)

    first = falsify(Planted(rare), Addition(), LAWS["right"], database=tmp_path / "kept")
    again = Planted(rare)
    second = falsify(again, Addition(), LAWS["right"], database=tmp_path / "kept", seed=5)
    assert not first.remembered
    assert second.remembered
    assert second.failure.case == first.failure.case
    assert again.asked <= 3
    mended = falsify(Planted(lambda a, b: False), Addition(), LAWS["right"], database=tmp_path / "kept", max_examples=100)
    assert mended.failure is None


def test_the_same_seed_tries_the_same() -> None:
    asked: list[list[str]] = []
    for seed in (1, 1, 2):
        solver = Recording()
        falsify(solver, Addition(), LAWS["right"], max_examples=300, seed=seed)
        asked.append(solver.questions)
    assert asked[0] == asked[1] != asked[2]


class Recording:
    name = "recording"

    def __init__(self) -> None:
        self.questions: list[str] = []

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        self.questions += task.questions(problems)
        return ExactSolver().solve(task, problems)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="max_digits from 1 to 1000"):
        falsify(ExactSolver(), Addition(), LAWS["right"], max_digits=1001)
    with pytest.raises(ValueError, match="law distributes: asks"):
        falsify(ExactSolver(), Addition(), LAWS["distributes"])


@given(operands("+", 12, 5), operands("/", 3))
def test_operands_have_the_lengths_asked_for(sum_of: tuple[int, int], quotient: tuple[int, int]) -> None:
    assert all(0 <= number < 10**digits for number, digits in zip(sum_of, (12, 5), strict=True))
    assert all(0 <= number < 1000 for number in quotient)


def test_operands_come_with_long_carries_and_borrows() -> None:
    drawn: list[tuple[int, int]] = []

    @seeded(1)
    @settings(max_examples=1000, database=None)
    @given(operands("+", 12))
    def draw(pair: tuple[int, int]) -> None:
        drawn.append(pair)

    draw()
    passing = [sum(int(x) + int(y) == 9 for x, y in zip(f"{a:012}", f"{b:012}", strict=True)) for a, b in drawn]
    assert max(passing) >= 8
    assert len({len(str(a)) for a, _ in drawn}) > 5


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_texts_are_read_as_their_case(left: int, right: int, data: st.DataObject) -> None:
    choices = [("+", 1, 1), ("+", left, right), ("-", 9, 9)]
    numbers = data.draw(st.tuples(st.integers(0, 10**left - 1), *[st.integers(0, 10**right - 1)] * 2))
    case = ("+", *numbers)
    assert decode(encode(case, choices), choices) == [case]


def test_a_law_asks_all_cases_together() -> None:
    calls = []

    def ask(questions: list[str]) -> list[str | None]:
        calls.append(len(questions))
        return [str(eval(question)) for question in questions]

    tried = [("+", a, b, 0) for a in range(10) for b in range(10)]
    assert all(try_law(LAWS["undone"], tried, ask))
    assert calls == [100, 100]

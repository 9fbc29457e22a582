"""Laws that right answers keep, and Hypothesis strategies for problems that try them.

    LAWS["undone"]      (a+b)-b = a      of 58+67: 58+67 gave 115, 115-67 gave 48, not 58

The strategies are for any test of a solver:

    @given(operands("+", 12))
    def test_it_adds(pair): ...

They draw numbers by their digits and by what happens in their columns: carries, borrows, long runs of either. They shrink to
fewer and smaller digits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tasks import Task, make

Case: TypeAlias = tuple[str, int, int, int]
"""An operator and the numbers a law is tried on: a, b, and c where a law needs it."""
Dialogue: TypeAlias = Generator[list[str], list[str | None], bool]
"""Yields questions, is sent their answers, and returns whether the law held."""


@dataclass(frozen=True)
class Law:
    """Something that holds of right answers.

    says: the law in a line; needs: the operators it asks, for each of a problem that it can be tried on; room: the most digits
    of its numbers, for an operator and the most digits that a question may have
    """

    name: str
    says: str
    needs: dict[str, str]
    check: Callable[[str, int, int, int], Dialogue]
    room: Callable[[str, int], int]


LAWS: dict[str, Law] = {}


def _as_long(operator: str, digits: int) -> int:
    return digits


def _one_less(operator: str, digits: int) -> int:
    return digits - 1


def _half(operator: str, digits: int) -> int:
    """A product has as many digits as both factors."""
    return digits - 1 if operator == "+" else digits // 2


def _law(
    says: str, needs: dict[str, str], room: Callable[[str, int], int] = _as_long
) -> Callable[[Callable[[str, int, int, int], Dialogue]], None]:
    def register(check: Callable[[str, int, int, int], Dialogue]) -> None:
        LAWS[check.__name__] = Law(check.__name__, says, needs, check, room)

    return register


@_law("every answer is right", {operator: operator for operator in "+-*/"})
def right(operator: str, a: int, b: int, c: int) -> Dialogue:
    question = f"{a}{operator}{b}"
    [answer] = yield [question]
    return answer == truth(question)


@_law("a+b = b+a, a*b = b*a", {"+": "+", "*": "*"})
def commutes(operator: str, a: int, b: int, c: int) -> Dialogue:
    one, other = yield [f"{a}{operator}{b}", f"{b}{operator}{a}"]
    return one is not None and one == other


@_law("a+0 = 0+a = a, a-0 = a, a*1 = 1*a = a, a/1 = a", {operator: operator for operator in "+-*/"})
def neutral(operator: str, a: int, b: int, c: int) -> Dialogue:
    unit = 0 if operator in "+-" else 1
    answers = yield [f"{a}{operator}{unit}"] + ([f"{unit}{operator}{a}"] if operator in "+*" else [])
    return all(answer == str(a) for answer in answers)


@_law("(a+b)-b = a, (a*b)/b = a", {"+": "+-", "*": "*/"}, room=_half)
def undone(operator: str, a: int, b: int, c: int) -> Dialogue:
    [there] = yield [f"{a}{operator}{b}"]
    if there is None or not there.isdigit():
        return False
    if operator == "*" and b == 0:
        return there == "0"
    [back] = yield [f"{there}{'-' if operator == '+' else '/'}{b}"]
    return back == str(a)


@_law("a*(b+c) = a*b+a*c", {"*": "*+"}, room=_half)
def distributes(operator: str, a: int, b: int, c: int) -> Dialogue:
    total, left, right = yield [f"{b}+{c}", f"{a}*{b}", f"{a}*{c}"]
    if not all(answer is not None and answer.isdigit() for answer in (total, left, right)):
        return False
    one, other = yield [f"{a}*{total}", f"{left}+{right}"]
    return one is not None and one == other


@_law("a+b < (a+1)+b, a-b < (a+1)-b, a*b <= (a+1)*b", {operator: operator for operator in "+-*"}, room=_one_less)
def monotone(operator: str, a: int, b: int, c: int) -> Dialogue:
    answers = yield [f"{a}{operator}{b}", f"{a + 1}{operator}{b}"]
    if not all(answer is not None and answer.removeprefix("-").isdigit() for answer in answers):
        return False
    one, next_one = map(int, filter(None, answers))
    return one <= next_one if operator == "*" else one < next_one


@_law("10a+10b = 10(a+b), 10a-10b = 10(a-b), 10a*b = 10(a*b)", {operator: operator for operator in "+-*"}, room=_one_less)
def scales(operator: str, a: int, b: int, c: int) -> Dialogue:
    other = b if operator == "*" else 10 * b
    one, ten = yield [f"{a}{operator}{b}", f"{10 * a}{operator}{other}"]
    return one is not None and ten == (one if one == "0" else one + "0")


def truth(question: str) -> str:
    """The right answer to a plain question of one operator, by Python's integers."""
    operator = next(char for char in question if char in "+-*/")
    return _asked(operator).answer(question)


@cache
def _asked(operator: str) -> Task:
    return make({"+": "add", "-": "sub", "*": "mul", "/": "div"}[operator])


def held(law: Law, cases: Sequence[Case], ask: Callable[[list[str]], list[str | None]]) -> list[bool]:
    """Whether a law holds of each case, operator and numbers. Questions of all cases are asked together, step by step."""
    outcomes = [False] * len(cases)
    waiting: dict[int, tuple[Dialogue, list[str]]] = {}
    for index, case in enumerate(cases):
        dialogue = law.check(*case)
        waiting[index] = dialogue, next(dialogue)
    while waiting:
        answers = iter(ask([question for _, questions in waiting.values() for question in questions]))
        going = {}
        for index, (dialogue, questions) in waiting.items():
            try:
                going[index] = dialogue, dialogue.send([next(answers) for _ in questions])
            except StopIteration as end:
                outcomes[index] = end.value
        waiting = going
    return outcomes


# A text of these characters is two numbers at once: each stands for the two digits of a column, from 0 and 0 to 9 and 9.
_COLUMNS = {chr(256 + code): pair for code, pair in enumerate(sorted(((x, y) for x in range(10) for y in range(10)), key=sum))}
_CHARACTERS = {pair: char for char, pair in _COLUMNS.items()}
_KINDS: tuple[Callable[[int, int], bool], ...] = (
    lambda x, y: True,
    lambda x, y: x + y == 9,  # passes a carry on
    lambda x, y: x + y >= 9,  # makes one or passes it on
    lambda x, y: x == y,  # passes a borrow on
    lambda x, y: x in (0, 9) and y in (0, 9),
    lambda x, y: x in (0, 1) and y in (0, 5),
)
_ALPHABETS = ["".join(char for char, pair in _COLUMNS.items() if kind(*pair)) for kind in _KINDS]
_COUNT = [chr(256 + code) for code in range(2001)]  # a character for a small number


def batches(choices: Sequence[tuple[str, int, int]], n: int, *, even: bool = False) -> SearchStrategy[list[Case]]:
    """n cases at once. They are drawn as a few long texts: Hypothesis draws those fast and shrinks them well.

    choices: an operator and the most digits of its left and of its right number, of which each case takes one
    even: draw all digits evenly, no columns of a kind
    """
    width = _width(choices)
    which = st.text(_COUNT[: len(choices)], min_size=n, max_size=n)
    lengths = st.text(_COUNT[1 : width + 1], min_size=3 * n, max_size=3 * n)
    kinds = [st.text(alphabet, min_size=2 * n * width, max_size=2 * n * width) for alphabet in _ALPHABETS]
    return st.tuples(which, lengths, kinds[0] if even else st.one_of(kinds)).map(lambda drawn: cases(drawn, choices))


def cases(drawn: tuple[str, str, str], choices: Sequence[tuple[str, int, int]]) -> list[Case]:
    """What the texts of `batches` mean: which choices, how many digits a, b and c have, and their columns: a with b, then c."""
    width, (chosen, long, columns) = _width(choices), drawn
    read = []
    for case, choice in enumerate(chosen):
        operator, *most = choices[ord(choice) - 256]
        digits = zip(*(_COLUMNS[char] for char in columns[2 * case * width : 2 * (case + 1) * width]), strict=True)
        (left, third), (right, _) = ((side[:width], side[width:]) for side in digits)
        spans = (min(ord(char) - 256, limit) for char, limit in zip(long[3 * case :], (*most, most[1]), strict=False))
        a, b, c = (int("".join(map(str, side[-span:]))) for side, span in zip((left, right, third), spans, strict=True))
        read.append((operator, a, b, c))
    return read


def texts(case: Case, choices: Sequence[tuple[str, int, int]]) -> tuple[str, str, str]:
    """The texts that `cases` reads as this one."""
    operator, a, b, c = case
    width, sides = _width(choices), tuple(map(str, (a, b, c)))
    fits = (own == operator and len(sides[0]) <= left and max(map(len, sides[1:])) <= right for own, left, right in choices)
    left, right, third = (side.rjust(width, "0") for side in sides)
    pairs = zip(map(int, left + third), map(int, right + "0" * width), strict=True)
    return (
        _COUNT[list(fits).index(True)],
        "".join(_COUNT[len(side)] for side in sides),
        "".join(_CHARACTERS[pair] for pair in pairs),
    )


def _width(choices: Sequence[tuple[str, int, int]]) -> int:
    return max(max(left, right) for _, left, right in choices)


def operands(operator: str, left_digits: int, right_digits: int | None = None) -> SearchStrategy[tuple[int, int]]:
    """The two numbers of a problem, of at most so many digits; `right_digits` as many as the left where None."""
    most = left_digits if right_digits is None else right_digits
    return batches([(operator, left_digits, most)], 1).map(lambda cases: cases[0][1:3])

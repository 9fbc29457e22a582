"""Pages of expressions: golden pages, an independent reader of pages, and how exact their answers are."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from helpers.expressions import TASK, TYPED, page, questions, text_of, trees, written
from helpers.oracles import oracle_of_expression
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("question", "golden"),
    [
        ("7 to 0", "....@7=7$"),
        ("-12.375 to 0", "....@...57321n=...57321n$"),
        ("0.05-0.05 to 0", "....@..5-..5={-..00\\x}..0$"),
        ("(12+34)*5-6 to 0", "....@[21+43]*5-6=[{+64\\}64]*5-6=%64*5-6={*5!032_^032\\}032-6={-422\\}422$"),
        ("3.5*2.25 to 0", "....@.53*..522={*5:571_571;2:070_5780;2!070_.^..57870\\x}...5787$"),
        (
            "1/8 to 0",
            "....@1/8={/61'23\"46&1\\1|10(73a96b58c39d10#0;0|01(64a87b49c20D20#1;0|02(65a88b40C69d40#2;"
            "0|04(67a80B29c00D00#5>...5210\\x}...521$",
        ),
        ("1.5/0.3 to 0", "....@.51/.3={/60'21\"42&.<51\\1|10(77a98b59c89d10#0;5|51(19a30B79c00D00#5>50\\x}5$"),
        ("5-7.25 to 0", "....@5-..527={-..577~..522\\}..522n$"),
        ("2*-(3+4) to 0", "....@2*[1n*[3+4]]=2*[1n*[{+7\\}7]]=2*[1n*%7]=2*[{*7!70_^70\\x}7n]=2*%7n={*7!41_^41\\}41n$"),
        ("((2+3)) to 1", ".....@[[2+3]]=[[{+5\\}5]]=[%5]=%5$"),
        ("2*3+4*5 to 0", "....@2*3+4*5={*3!60_^60\\x}6+{*5!02_^02\\}02={+62\\}62$"),
        ("1/(2-2) to 0", "....@1/[2-2]=1/[{-0\\}0]=1/%0={/?$"),
        ("-5+5 to 0", "....@5n+5={-0\\}0n$"),
    ],
)
def test_golden_pages(question: str, golden: str) -> None:
    assert page(question) == golden
    assert TASK.extract(golden.partition("=")[2].removesuffix("$"), question) == oracle_of_expression(question)


@pytest.mark.parametrize(("typed", "answer"), TYPED)
def test_what_a_person_types(typed: str, answer: str) -> None:
    question = TASK.parse(typed)
    assert TASK.parse(question) == question
    assert TASK.parse(TASK.question_text(question)) == question
    assert TASK.answer(question) == TASK.extract(written(question), question) == answer == oracle_of_expression(question)
    assert TASK.verify(question, written(question)) is None


def bounded(tree: str | tuple, cut: Fraction) -> tuple[Fraction, Fraction]:
    """The exact value, and how far from it the page's can be where every product and quotient loses less than `cut`.

    ZeroDivisionError where the divisor is zero, or can be for the page.
    """
    if isinstance(tree, str):
        return Fraction(tree), Fraction(0)
    if len(tree) == 2:
        value, off = bounded(tree[1], cut)
        return (-value if tree[0] else value), off
    (a, off_a), (b, off_b) = bounded(tree[0], cut), bounded(tree[2], cut)
    if tree[1] in "+-":
        return (a + b if tree[1] == "+" else a - b), off_a + off_b
    if tree[1] == "*":
        return a * b, abs(a) * off_b + abs(b) * off_a + off_a * off_b + cut
    if abs(b) <= off_b:
        raise ZeroDivisionError
    return a / b, (off_a + abs(a / b) * off_b) / (abs(b) - off_b) + cut


@given(trees, st.integers(0, 9))
def test_a_page_is_as_near_to_the_exact_value_as_its_guard_digits_say(tree: str | tuple, places: int) -> None:
    question = f"{text_of(tree)} to {places}"
    assert TASK.answer(question) == oracle_of_expression(question)
    try:
        value, off = bounded(tree, Fraction(1, 10 ** (places + 4)))
    except ZeroDivisionError:
        return
    last = re.search(r"(\.*)([0-9]+)(n?)$", written(question))
    assert last is not None
    got = Fraction(int(last[2][::-1]), 10 ** len(last[1])) * (-1 if last[3] else 1)
    assert abs(got - value) <= off
    if off == 0:
        assert TASK.extract(written(question), question) == TASK.answer(question)


# An independent reader of pages.

NUMBER = r"\.*[0-9]+n?"
STEP = re.compile(
    rf"\[(?P<inner>{NUMBER})\]"
    rf"|(?:^|(?<=[-+\[]))(?P<a>{NUMBER})(?P<times>[*/])(?P<b>{NUMBER})(?=[-+*/\]=])"
    rf"|(?:^|(?<=\[))(?P<c>{NUMBER})(?P<plus>[-+])(?P<d>{NUMBER})(?=[-+\]=])"
)
LINE = re.compile(r"([0-9])\|([0-9]+)\((?:[0-9]+[aA])(?:[0-9]+[bB])(?:[0-9]+[cC])(?:[0-9]+[dD])([0-9]+)#([0-9])[;>]")


def value(number: str) -> Fraction:
    dots, digits, minus = re.fullmatch(r"(\.*)([0-9]+)(n?)", number).groups()  # type: ignore[union-attr]
    return Fraction(int(digits[::-1]), 10 ** len(dots)) * (-1 if minus else 1)


def assert_page_holds(text: str) -> None:
    """Every row is the one before with all that can be reduced in it reduced, and its workings lead there."""
    ruler, rest = text.removesuffix("$").split("@")
    row, *others = (line + "=" for line in rest.split("="))
    for line in others:
        workings = iter(re.findall(r"\{[^{}]*\}", line))
        results = iter(re.findall(rf"\}}({NUMBER})", line))
        expected = STEP.sub(lambda step, rs=results, ws=workings: reduced(step, rs, ws, len(ruler)), row)
        assert re.sub(r"\{[^{}]*\}|%", "", line) == expected
        row = expected


def reduced(step: re.Match[str], results, workings, ruler: int) -> str:
    if step["inner"]:
        return step["inner"]
    a, sign, b = step["a"] or step["c"], step["times"] or step["plus"], step["b"] or step["d"]
    working, result = next(workings), next(results)
    exact = {"+": value(a) + value(b), "-": value(a) - value(b), "*": value(a) * value(b)}
    exact = exact[sign] if sign in exact else value(a) / value(b)
    cut = Fraction(int(abs(exact) * 10**ruler), 10**ruler)
    assert abs(value(result)) == cut
    assert cut == 0 or (value(result) < 0) == (exact < 0)
    assert_working_holds(sign, a.strip(".n")[::-1], b.strip(".n")[::-1], working, result)
    return result


def assert_working_holds(sign: str, a: str, b: str, working: str, result: str) -> None:
    last, crossed = re.fullmatch(r"\{.*?([0-9]+)\\(x*)\}", working).groups()  # type: ignore[union-attr]
    assert last[: len(last) - len(crossed)].endswith(result.strip(".n")) or result.strip(".n") == "0"
    assert last.endswith("0" * len(crossed))
    if sign == "*":
        products = re.findall(r"([0-9])[:!]([0-9]+)_[.^]*([0-9]+)", working)
        assert "".join(digit for digit, _, _ in products)[::-1] == b
        total = 0
        for place, (digit, product, so_far) in enumerate(products):
            assert int(product[::-1]) == int(digit) * int(a)
            total += int(product[::-1]) * 10**place
            assert int(so_far[::-1]) == total
    if sign == "/":
        rest, found = 0, LINE.findall(working)
        assert "".join(digit for digit, *_ in found).startswith(a)
        for digit, brought, left, quotient in found:
            assert int(brought[::-1]) == 10 * rest + int(digit)
            assert divmod(int(brought[::-1]), int(b)) == (int(quotient), int(left[::-1]))
            rest = int(left[::-1])
        assert last[::-1] == "".join(quotient for *_, quotient in found)


@given(questions)
@example("(1.5+-2)*-(3-4/7)/0.03 to 3")
def test_every_row_follows_from_the_one_before(question: str) -> None:
    assert TASK.verify(question, written(question)) is None
    if not page(question).endswith("{/?$"):
        assert_page_holds(page(question))

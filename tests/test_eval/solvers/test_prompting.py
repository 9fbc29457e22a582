"""Few-shot prompts, and how replies in free text are read."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.solvers import prompting, replies
from tasks import find, make, names
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.division import BY_ZERO

TASK = Addition(digits="1-3")


@pytest.mark.parametrize("task", [task() for task in map(find, names())], ids=lambda task: task.name)
def test_shots_are_training_problems_with_their_answers(task) -> None:
    shown = prompting.draw_shots(task, 100, seed=0)
    questions = [question for question, _ in shown]
    assert len(set(questions)) == 100
    assert not task.held_out(task.problems([task.parse(question) for question in questions])).any()
    assert all(answer == task.answer(task.parse(question)) for question, answer in shown)
    assert prompting.draw_shots(task, 5, seed=0) == shown[:5] != prompting.draw_shots(task, 5, seed=1)
    assert prompting.draw_shots(task, 0, seed=0) == []


def test_more_shots_than_there_are_is_said() -> None:
    with pytest.raises(ValueError, match="k = 101: task add has only 100 different problems"):
        prompting.draw_shots(Addition(digits="1-1"), 101, seed=0)


def test_prompts_show_every_shot_but_the_question_itself() -> None:
    shown = [("12+34", "46"), ("1+2", "3")]
    assert prompting.completion_prompt(shown, "3+4") == "12+34=46\n1+2=3\n3+4="
    assert prompting.completion_prompt(shown, "1+2") == "12+34=46\n1+2="
    chat = prompting.chat_messages(shown, "1+2")
    assert [turn["role"] for turn in chat] == ["system", "user", "assistant", "user"]
    assert [turn["content"] for turn in chat[1:]] == ["12+34", "46", "1+2"]
    assert "142 r 7" in chat[0]["content"]
    assert BY_ZERO in chat[0]["content"]


@pytest.mark.parametrize("reply", ["0", "579", "-7", " 579\n", "142 r 7", "0 r 7", "-3 r -1", BY_ZERO, "9" * 5000])
def test_strict_takes_the_canonical_form(reply: str) -> None:
    assert replies.strict(reply) == reply.strip()


@pytest.mark.parametrize("reply", ["", "-0", "+7", "007", "1,234", "5.0", "579.", "142 r 0", "142 r 07", "142r7", "٣", "1 2"])
def test_strict_takes_nothing_else(reply: str) -> None:
    assert replies.strict(reply) is None


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("The answer is 579.", "579"),
        ("**1,234,567**", "1234567"),
        ("12 + 34 = `46`", "46"),
        ("46, since 12+34 and 34 + 12 are the same", "46"),
        ("1. Carry the one.\n2. So it is\n\n579", "579"),
        ("12−19 = −7", "-7"),
        ("- 007", "7"),
        ("1\u202f234\u202f567", "1234567"),
        (r"$\boxed{1{,}234}$, in 2 steps", "1234"),
        (r"\(1\,234\)", "1234"),
        (r"\boxed{142 \text{ r } 7}", "142 r 7"),
        ("142 remainder 7", "142 r 7"),
        ("142 R7", "142 r 7"),
        ("142r7.", "142 r 7"),
        ("142 r 0", "142"),
        ("142, with a remainder of 7", "142 r 7"),
        ("The quotient is **142** and the remainder is **7**.", "142 r 7"),
        ("Quotient: 1,142\nRemainder: 7", "1142 r 7"),
        ("2704/52 = 52.0", "52"),
        ("7391/52 = 142.13", None),
        ("You cannot divide by zero.", BY_ZERO),
        ("5/0 is undefined", BY_ZERO),
        ("x86 and R2D2", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_lenient_reads_as_a_tolerant_person_does(reply: str, answer: str | None) -> None:
    assert replies.lenient(reply) == answer


@pytest.mark.parametrize(
    ("reply", "strict", "lenient"),
    [
        ("0.125", "0.125", "0.125"),
        ("-7", "-7", "-7"),
        ("3.50", None, "3.5"),
        ("-0.0", None, "0"),
        ("142 r 7", None, "142 r 7"),
        ("The answer is **1,234.5**.", None, "1234.5"),
        ("1/8 = 0.125", None, "0.125"),
        ("about -.5", None, "-0.5"),
        (BY_ZERO, BY_ZERO, BY_ZERO),
    ],
)
def test_decimals_are_read_where_a_task_has_them(reply: str, strict: str | None, lenient: str | None) -> None:
    given = replies.read_reply(reply, finished=True)
    read = replies.reread_for_task(make("expr"), "1/8", given)
    assert (read.text, read.lenient) == (strict, lenient)
    assert replies.reread_for_task(TASK, "1+8", given) == given
    assert "0.125" in prompting.chat_messages([], "1/8", "decimal")[0]["content"]


integers = st.integers().map(str)
canonical = st.one_of(integers, st.builds("{} r {}".format, integers, integers), st.just(BY_ZERO))
characters = st.text("0123456789-r divsonbyze.,*\n\u00a0", max_size=12)


@given(st.one_of(st.builds("{1}{0}{1}".format, canonical, st.text(" \n\t", max_size=2)), characters, st.text(max_size=8)))
def test_lenient_agrees_with_strict(reply: str) -> None:
    if replies.strict(reply) is not None:
        assert replies.lenient(reply) == replies.strict(reply)


@given(st.integers(), st.sampled_from(["{:,}", "**{}**", "= {}", "The answer is {}.", r"\boxed{{{}}}", "`{:_}`"]))
def test_lenient_finds_what_is_dressed_up(number: int, dress: str) -> None:
    assert replies.lenient(dress.format(number)) == str(number)


@pytest.mark.parametrize("piece", ["1", "1 ", "1+", "1,234", "1 r ", "1 and ", r"\boxed{", r"\text{", "-", "1" + 99 * "."])
def test_a_hostile_reply_is_read_in_linear_time(piece: str) -> None:
    began = time.process_time()
    replies.lenient(piece * (1_000_000 // len(piece)) + "5,")
    assert time.process_time() - began < 5


def test_thoughts_are_not_read() -> None:
    for written in ("<think>\nIs it 5?\n</think>\n\n46", "Is it 5?</think>46"):
        answer = replies.read_reply(written, finished=True)
        assert (answer.text, answer.lenient, answer.written) == ("46", "46", written)
    answer = replies.read_reply("<think>It is 5", finished=False)
    assert (answer.text, answer.lenient, answer.finished) == (None, None, False)

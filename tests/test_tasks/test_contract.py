"""What every registered task must keep. The oracle is Python's own arithmetic and shares no code with the generators."""

import hashlib
import re
from dataclasses import fields

import numpy as np
import pytest
from helpers.named_tasks import ANSWERS, ON_PAGES, TESTED_NAMED_TASKS, cells
from helpers.oracles import oracle

from tasks import STOP, Problems, QuestionError, Task, find, make, names
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.division import Division
from tasks.arithmetic.mixture import Arithmetic
from tasks.arithmetic.multiplication import Multiplication
from tasks.arithmetic.subtraction import Subtraction
from tasks.core.scratchpad import Row
from tasks.expression.task import Expression

TESTED: list[Task] = [
    *(task() for task in map(find, names())),
    Addition(digits="1-6", order="plain"),
    Addition(digits="2-5", order="reversed-answer"),
    Addition(digits="1-5", pad=True),
    Addition(digits="3-3", pad=True, order="plain"),
    Addition(digits="1-4", pad=True, signs=False, order="reversed-answer"),
    Addition(digits="30-40", carry_chain_prob=1.0),
    Addition(digits="1-5", order="plain", index_hints=True),
    Addition(digits="1-5", pad=True, scratchpad=True),
    Subtraction(digits="1-12,40x3", carry_chain_prob=1.0),
    Multiplication(digits="1-9x1-2,3x12", edge_case_prob=0.5),
    Multiplication(digits="1-5", scratchpad=False),
    Division(digits="1-9x1-2,3x12,2-5", edge_case_prob=0.5, built_share=0.6, zero_share=0.05),
    Division(digits="1-6x1-3", zero_share=0.05, scratchpad=False),
    Arithmetic(weights=(1, 1, 1, 1, 4)),
    Expression(
        operators="1-2,6", levels=5, digits="1-12", places="0-12", decimal_share=0.6, negative_share=0.4, pattern_share=0.6
    ),
    *TESTED_NAMED_TASKS,
]


def variant(task: Task) -> str:
    """The name of a task, and its options other than the defaults."""
    others = (option for option in fields(task) if getattr(task, option.name) != getattr(type(task)(), option.name))
    return f"{task.name}({', '.join(f'{option.name}={getattr(task, option.name)}' for option in others)})"


every_task = pytest.mark.parametrize("task", TESTED, ids=variant)


def lengths_to_ask(task: Task, suite: str) -> list[tuple[int, int]]:
    if suite == "exhaustive":
        return [(1, 1), (2, 1), (1, 2)]
    if task.name in ANSWERS:
        return cells(task)
    longest = task.size_span.high
    return [(1, 1), (longest, longest), (25, 25), (25, 2), (3, 9)]


@every_task
def test_a_batch_is_a_function_of_its_numbers(task: Task) -> None:
    numbers = {"seed": 1, "split": "train", "rank": 0, "step": 5}
    batch = task.batch(40, **numbers)
    assert task.batch(40, **numbers).texts() == batch.texts()
    others = [{"seed": 2}, {"split": "held-out"}, {"rank": 1}, {"step": 6}, {"seed": 5, "step": 1}]
    for other in others:
        assert task.batch(40, **(numbers | other)).texts() != batch.texts(), other


@every_task
def test_steps_do_not_repeat_each_other(task: Task) -> None:
    seen = [text for step in range(10) for text in task.batch(100, seed=0, split="train", rank=0, step=step).texts()]
    assert len(set(seen)) > 0.75 * len(seen)  # short problems come up more than once, batches do not


@every_task
def test_pages_are_well_formed(task: Task) -> None:
    pages = task.batch(300, seed=0, split="train", rank=0, step=0)
    n, width = pages.chars.shape
    assert (n, pages.chars.dtype) == (300, np.uint8)
    assert width == pages.total.max()
    for text, prompt in zip(pages.texts(), pages.prompt.tolist(), strict=True):
        assert set(text) <= set(task.alphabet)
        assert text.index(STOP) == len(text) - 1
        assert 0 < prompt < len(text)
    beyond = np.arange(width) >= pages.total[:, None]
    assert (pages.chars[beyond] == 0).all()


@pytest.mark.parametrize(
    ("task", "suite"),
    [(task, suite) for task in TESTED for suite in ("training", *task.suites)],
    ids=lambda value: value if isinstance(value, str) else variant(value),
)
def test_pages_are_right(task: Task, suite: str) -> None:
    rng = np.random.default_rng(3)
    n = 40 if task.name == "expr" else 100  # problems of a suite; expressions take long to make
    for cell in lengths_to_ask(task, suite):
        problems = task.sample(rng, 300) if suite == "training" else task.sample_suite(rng, n, cell, suite)
        if suite != "training" and suite != "nines":
            assert set(zip(*(side.tolist() for side in task.sizes_of(problems)), strict=True)) == {cell}
        pages, questions = task.pages(problems), task.questions(problems)
        prompts = task.prompts(problems).to_strings()
        room = task.max_new_tokens(problems) - (pages.total - pages.prompt)
        assert (room >= 0).all()
        for text, length, question, prompt in zip(pages.texts(), pages.prompt.tolist(), questions, prompts, strict=True):
            assert text[:length] == prompt
            assert task.extract(text[length:-1], question) == oracle(question, task) == task.answer(question)
            assert task.verify(question, text[length:-1]) is None


@every_task
def test_questions_round_trip(task: Task) -> None:
    problems = task.sample(np.random.default_rng(4), 200)
    questions = task.questions(problems)
    assert [task.parse(question) for question in questions] == questions
    again = task.problems(questions)
    assert task.questions(again) == questions
    assert task.prompts(again).to_strings() == task.prompts(problems).to_strings()
    assert (task.split_keys(again) == task.split_keys(problems)).all()
    for question in questions[:20]:
        assert question_in(task.render(question, ""))


@every_task
def test_training_never_meets_what_is_held_out(task: Task) -> None:
    texts = [text for step in range(10) for text in task.batch(200, seed=0, split="train", rank=0, step=step).texts()]
    trained = _problems(task, texts)
    assert task.can_hold_out(trained).sum() > 100  # enough that one in sixteen would show
    assert not task.held_out(trained).any()
    held_out = _problems(task, task.batch(200, seed=0, split="held-out", rank=0, step=0).texts())
    assert task.held_out(held_out).all()
    for part in task.subtasks.values():
        cell = next(box.left[1:] + box.right[1:] for box in part.size_ranges)
        asked = part.test(100, cell, seed=0)
        assert part.held_out(asked)[part.can_hold_out(asked)].all()


def question_in(rows: list[Row]) -> bool:
    return any(row.kind == "given" for row in rows)


def expression_on(text: str) -> str:
    """The question of a page of `expr`, whose ruler has four dots more than its answer has decimals."""
    ruler, row = text.split("=")[0].split("@")
    found, opened, at = "", [], 0
    while at < len(row):
        if row.startswith("[1n*[", at):
            found, at = found + "-(", at + 5
            opened.append("]]")
        elif row[at] == "[":
            found, at = found + "(", at + 1
            opened.append("]")
        elif row[at] == "]":
            found, at = found + ")", at + len(opened.pop())
        elif number := re.compile(r"(\.*)([0-9]+)(n?)").match(row, at):
            digits = number[2][::-1].zfill(len(number[1]) + 1)
            point = len(digits) - len(number[1])
            found += "-" * bool(number[3]) + digits[:point] + ("." + digits[point:] if number[1] else "")
            at = number.end()
        else:
            found, at = found + row[at], at + 1
    return f"{found} to {len(ruler) - 4}"


def _problems(task: Task, texts: list[str]) -> Problems:
    """The problems on pages, through the text alone."""
    if task.name in ON_PAGES:
        return task.problems([f"{task.name} {ON_PAGES[task.name](text)}" for text in texts])
    if "=" not in task.alphabet:
        width = (len(texts[0]) - 2) // 3
        texts = [f"{text[:width]}+{text[width : 2 * width]}={text[2 * width :]}" for text in texts]
    order = getattr(task, "order", "reversed")
    typed = []
    for text in texts:
        if "@" in text:
            typed.append(expression_on(text))
            continue
        left, sign, right = re.split(r"([-+*/])", re.sub("[a-z]", "", text.split("=")[0]))
        back = [side[::-1] if order == "reversed" else side for side in (left, right)]
        typed.append(f"{int(left if sign == '/' else back[0])}{sign}{int(back[1])}")
    return task.problems(typed)


@every_task
def test_test_problems_are_different_and_repeatable(task: Task) -> None:
    n = {"expr": 30, "rewrite": 100, "path": 100}.get(task.name, 300)  # problems of some tasks take long to make
    for suite in task.suites:
        cell = (2, 1) if suite == "exhaustive" else cells(task)[-1] if task.name in ANSWERS else (5, 5)
        questions = task.questions(task.test(n, cell, seed=1, suite=suite))
        assert len(set(questions)) == len(questions)
        assert len(questions) == 900 if suite == "exhaustive" else len(questions) <= n
        assert task.questions(task.test(n, cell, seed=1, suite=suite)) == questions
        if suite not in task.complete_suites:
            assert task.questions(task.test(n, cell, seed=2, suite=suite)) != questions


GOLDEN = {
    "add 1 random": "99cd6c0b587278bd",
    "add 1 chains": "9e144dc58f501410",
    "add 1 nines": "7fc30f3e3fcb2dc3",
    "add 1 exhaustive": "a268322b2932de19",
    "add 1 carries": "bd6de8d44cd05537",
    "add 1 edges": "8930f6a2e30d8f22",
    "add 1 long": "bdb584f9d81afabc",
    "sub 1 random": "4ec8ed91b5b99e2b",
    "sub 1 edges": "e5eb8b860bc515f7",
    "sub 1 exhaustive": "9ca362b194c62b84",
    "sub 1 long": "5a518b27d713351f",
    "sub 1 carries": "8441813fe7b92d20",
    "mul 1 random": "7500e01dea4f9159",
    "mul 1 edges": "374bb1d18e00b13a",
    "mul 1 exhaustive": "1f67bf068c158656",
    "mul 1 long": "d1b47721b312b843",
    "div 1 random": "5e8b4835dc25fc6c",
    "div 1 edges": "90fcf8efd75090b2",
    "div 1 exhaustive": "52cfd4a588cc1f9b",
    "div 1 long": "c32c5e83e43fe13e",
    "expr 1 random": "7d5737f584e5c023",
    "expr 1 edges": "3d8a108b86c186b0",
    "expr 1 long": "0b77cb75795f0193",
    "expr 1 decimals": "bdc6e5657b7c0a78",
    "copy 1 random": "0e53f5c938ac0aaa",
    "copy 1 edges": "41c8a839442ff18a",
    "copy 1 long": "c7bf11c701a2f21a",
    "reverse 2 random": "faa3b5822ca671b0",
    "reverse 2 edges": "ff2b618e99d36832",
    "reverse 2 long": "2a2e56bbbf93644e",
    "sort 2 random": "6e5b3ab7e4b6bf4b",
    "sort 2 edges": "5344b44354cff68f",
    "sort 2 long": "806f59c5a9bbb12c",
    "count 2 random": "d54a8e77c8634d77",
    "count 2 edges": "f4038ab8cf3aa46f",
    "count 2 long": "8d57d2a4d0a67957",
    "parity 1 random": "3b3d35fde5681d76",
    "parity 1 edges": "f2fce256edb786ee",
    "parity 1 long": "cc3b0ab7ac77e82f",
    "compare 1 random": "73a28d71d09142c8",
    "compare 1 edges": "76175985acb03f1f",
    "compare 1 long": "36718fb7a91f4672",
    "modadd 1 random": "8a3f8184f9154a5b",
    "modadd 1 edges": "721a660ffff9e6a6",
    "sum 2 random": "125c802dd10db42e",
    "sum 2 edges": "75017ee290cee13a",
    "sum 2 long": "556a46fa445086a4",
    "gcd 2 random": "52385bb78d1f7e9e",
    "gcd 2 edges": "12042eabb6829a4e",
    "gcd 2 long": "df6de49e9058a15d",
    "base 2 random": "34b68381f7ba3087",
    "base 2 edges": "5bd471c21719e134",
    "base 2 long": "013f03fb5d8bb31c",
    "path 2 random": "686429cfd68f1ebc",
    "path 2 edges": "7917746c03355215",
    "path 2 long": "d48273a3585c4051",
    "rewrite 1 random": "8e3fb94f48643546",
    "rewrite 1 edges": "19a1a1b0fe7a99db",
    "rewrite 1 long": "060b6f8a8ffcd509",
}


def test_a_seed_asks_the_same_problems_for_ever() -> None:
    """Whoever names a suite, a seed and a version has named the problems; where this changes, raise the task's version."""
    found = {}
    for name in ("add", "sub", "mul", "div", "expr", *ANSWERS):
        task = make(name)
        for suite in task.suites:
            cell = (2, 1) if suite == "exhaustive" else cells(task)[-1] if name in ANSWERS else (6, 4)
            questions = "\n".join(task.questions(task.test(64, cell, seed=1, suite=suite)))
            found[f"{name} {task.version} {suite}"] = hashlib.sha256(questions.encode()).hexdigest()[:16]
    assert found == GOLDEN


@every_task
def test_garbage_is_not_read_as_an_answer(task: Task) -> None:
    for part in task.subtasks.values():
        for written in ("", "+", "12=", "4 2", "1.5", "12+3", "٣", "_", ">r", ">1r", "~", "1~"):
            assert task.extract(written, f"1{part.operator or '+'}2") is None


@every_task
@pytest.mark.parametrize(
    "typed",
    [
        "",
        "  ",
        "12",
        "+",
        "1+",
        "+2",
        "a+b",
        "1++2",
        "1+2+3",
        "1 2+3",
        "1,23+4",
        "½+1",
        "1+2$",
        "2**9",
        "1..2+3",
        "9" * 2001 + "+1",
    ],
)
def test_garbage_is_not_taken_as_a_question(task: Task, typed: str) -> None:
    if "expr" in task.subtasks and typed in ("12", "+2", "1++2", "1+2+3"):
        pytest.skip("an expression")
    with pytest.raises(QuestionError) as caught:
        task.parse(typed)
    assert 0 <= caught.value.place <= len(typed)
    assert caught.value.text == typed


@every_task
def test_an_unknown_suite_is_named(task: Task) -> None:
    with pytest.raises(ValueError, match="'nope': task .* has "):
        task.test(1, (3, 3), seed=0, suite="nope")

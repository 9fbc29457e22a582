"""The data sets of reasoning-gym as tasks: rg:NAME."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import Call
from helpers.evaluation import ask
from hypothesis import given
from hypothesis import strategies as st

from arithgpt.training.checkpoint import load_tensors
from eval.metrics.error_types import count_kinds, find_mistakes
from eval.metrics.first_error import first_errors
from eval.solver import Answer
from eval.solvers import prompting
from eval.solvers.openai_api import LLMSolver
from eval.solvers.reference import ExactSolver, RandomSolver, WrongSolver
from eval.solvers.replies import read_reply
from tasks import STOP, QuestionError, Task, find, make
from tasks.adapters.reasoning_gym import escape, gym_task, unescape
from tasks.sizes import NO_SIZE, format_size


@given(st.text())
def test_any_text_stands_on_a_page_and_is_read_back(text: str) -> None:
    on_page = escape(text)
    assert on_page.isascii()
    assert on_page.isprintable() or not text
    assert STOP not in on_page
    assert r"\=" not in on_page
    assert unescape(on_page) == text


def test_without_the_extra_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(ValueError, match=r"^rg:chain_sum: the extra rg is missing: pip install 'arithgpt\[rg\]'$"):
        gym_task.__wrapped__("rg:chain_sum")


def test_the_cell_of_problems_without_operands_has_a_name() -> None:
    assert format_size(NO_SIZE) == "-"


@pytest.fixture(params=["chain_sum", "spell_backward", "basic_arithmetic", "count_bits", "mini_sudoku"])
def task(request: pytest.FixtureRequest) -> Task:
    pytest.importorskip("reasoning_gym")
    return find(f"rg:{request.param}")()


@pytest.fixture
def chain_sum() -> Task:
    pytest.importorskip("reasoning_gym")
    return find("rg:chain_sum")()


def test_pages_are_right_and_round_trip(task: Task) -> None:
    import reasoning_gym

    problems = task.sample(np.random.default_rng(3), 40)
    pages, questions = task.pages(problems), task.questions(problems)
    assert task.questions(task.problems(questions)) == questions == [task.parse(question) for question in questions]
    assert task.prompts(problems).to_strings() == [
        page[:end] for page, end in zip(pages.texts(), pages.prompt.tolist(), strict=True)
    ]
    assert (task.max_new_tokens(problems) >= pages.total - pages.prompt).all()
    judge = reasoning_gym.create_dataset(task.dataset, size=1, seed=0)
    for page, end, question in zip(pages.texts(), pages.prompt.tolist(), questions, strict=True):
        assert set(page) <= set(task.alphabet)
        assert page.index(STOP) == len(page) - 1
        assert task.extract(page[end:-1], question) == task.answer(question)
        assert task.verify(question, page[end:-1]) is None
        assert task.render(question, "")[0].text in task.question_text(question)
        number = int(question.split()[0][1:])
        entry = reasoning_gym.create_dataset(task.dataset, size=256, seed=number // 256)[number % 256]
        assert (task.question_text(question), task.answer(question)) == (entry["question"], entry["answer"])
        assert judge.score_answer(task.answer(question), entry) == 1


def test_a_problem_is_asked_by_its_number(chain_sum: Task) -> None:
    question = chain_sum.parse("#5")
    assert question == chain_sum.parse("5") == chain_sum.parse(question)
    for typed in ("", "12+34", "#-1", "#5 another", "#" + "9" * 18, "#" + "9" * 100):
        with pytest.raises(QuestionError):
            chain_sum.parse(typed)


def test_training_never_meets_what_is_held_out(chain_sum: Task) -> None:
    kept, trained = (
        set(chain_sum.prompts(chain_sum.stream(300, seed=0, split=split, rank=0, step=0)).to_strings())
        for split in ("held-out", "train")
    )
    assert len(kept) > 250
    assert not kept & trained


def test_solvers_mistakes_and_characters(task: Task) -> None:
    for solver, right in ((ExactSolver(), 20), (WrongSolver(), 0), (RandomSolver(), None)):
        rows = ask(solver, task, [NO_SIZE], samples=20, seed=1)
        assert (rows.digits == "-").all()
        assert (rows.trained == "held out").all()
        if right is not None:
            assert (rows.outcome == "right").sum() == right
        found = find_mistakes(task, rows)
        assert len(found) == (rows.outcome != "right").sum()
        assert set(count_kinds(found).kind) <= {"wrong text", "unreadable"}
        for one in found:
            assert repr(one.expected) in str(one)
        first_errors(task, rows)
    with pytest.raises(ValueError, match="digits 3: task rg:.* has no operands"):
        ask(ExactSolver(), task, [(3, 3)], samples=1, seed=1)


def test_lengths_and_options_that_it_lacks_are_named(chain_sum: Task) -> None:
    with pytest.raises(ValueError, match="task rg:chain_sum has no operands to count the digits of"):
        make("rg:chain_sum", "1-6")
    for options, said in (
        ({"max_term": 3}, "options.max_term: rg:chain_sum has no such option; there are: .*max_terms"),
        ({"seed": 3}, "options.seed: "),
        ({"max_terms": 0}, "options = {'max_terms': 0}: max_terms must be >= min_terms"),
    ):
        with pytest.raises(ValueError, match=said):
            type(chain_sum)(options)
    with pytest.raises(ValueError, match="rg:chain_smu: .* did you mean rg:chain_sum?"):
        find("rg:chain_smu")


@pytest.mark.parametrize(
    ("reply", "strict", "lenient"),
    [
        ("{right}", True, True),
        ("+0{right}.0", True, True),
        ("<think>7</think>\n{right}\n", True, True),
        ("I add them up.\nThe answer is **{right}**.", False, True),
        ("Answer: {right}", False, True),
        (r"\boxed{{{right}}} it is, not 17", False, True),
        ("<answer>{right}</answer>", False, True),
        ("no idea", False, False),
        ("", False, False),
    ],
)
def test_replies_of_outside_models_are_judged_by_the_data_set(
    chain_sum: Task, monkeypatch: pytest.MonkeyPatch, reply: str, strict: bool, lenient: bool
) -> None:
    kind = type(chain_sum)({"max_terms": 2, "max_digits": 1})
    question = next(q for q in kind.questions(kind.sample(np.random.default_rng(5), 50)) if 0 < int(kind.answer(q)) < 10)
    chats = []

    async def solve(self: LLMSolver, asked: list[list[dict[str, str]]]) -> list[Answer]:
        chats.extend(asked)
        return [read_reply(reply.format(right=kind.answer(question)), finished=True)]

    monkeypatch.setattr(LLMSolver, "_solve", solve)
    [answer] = LLMSolver("m", "http://localhost/v1", shots=2).solve(kind, kind.problems([question]))
    assert (answer.text == kind.answer(question), answer.lenient == kind.answer(question)) == (strict, lenient)
    system, *shots, last = (turn["content"] for turn in chats[0])
    assert "digit" not in system
    assert last == kind.question_text(question)
    assert not last.startswith("#")
    assert len(shots) == 4
    prompt = prompting.completion_prompt(prompting.draw_shots(kind, 2, 0), last, "text")
    assert prompt.endswith(f"{last}\nAnswer:")


SMALL = [
    *("--task", "rg:chain_sum", "--steps", "100", "--set", "task.options.max_terms=2", "--set", "task.options.max_digits=1"),
    *("--set", "model.n_layer=1", "--set", "model.n_embd=32", "--set", "model.n_head=2", "--set", "train.batch_size=16"),
    *("--set", "train.eval_samples=8", "--set", "train.eval_every=25", "--set", "train.checkpoint_every=50"),
]


def test_train_stop_resume_and_evaluate(chain_sum: Task, arithgpt: Call, tmp_path: Path) -> None:
    whole = arithgpt("train", *SMALL, "--name", "whole")
    assert whole.returncode == 0, whole.stderr
    assert "chain_sum of reasoning-gym\n" in whole.stdout
    with subprocess.Popen([sys.executable, "-m", "arithgpt", "train", *SMALL], stdout=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().lstrip().startswith("25 "):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "go on with: arithgpt train --resume --name rg-chain_sum" in rest
    resumed = arithgpt("train", "--resume", "--name", "rg-chain_sum")
    assert "all steps done: step 100" in resumed.stdout, resumed.stderr
    runs = [load_tensors(tmp_path / "runs" / name / "weights.safetensors")[0] for name in ("whole", "rg-chain_sum")]
    assert all((runs[0][name] == runs[1][name]).all() for name in runs[0])
    done = arithgpt("eval", "whole", "--samples", "20", "--mistakes")
    assert done.returncode == 0, done.stderr
    assert "whole, rg:chain_sum: exact match" in done.stdout
    listed = arithgpt("runs", COLUMNS="200").stdout
    assert "rg-chain_sum" in listed
    assert "0-0" not in listed
    asked = arithgpt("calc", "--run", "whole", "#7")
    assert asked.returncode in (0, 1), asked.stderr
    assert asked.stdout.startswith("#7 State the final answer")
    assert arithgpt("calc", "--run", "whole", "12+34").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--task", "rg:chain_smu"), ("--task rg:chain_smu", "did you mean rg:chain_sum?")),
        (("train", "--task", "rg:chain_sum", "--digits", "3"), ("digits: no such field", "options")),
        (("train", "--task", "rg:chain_sum", "--set", "task.options.max_term=3"), ("options.max_term", "max_terms")),
        (("eval", "exact", "--task", "rg:chain_sum", "--digits", "3"), ("digits 3", "no operands")),
        (("eval", "exact", "--task", "rg:chain_sum", "--suite", "edges"), ("--suite edges", "random")),
        (("eval", "exact", "--task", "rg:composite"), ("--task", "composite")),
        (("falsify", "exact", "--task", "rg:chain_sum"), ("rg:chain_sum", "none of them")),
        (("export-lm-eval", "rg:chain_sum", "--out", "x"), ("rg:chain_sum", "free text")),
        (
            ("train", "--task", "rg:chain_sum", "--set", "model.positions=learned", "--set", "model.block_size=16"),
            ("model.block_size = 16",),
        ),
    ],
)
def test_bad_input_is_one_clear_line(
    chain_sum: Task, arithgpt: Call, arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    done = arithgpt(*arguments)
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    for part in said:
        assert part in done.stderr

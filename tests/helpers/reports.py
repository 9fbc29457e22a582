"""Results to draw reports of: solvers that make mistakes, runs with a log, seeds of one recipe; and a reader of pages."""

from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

from eval.evaluate import evaluate
from eval.result import EvalResult
from eval.solver import Answer, Solver
from eval.solvers.reference import ExactSolver
from eval.spec import EvalSpec
from tasks import Problems, ProblemSize, Task
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.multiplication import Multiplication

VOID = {"meta", "br"}
HOSTILE = "<script>alert('1')</script> & \"7\" \x00\x1b[1m\u202e"
RECIPE = 'seed = {}\n[task]\nname = "add"\n'


class Slips:
    """Right but for every third problem, which gets some text, and every `fails`th, which cannot be asked."""

    name = HOSTILE

    def __init__(self, fails: int = 10**9) -> None:
        self.fails = fails

    def solve(self, task: Task, problems: Problems) -> Sequence[Answer]:
        answers = []
        for row, question in enumerate(task.questions(problems), 1):
            answer = Answer(None, HOSTILE, page=False) if row % 3 == 0 else Answer(task.answer(question), page=False)
            answers.append(Answer(None, failed=f"HTTP 500 {HOSTILE}", page=False) if row % self.fails == 0 else answer)
        return answers


def evaluated(solver: Solver, task: Task, sizes: Sequence[ProblemSize], **rest: object) -> EvalResult:
    return evaluate(solver, task, EvalSpec(sizes, ("random", "edges"), samples=30, seed=1), **rest)


def adder(solver: Solver | None = None, **rest: object) -> EvalResult:
    return evaluated(solver or Slips(), Addition(digits="1-3"), [(1, 1), (3, 3), (5, 5)], **rest)


def grid() -> EvalResult:
    sizes = [(left, right) for left in (1, 2, 3) for right in (1, 2, 3)]
    return evaluated(Slips(), Multiplication(digits="1-2,3x1"), sizes)


class Reader(HTMLParser):
    """Checks that every element is closed, and gathers the cells of the tables row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def log(seed: int, scale: float = 1.0) -> list[dict]:
    losses = [{"step": step, "examples": 64 * step, "seconds": seed * step, "loss": scale / step} for step in range(10, 41, 10)]
    return [*losses, {"step": 40, "seconds": 40 * seed, "accuracy": {"1": scale / 4, "3": scale / 8}}]


def seeds() -> list[EvalResult]:
    runs = [
        adder(ExactSolver() if seed else Slips(), recipe=RECIPE.format(seed), metrics=log(seed + 1, 1 + seed))
        for seed in range(3)
    ]
    return [replace(run, name=f"add-{seed}") for seed, run in enumerate(runs)]

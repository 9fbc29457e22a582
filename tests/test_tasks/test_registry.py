"""Tasks by name, and tasks from outside the package: by file and by entry point."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.paths import MAXIMUM_TASK

import tasks
from tasks import NO_SIZE, Fault, QuestionError, Row, Task
from tasks.outside import load_task_file
from tasks.registration import BUILT_IN, unregister


@pytest.fixture
def task() -> Iterator[Task]:
    """The example task, with its default options."""
    [made] = load_task_file(MAXIMUM_TASK)
    yield made()
    unregister("maximum")


def test_every_built_in_task_has_its_name() -> None:
    assert set(tasks.names()) == set(BUILT_IN)
    for name in BUILT_IN:
        assert (tasks.find(name).name, tasks.make(name).name) == (name, name)


def test_only_the_task_that_is_asked_for_is_imported() -> None:
    code = "import sys, tasks; tasks.make('add'); print(*(m for m in sys.modules if m.startswith('tasks.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tasks.arithmetic.addition" in loaded
    assert not [
        name for name in loaded if name.startswith(("tasks.expression", "tasks.strings", "tasks.numbers", "tasks.adapters"))
    ]


def test_an_unknown_name_gets_a_near_one() -> None:
    with pytest.raises(ValueError, match=r"^ad: no such task; did you mean add\? there are: add, arith, .*, and rg:NAME"):
        tasks.find("ad")
    with pytest.raises(ValueError, match=r"^7: no such task; there are"):
        tasks.find(7)


def test_the_example_has_at_most_forty_lines() -> None:
    assert len(MAXIMUM_TASK.read_text().splitlines()) <= 40


def test_a_task_of_a_file_is_found_by_name(task: Task) -> None:
    assert "maximum" in tasks.names()
    assert tasks.make("maximum") == task
    assert tasks.find("maximum")(longest=8) != task
    with pytest.raises(ValueError, match="maxium: no such task; did you mean maximum"):
        tasks.find("maxium")
    assert load_task_file(str(MAXIMUM_TASK)) == [type(task)]  # not run again


def test_a_task_of_four_methods_has_all_others(task: Task) -> None:
    problems = task.sample(np.random.default_rng(0), 50)
    pages, questions = task.pages(problems), task.questions(problems)
    assert task.example == questions[0]
    assert task.prompts(problems).to_strings() == [f"{question}=" for question in questions]
    for question, page, most in zip(questions, pages.texts(), task.max_new_tokens(problems).tolist(), strict=True):
        answer = page.partition("=")[2][:-1]
        assert task.answer(question) == answer == max(question)
        assert task.extract(answer, question) == answer
        assert most >= 2
        assert task.verify(question, answer) is None
        assert task.render(question, answer) == [
            Row(question, "given"),
            Row("-" * len(question), "rule"),
            Row(answer, "answer"),
        ]
        assert task.parse(f" {question} ") == question
    assert task.verify("3,7,1", "3") == Fault(1, "3", "the answer is 7, not 3")
    assert [row.kind for row in task.render("3,7,1", "")] == ["given", "rule"]
    assert (task.question_text("3,7"), task.expression_only("3,7"), task.is_exact("3,7")) == ("3,7", "3,7", True)
    assert task.with_scratchpad() is None
    assert task.subtasks == {"maximum": task}
    assert task.split_rule.startswith("A stable 64-bit hash of a problem's text decides: one in 16 is `held-out`")


@pytest.mark.parametrize(
    ("typed", "message", "place"),
    [
        ("  ", "empty: expected a question like ", 0),
        (" a", "task maximum cannot read it: expected a question like ", 1),
        ("3,,4", "task maximum cannot read it: ", 0),
        ("3, 4", "' ' is not in the alphabet: ", 2),
    ],
)
def test_a_question_of_another_form_is_refused(task: Task, typed: str, message: str, place: int) -> None:
    with pytest.raises(QuestionError, match=message) as caught:
        task.parse(typed)
    assert (caught.value.text, caught.value.place) == (typed, place)


def test_a_task_without_sizes_has_test_problems_that_are_held_out(task: Task) -> None:
    assert (task.size_span.low, task.size_span.high, task.long_sizes) == (0, 0, [])
    asked = task.test(60, NO_SIZE, seed=1)
    assert task.held_out(asked).all()
    assert task.in_range(asked).all()
    assert len(set(task.questions(asked))) == 60
    assert task.questions(task.test(60, NO_SIZE, seed=1)) == task.questions(asked)
    trained = task.stream(500, seed=0, split="train", rank=0, step=0)
    assert not task.held_out(trained).any()
    assert (
        task.batch(4, seed=0, split="train", rank=0, step=3).texts()
        == task.batch(4, seed=0, split="train", rank=0, step=3).texts()
    )
    share = task.held_out(task.sample(np.random.default_rng(0), 4000)).mean()
    assert 0.03 < share < 0.1
    with pytest.raises(ValueError, match=r"^digits 3: task maximum has no operands to count the digits of$"):
        task.test(5, tasks.ProblemSize(3, 3), seed=0)
    with pytest.raises(ValueError, match=r"^digits = '3': task maximum has no operands to count the digits of$"):
        tasks.make("maximum", "3")


def test_a_task_with_sizes_has_test_problems_of_one_size() -> None:
    [made] = load_task_file(MAXIMUM_TASK)
    unregister("maximum")

    class Sized(made):
        size_names = ("numbers", "numbers")

        @property
        def size_ranges(self) -> tuple[tasks.SizeRange, ...]:
            return (tasks.SizeRange(tasks.Span(2, self.longest), tasks.Span(2, self.longest), equal=True),)

        def sizes_of(self, problems: tasks.Problems) -> tuple[np.ndarray, np.ndarray]:
            count = (problems.fields[0].lengths + 1) // 2
            return count, count

    task = Sized()
    asked = task.test(40, tasks.ProblemSize(4, 4), seed=0)
    assert (task.sizes_of(asked)[0] == 4).all()
    assert task.held_out(asked).all()
    assert not task.in_range(Sized(longest=9).test(5, tasks.ProblemSize(8, 8), seed=0)).any()
    with pytest.raises(ValueError, match=r"^7: task maximum samples no problems of this size$"):
        task.test(5, tasks.ProblemSize(7, 7), seed=0)


BROKEN = {
    "import numpy as np": ("import numpi", r"does not import: line \d+: ModuleNotFoundError: No module named 'numpi'"),
    "@register\n": ("", r"registers no task: decorate its class with @tasks\.register"),
    "class Maximum(Task):": ("class Maximum(Task:", r"does not import: line \d+: SyntaxError: .*"),
    "class Maximum(Task)": ("class Maximum(Problems)", r"<class '.*Maximum'> is not a subclass of tasks\.Task"),
    'name = "maximum"': (
        'name = "add"',
        r"does not import: line \d+: ValueError: task 'add': the name is taken by tasks\..*Addition",
    ),
    'name = "maximum"\n': ('name = "Max imum"\n', r"Maximum\.name: 'Max imum' must be lower-case letters, .*"),
    'summary = "the largest digit of a list"': ("", r"Maximum\.summary: is missing, or is not a string"),
    "longest: int = 5": ("longest: int", r"Maximum\(\): TypeError: .*'longest'; each option needs a default"),
    "def sample": ("def draw", r"Maximum\.sample: is missing"),
    "return Problems.from_questions([": ("return list([", r"Maximum\.sample: returns list, not Problems"),
    "for _ in range(n)": ("for _ in range(3)", r"Maximum\.sample: returns 3 problems where 32 are asked for"),
    "lists = [rng": ("rng = np.random.default_rng()\n        lists = [rng", r"Maximum\.sample: draws other problems from .*"),
    "return Pages.from_texts": ("return list", r"Maximum\.pages: TypeError: .*"),
    "largest)\n": ("largest).texts()\n", r"Maximum\.pages: returns list, not Pages"),
    "largest)": (
        "largest)[np.arange(3)]",
        r"Maximum\.pages: returns 3 pages of 32 problems",
    ),
    '{question}="': ('{question}=$"', r"Maximum\.pages: '.*' must end with the stop '\$' and have no other"),
    '"0123456789,=$"': ('"0123456789=$"', r"Maximum\.alphabet: lacks ',', which is on the page '.*'"),
    '"0123456789,=$"\n': ('"0123456789,="\n', r"Maximum\.alphabet: must hold each character once, and the stop '\$'"),
    "return completion if": (
        "return completion + '0' if",
        r"Maximum\.extract: reads '\d0' from its own page of .*, but `answer` gives '\d'",
    ),
    "return completion if completion": (
        "int(completion)\n        return completion if completion",
        r"Maximum\.extract: ValueError: invalid literal for int\(\) with base 10: ''",
    ),
    "return str(max(": ("return (max(", r"Maximum\.answer: returns int for '.*', not a string"),
}


@pytest.mark.parametrize(("old", "change"), BROKEN.items(), ids=[repr(new) for new, _ in BROKEN.values()])
def test_a_file_that_breaks_the_contract_is_named_with_its_method(tmp_path: Path, old: str, change: tuple[str, str]) -> None:
    new, message = change
    file = tmp_path / "broken_task.py"
    text = MAXIMUM_TASK.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    before = tasks.names()
    with pytest.raises(ValueError, match=rf"^{file}: {message}$") as caught:
        load_task_file(file)
    assert "\n" not in str(caught.value)
    assert tasks.names() == before
    file.write_text(text)  # mended, it can be loaded
    [made] = load_task_file(file)
    unregister(made.name)


def test_pages_without_the_stop_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "no_stop.py"
    cut = "def cut(pages: Pages) -> Pages:\n    return Pages(pages.chars, pages.prompt, pages.total - 1)\n"
    text = MAXIMUM_TASK.read_text().replace("return Pages.from_texts(", "return cut(Pages.from_texts(")
    file.write_text(text.replace("largest)\n", "largest))\n") + "\n\n" + cut)
    with pytest.raises(ValueError, match=r"Maximum\.pages: '.*=\d' must end with the stop '\$' and have no other$"):
        load_task_file(file)


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere.py", "No such file or directory"), ("task.txt", r"is not a Python file: its name must end with \.py")],
)
def test_a_file_that_is_not_there_or_not_python_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "task.txt").write_text("")
    with pytest.raises(ValueError, match=rf"{name}: {message}$"):
        load_task_file(tmp_path / name)


class _Entries:
    """Stands for the entry points of installed packages."""

    def __init__(self, **values: str) -> None:
        self.found = [importlib.metadata.EntryPoint(name, value, "arithgpt.tasks") for name, value in values.items()]

    def __call__(self, *, group: str, name: str | None = None) -> list[importlib.metadata.EntryPoint]:
        return [entry for entry in self.found if entry.group == group and name in (None, entry.name)]


def test_a_task_of_another_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MAXIMUM_TASK.parent))
    monkeypatch.setattr("tasks.outside.entry_points", _Entries(maximum="maximum_task:Maximum"))
    assert "maximum" in tasks.names()
    assert tasks.make("maximum").summary == "the largest digit of a list"
    assert tasks.make("maximum") == tasks.make("maximum")
    unregister("maximum")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gone", "no_such_module:Task", "does not import: ModuleNotFoundError: No module named 'no_such_module'"),
        ("wrong", "tasks.sizes:SizeRange", "<class 'tasks.sizes.SizeRange'> is not a subclass of tasks.Task"),
        ("other", "tasks.arithmetic.addition:Addition", "Addition.name is 'add', not 'other'"),
    ],
)
def test_a_broken_entry_point_is_named(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.outside.entry_points", _Entries(**{name: value}))
    with pytest.raises(ValueError, match=f"^entry point {name} = {value}: {message}$") as caught:
        tasks.find(name)
    assert "\n" not in str(caught.value)

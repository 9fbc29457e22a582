"""Checks that a task from outside the package keeps the contract of tasks/task.py, before anything is trained on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tasks.task import STOP, Pages, Problems, Task

_N: Final = 32
"""Problems that are tried."""
_NAME: Final = re.compile("[a-z][a-z0-9_-]*")


def check_contract(task: object) -> None:
    """Try a task on a few of its own problems.

    Args:
        task: the class, as registered.

    Raises:
        ValueError: it breaks the contract; one line that names the class, the method and what is wrong.
    """
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise ValueError(f"{task!r} is not a subclass of tasks.Task")
    _check_class(task)
    try:
        made = task()
    except Exception as error:
        raise ValueError(f"{task.__name__}(): {_reason(error)}; each option needs a default") from None
    problems = _check_sample(made)
    questions = _call(made, "questions", problems)
    _check_pages(made, problems, questions)
    for question, page, prompt in zip(questions, *_page_texts(made, problems), strict=True):
        _check_answer(made, question, page[len(prompt) : -1])


def _check_class(task: type[Task]) -> None:
    """Check what can be seen without making the task."""
    if missing := sorted(getattr(task, "__abstractmethods__", ())):
        raise ValueError(f"{task.__name__}.{missing[0]}: is missing")
    for attribute in ("name", "summary"):
        if not isinstance(getattr(task, attribute, None), str):
            raise ValueError(f"{task.__name__}.{attribute}: is missing, or is not a string")
    if not _NAME.fullmatch(task.name):
        raise ValueError(f"{task.__name__}.name: {task.name!r} must be lower-case letters, digits, - and _, a letter first")


def _check_sample(task: Task) -> Problems:
    """Problems that `sample` draws."""
    drawn = [_call(task, "sample", np.random.default_rng(1), _N) for _ in range(2)]
    problems = drawn[0]
    if not isinstance(problems, Problems):
        raise _fault(task, "sample", f"returns {type(problems).__name__}, not Problems")
    if len(problems) != _N:
        raise _fault(task, "sample", f"returns {len(problems)} problems where {_N} are asked for")
    if _call(task, "questions", drawn[0]) != _call(task, "questions", drawn[1]):
        raise _fault(task, "sample", "draws other problems from a generator with the same seed")
    return problems


def _check_pages(task: Task, problems: Problems, questions: list[str]) -> None:
    """Check that pages end with the stop, keep to the alphabet, and follow from the question alone."""
    alphabet = task.alphabet
    if len(set(alphabet)) != len(alphabet) or STOP not in alphabet:
        raise _fault(task, "alphabet", f"must hold each character once, and the stop {STOP!r}")
    pages = _call(task, "pages", problems)
    if not isinstance(pages, Pages):
        raise _fault(task, "pages", f"returns {type(pages).__name__}, not Pages")
    if len(pages) != len(problems):
        raise _fault(task, "pages", f"returns {len(pages)} pages of {len(problems)} problems")
    for page, prompt in zip(pages.texts(), pages.prompt.tolist(), strict=True):
        if not page.endswith(STOP) or STOP in page[:-1]:
            raise _fault(task, "pages", f"{page!r} must end with the stop {STOP!r} and have no other")
        if not 0 < prompt < len(page):
            raise _fault(task, "pages", f"the prompt of {page!r} has {prompt} characters; must be from 1 to {len(page) - 1}")
        if unknown := sorted(set(page) - set(alphabet)):
            raise _fault(task, "alphabet", f"lacks {unknown[0]!r}, which is on the page {page!r}")
    again = _call(task, "pages", _call(task, "problems", questions))
    if again.texts() != pages.texts():
        raise _fault(task, "problems", "does not give the same pages again for the questions that `questions` writes")


def _check_answer(task: Task, question: str, completion: str) -> None:
    """Check that the page of a question reads as its answer."""
    answer = _call(task, "answer", question)
    if not isinstance(answer, str):
        raise _fault(task, "answer", f"returns {type(answer).__name__} for {question!r}, not a string")
    found = _call(task, "extract", completion, question)
    if found != answer:
        raise _fault(task, "extract", f"reads {found!r} from its own page of {question!r}, but `answer` gives {answer!r}")
    for broken in ("", completion[:-1], completion * 2):
        if not isinstance(_call(task, "extract", broken, question), str | None):
            raise _fault(task, "extract", f"must return a string or None for the completion {broken!r}")
    if (plain := _call(task, "parse", question)) != question:
        raise _fault(task, "parse", f"gives {plain!r} for the plain question {question!r}")
    if fault := _call(task, "verify", question, completion):
        raise _fault(task, "verify", f"finds a fault in its own page of {question!r}: {fault}")
    _call(task, "render", question, completion)


def _page_texts(task: Task, problems: Problems) -> tuple[list[str], list[str]]:
    """The pages and their prompts."""
    return task.pages(problems).texts(), _call(task, "prompts", problems).to_strings()


def _call(task: Task, method: str, *args: Any) -> Any:
    """Call a method; an exception becomes a ValueError that names it."""
    function: Callable[..., Any] = getattr(task, method)
    try:
        return function(*args)
    except Exception as error:
        raise _fault(task, method, _reason(error)) from None


def _fault(task: Task, method: str, message: str) -> ValueError:
    return ValueError(f"{type(task).__name__}.{method}: {message}")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

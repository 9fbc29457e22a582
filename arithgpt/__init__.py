"""Small GPTs that do arithmetic on a page, trained from scratch. Importing this imports no torch.

>>> from arithgpt import Calculator
>>> Calculator()("123*45").answer
'5535'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from arithgpt.version import __version__ as __version__

if TYPE_CHECKING:
    from arithgpt.api import Run as Run
    from arithgpt.api import load as load
    from arithgpt.api import train as train
    from arithgpt.data.problem_stream import ProblemStream as ProblemStream
    from arithgpt.errors import UserError as UserError
    from arithgpt.evaluation import evaluate as evaluate
    from arithgpt.inference.calculator import Calculator as Calculator
    from arithgpt.inference.calculator import CalculatorAnswer as CalculatorAnswer
    from eval.result import EvalResult as EvalResult
    from eval.spec import EvalSpec as EvalSpec
    from tasks.core.question import QuestionError as QuestionError

__all__ = [
    *("Calculator", "CalculatorAnswer", "EvalResult", "EvalSpec", "ProblemStream", "QuestionError", "Run", "UserError"),
    *("evaluate", "load", "train"),
]

_MODULES = {
    "Calculator": "arithgpt.inference.calculator",
    "CalculatorAnswer": "arithgpt.inference.calculator",
    "EvalResult": "eval.result",
    "EvalSpec": "eval.spec",
    "ProblemStream": "arithgpt.data.problem_stream",
    "QuestionError": "tasks.core.question",
    "Run": "arithgpt.api",
    "UserError": "arithgpt.errors",
    "evaluate": "arithgpt.evaluation",
    "load": "arithgpt.api",
    "train": "arithgpt.api",
}
"""Where each public name is defined; it is imported when it is first used."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'arithgpt' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""What a problem is: infinite streams of arithmetic problems as pages of text. NumPy only.

>>> from tasks import TASKS
>>> task = TASKS["add"](digits="3")
>>> task.batch(2, seed=0, split="train", rank=0, step=0).texts()
['383+711=005$', '553+329=8721$']
"""

from tasks.arithmetic import addition, division, mixture, multiplication, subtraction  # noqa: F401  importing registers
from tasks.core.scratchpad import Fault, Row, drawn
from tasks.expression import task as _expression  # noqa: F401
from tasks.numbers import base, compare, gcd, modadd  # noqa: F401
from tasks.numbers import sum as _sum  # noqa: F401
from tasks.reasoning import reachability, rewriting  # noqa: F401
from tasks.registry import find, make
from tasks.sizes import MAX_DIGITS, ProblemSize
from tasks.strings import copy, count, parity, reverse, sort  # noqa: F401
from tasks.task import STOP, TASKS, Pages, Problems, QuestionError, Split, Task

__all__ = [
    "MAX_DIGITS",
    "STOP",
    "TASKS",
    "Fault",
    "Pages",
    "ProblemSize",
    "Problems",
    "QuestionError",
    "Row",
    "Split",
    "Task",
    "drawn",
    "find",
    "make",
]

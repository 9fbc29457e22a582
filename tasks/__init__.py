"""What a problem is: infinite streams of arithmetic problems as pages of text. NumPy only.

>>> from tasks import TASKS
>>> task = TASKS["add"](digits="3")
>>> task.batch(2, seed=0, split="train", rank=0, step=0).texts()
['383+711=005$', '553+329=8721$']
"""

from tasks import (  # noqa: F401  importing registers
    addition,
    comparison,
    conversion,
    copying,
    counting,
    division,
    expression,
    gcd,
    graph,
    mixture,
    modadd,
    multiplication,
    parity,
    reversal,
    rewriting,
    sorting,
    subtraction,
    summation,
)
from tasks.base import STOP, TASKS, Pages, Problems, QuestionError, Split, Task
from tasks.lengths import MAX_DIGITS, Cell
from tasks.names import find, make
from tasks.working import Fault, Row, drawn

__all__ = [
    "MAX_DIGITS",
    "STOP",
    "TASKS",
    "Cell",
    "Fault",
    "Pages",
    "Problems",
    "QuestionError",
    "Row",
    "Split",
    "Task",
    "drawn",
    "find",
    "make",
]

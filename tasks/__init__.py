"""What a problem is: infinite streams of problems as pages of text. NumPy only.

>>> import tasks
>>> task = tasks.make("add", digits="3")
>>> task.batch(2, seed=0, split="train", rank=0, step=0).texts()
['383+711=005$', '553+329=8721$']
"""

from tasks.core.question import QuestionError
from tasks.core.ragged import Ragged
from tasks.core.scratchpad import Fault, Row, drawn
from tasks.registration import register
from tasks.registry import find, make, names
from tasks.sizes import MAX_DIGITS, NO_SIZE, ProblemSize, SizeRange, Span
from tasks.task import STOP, Pages, Problems, Split, Task

__all__ = [
    "MAX_DIGITS",
    "NO_SIZE",
    "STOP",
    "Fault",
    "Pages",
    "ProblemSize",
    "Problems",
    "QuestionError",
    "Ragged",
    "Row",
    "SizeRange",
    "Span",
    "Split",
    "Task",
    "drawn",
    "find",
    "make",
    "names",
    "register",
]

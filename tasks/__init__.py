"""What a problem is: infinite streams of arithmetic problems as pages of text. NumPy only.

>>> from tasks import TASKS
>>> task = TASKS["add"](digits=(3, 3))
>>> task.batch(2, seed=0, split="train", rank=0, step=0).texts()
['383+711=005$', '553+329=8721$']
"""

from tasks import addition  # noqa: F401  a task registers itself when its module is imported
from tasks.base import MAX_DIGITS, STOP, TASKS, Pages, Problems, QuestionError, Split, Task

__all__ = ["MAX_DIGITS", "STOP", "TASKS", "Pages", "Problems", "QuestionError", "Split", "Task"]

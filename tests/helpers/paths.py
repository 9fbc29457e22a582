"""Where the files lie that tests read."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
MAXIMUM_TASK = TESTS / "examples" / "maximum_task.py"
TYPED_EXPRESSIONS = TESTS / "expressions.txt"
COUNT_CALLS = TESTS / "helpers" / "count_calls.py"

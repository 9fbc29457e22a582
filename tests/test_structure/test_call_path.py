"""How much of the project one question to the calculator goes through."""

import json
import subprocess
import sys
from typing import TypeAlias

import pytest
from helpers.paths import COUNT_CALLS

Counts: TypeAlias = tuple[str, list[str], int, dict[str, int], bool]
"""What the command printed; the files; the number of calls; those repeated; whether torch was imported."""

MAX_FILES, MAX_CALLS = 27, 700
COUNT = """
import json, sys
sys.path.insert(0, {folder!r})
from count_calls import count_calls
counts = count_calls()
print(json.dumps([counts.output, list(counts.files), counts.calls.total(), counts.repeated, "torch" in sys.modules]))
"""


@pytest.fixture(scope="module")
def counts() -> Counts:
    """Count in a process of its own, which has imported and asked nothing before."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(folder=str(COUNT_CALLS.parent))],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return tuple(json.loads(done.stdout))


def test_a_question_is_answered_without_torch(counts: Counts) -> None:
    output, _, _, _, torch_imported = counts
    assert output == "123*45 = 5535  right\n"
    assert not torch_imported


def test_a_question_makes_few_calls(counts: Counts) -> None:
    _, _, n_calls, _, _ = counts
    assert n_calls <= MAX_CALLS


def test_a_question_enters_few_files(counts: Counts) -> None:
    _, files, _, _, _ = counts
    assert len(files) <= MAX_FILES, sorted(files)


def test_no_function_is_called_twice_with_the_same_arguments(
    counts: Counts,
) -> None:
    _, _, _, repeated, _ = counts
    assert repeated == {}

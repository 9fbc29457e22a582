"""The command calc: answers, pipes, signals and what it refuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line

from arithgpt.training.checkpoint import load_tensors, save_tensors

small = pytest.mark.usefixtures("runs")


@small
def test_calc_answers_and_checks(new_arithgpt: Call) -> None:
    done = new_arithgpt("calc", "--run", "small", "12+34", "9 + 9")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "12+34 = 46  right\n9+9 = 18  right\n"
    assert new_arithgpt("calc", "--run", "small", "--quiet", "12+34").stdout == "46\n"


@small
def test_calc_json(arithgpt: Call) -> None:
    done = arithgpt("calc", "--json", "--run", "small", "12+34")
    answer = json.loads(done.stdout)
    expected = {"expression": "12+34", "answer": "46", "correct": True, "expected": "46", "working": "21+43=64", "run": "small"}
    assert answer == expected | {"exact": True, "beyond_training": False, "fault": None}


def test_calc_needs_no_run(arithgpt: Call) -> None:
    done = arithgpt("calc", "--working", "123*45", "5/0")
    assert (done.returncode, done.stderr) == (1, "")
    drawn = "  123\n * 45\n-----\n  615   5 * 123\n 492    4 * 123\n-----\n 5535\n\n123*45 = 5535  right\n"
    assert done.stdout.startswith(drawn)
    assert done.stdout.endswith("5/0: division by zero\n")


@small
def test_calc_reads_a_pipe_and_goes_on_after_bad_lines(new_arithgpt: Call) -> None:
    done = new_arithgpt(
        "calc", "--run", "small", "--quiet", stdin=b"1+2\n\n3+\r\nhello\n\xff\xfe+1\n40+2\n" + b"x" * 1_000_000 + b"\n7+7"
    )
    assert done.returncode == 2
    assert done.stdout.split() == ["3", "42", "14"]
    faults = [line for line in done.stderr.splitlines() if line.startswith("arithgpt")]
    assert [line.split(":")[1].strip() for line in faults] == ["line 2", "line 3", "line 4", "line 5", "line 7"]
    assert len(done.stderr) < 2000
    assert "Traceback" not in done.stderr


@small
def test_a_pipe_is_answered_line_by_line() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "arithgpt", "calc", "--run", "small", "--quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for question, answer in (("1+2", "3"), ("12+34", "46")):  # the second is asked after the first was answered
        process.stdin.write(question + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == answer + "\n"
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("stop", ["close", "interrupt"])
def test_a_closed_pipe_or_ctrl_c_does_not_abort(stop: str) -> None:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-m", "arithgpt", "calc", "--quiet"], **pipes) as process:
        process.stdin.write(b"1+2\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"3\n"
        if stop == "close":
            process.stdout.close()
            process.stdin.write(b"1+2\n")
            process.stdin.flush()
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) > 0  # not ended by a signal of its own, as an abort would be
        assert b"Fatal" not in process.stderr.read()


@small
def test_calc_marks_the_place(arithgpt: Call) -> None:
    done = arithgpt("calc", "12+3x4")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == ["  12+3x4", "      ^"]


@pytest.mark.parametrize("expression", ["", " ", "abc", "1+", "+", "1+2)", "💥"])
@small
def test_bad_expressions(arithgpt: Call, expression: str) -> None:
    done = arithgpt("calc", expression)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("arithgpt: ")
    assert "Traceback" not in done.stderr


@small
def test_an_empty_expression_is_one_clear_line(arithgpt: Call) -> None:
    one_clear_line(arithgpt("calc", " "), "empty")


def test_long_operands_have_a_bound(arithgpt: Call) -> None:
    done = arithgpt("calc", "9" * 5000 + "*2", "9" * 900 + "*" + "9" * 900, "1+1")
    assert (done.returncode, done.stdout) == (2, "1+1 = 2  right\n")
    assert "an expression of 5000 digits: at most 2000" in done.stderr
    assert "at most 20,000 are written" in done.stderr


@small
def test_calc_says_wrong_with_status_1(arithgpt: Call, runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "bad"
    shutil.copytree(runs / "small", folder)
    tensors, notes = load_tensors(folder / "weights.safetensors")
    tensors["head.weight"] = tensors["head.weight"].roll(1, 0)  # every character becomes the next
    save_tensors(folder / "weights.safetensors", tensors, notes)
    done = arithgpt("calc", "--json", "--run", str(folder), "1234+5")
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert (answer["expected"], answer["correct"], answer["beyond_training"]) == ("1239", False, True)
    assert answer["answer"] != "1239"
    done = arithgpt("calc", "--quiet", "--run", str(folder), "12+34")
    assert (done.returncode, done.stdout.split()[-4:]) == (1, ["wrong:", "it", "is", "46"])


COUNT_THREADS = """
import os, sys
sys.argv = ["arithgpt", "calc", "--quiet", "123*45"]
from arithgpt.cli import main
try:
    main()
except SystemExit:
    print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux lists them")
@pytest.mark.parametrize(("settings", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, min(2, os.cpu_count() or 1))])
def test_numpy_has_one_thread_unless_told(settings: dict[str, str], threads: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | settings
    done = subprocess.run([sys.executable, "-c", COUNT_THREADS], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == f"5535\n{threads}\n"


def test_a_terminal_that_lacks_a_character_shows_another_one(new_arithgpt: Call) -> None:
    done = new_arithgpt("calc", "1/3", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1/3 ? 0.3333333333  right\n", "")

"""Tables in a narrow terminal, in one of 80 columns and in a pipe: what one may want to copy is there whole."""

import re
import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call, in_terminal

from arithgpt.cli import COMMANDS
from arithgpt.cli.shared.lengths import LENGTHS_HELP
from arithgpt.run_folder import RunFolder

WIDTHS = ["40", "80", ""]
"""COLUMNS; an empty one leaves a pipe without a width."""
LONG = "an-adder-whose-name-is-as-long-as-names-of-runs-become"
TAKE_LENGTHS = ("train", "sweep", "ablate", "eval", "compare", "export-data", "export-lm-eval")


@pytest.fixture
def long_name(trained: RunFolder, tmp_path: Path) -> str:
    """A run with a name that is wider than a narrow terminal."""
    shutil.copytree(trained.path, tmp_path / "runs" / LONG)
    shutil.copytree(trained.path, tmp_path / "runs" / "short")
    return LONG


def is_whole(text: str, width: str, *parts: str) -> None:
    """Check that each part is in one line, that nothing is cut, and that only lines with such a part leave the width."""
    assert "…" not in text
    for part in parts:
        assert any(part in line for line in text.splitlines()), part
    if width:
        wide = [line for line in text.splitlines() if len(line) > int(width)]
        assert [line for line in wide if not any(part in line for part in parts)] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_runs(arithgpt: Call, long_name: str, width: str) -> None:
    done = arithgpt("runs", COLUMNS=width)
    assert (done.returncode, done.stderr) == (0, "")
    is_whole(done.stdout, width, long_name, "short", "26,168")
    if not width:
        assert re.search(rf"^{long_name} +add +1-3 .*26,168", done.stdout, re.MULTILINE)


def test_a_real_terminal_has_a_width(long_name: str) -> None:
    status, shown = in_terminal("runs", width=40)
    assert status == 0
    is_whole(re.sub(r"\x1b\[[0-9;]*m", "", shown), "40", long_name, "short")


@pytest.mark.parametrize("width", WIDTHS)
def test_eval_with_mistakes(arithgpt: Call, long_name: str, width: str) -> None:
    options = ("--digits", "1-2,30", "--samples", "5", "--suite", "random,edges", "--mistakes")
    done = arithgpt("eval", long_name, "short", *options, COLUMNS=width)
    assert (done.returncode, done.stderr) == (0, "")
    assert "…" not in done.stdout
    for part in (f"{long_name}, add: exact match by digit length", "held out", "beyond", "edges", "median"):
        assert part in done.stdout
    tables = done.stdout.split("exact match of each, and the median\n")[1]
    is_whole(tables, width, long_name, "short")


@pytest.mark.parametrize("width", WIDTHS)
def test_compare(arithgpt: Call, long_name: str, width: str) -> None:
    done = arithgpt("compare", long_name, "random", "--digits", "1-2", "--samples", "5", COLUMNS=width)
    assert (done.returncode, done.stderr) == (0, "")
    is_whole(done.stdout, width, long_name, f"only {long_name}", "only random", "median")


@pytest.mark.parametrize("width", WIDTHS)
def test_inspect(arithgpt: Call, width: str) -> None:
    done = arithgpt("inspect", "calculator", "123+989", COLUMNS=width)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("123+989 = 1112  right\n321+989=2111$\n")
    heads = done.stdout.split("from the cell to be written:\n")[1].split("kernels:")[0]
    kernels = done.stdout.split("of the bos token:\n")[1]
    is_whole(heads, width, "1.28", "3.8")
    is_whole(kernels, width, "1.28", "3.8")
    assert kernels.count("×") >= 28 + 16 + 8
    for axis in ("place", "digit", "number", "token", "line"):
        assert axis in kernels


@pytest.mark.parametrize("width", WIDTHS)
def test_bench(arithgpt: Call, width: str) -> None:
    done = arithgpt("bench", "generators", "--repeats", "1", "--seconds", "0.001", COLUMNS=width)
    assert (done.returncode, done.stderr) == (0, "")
    assert "…" not in done.stdout
    for part in ("generators: mul, 1-4 digits", "textbook", "lowest-highest", "ratio"):
        assert part in done.stdout


@pytest.mark.parametrize("command", TAKE_LENGTHS)
def test_every_command_reads_lengths_by_the_same_sentence(arithgpt: Call, command: str) -> None:
    assert LENGTHS_HELP in " ".join(arithgpt(command, "--help").stdout.split())


def test_no_other_command_takes_lengths(arithgpt: Call) -> None:
    for command in COMMANDS.keys() - set(TAKE_LENGTHS):
        assert "LENGTHS" not in arithgpt(command, "--help").stdout


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (("train",), "--digits"),
        (("eval", "exact", "--task", "add"), "--digits"),
        (("compare", "exact", "wrong", "--task", "add"), "--digits"),
        (("export-data", "add", "--out", "x.jsonl"), "--digits"),
        (("ablate", "add", "--vary", "n_layer=1,2"), "--ood-digits"),
        (("sweep", "x.toml"), "--eval-digits"),
    ],
)
@pytest.mark.parametrize("text", ["0", "8-1", "x", "1-2001", ""])
def test_wrong_lengths_are_one_line_that_names_the_option(
    arithgpt: Call, command: tuple[str, ...], flag: str, text: str
) -> None:
    done = arithgpt(*command, flag, text)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"arithgpt: {flag} {text}: ")
    assert "from 1 to 2000" in done.stderr

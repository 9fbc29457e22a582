"""The command line as users meet it: real processes, real pipes, bad input."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line

from arithgpt.run import shipped_run
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
def test_calc_marks_the_place(arithgpt: Call) -> None:
    done = arithgpt("calc", "12+3x4")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == ["  12+3x4", "      ^"]


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


@small
def test_eval_writes_what_it_shows(arithgpt: Call, runs: Path, tmp_path: Path) -> None:
    options = ("--digits", "1-2,5", "--samples", "50", "--seed", "3")
    done = arithgpt("eval", "small", *options, "--json", str(tmp_path / "a.json"), "--csv", str(tmp_path / "a.csv"))
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads((tmp_path / "a.json").read_text())
    assert [row["digits"] for row in report["results"] if row["suite"] == "random"] == ["1", "2", "5"]
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(row["n"] for row in report["results"])
    assert (runs / "small" / "eval.json").read_text() == (tmp_path / "a.json").read_text()
    assert arithgpt("eval", *options).returncode == 0
    assert (runs / "small" / "eval.json").read_text() == (tmp_path / "a.json").read_text()


@small
def test_runs_and_tasks_are_listed(arithgpt: Call) -> None:
    done = arithgpt("runs")
    assert done.returncode == 0
    for part in ("small", "add", "1-3", "26,168"):
        assert part in done.stdout
    assert "add" in arithgpt("tasks").stdout


def test_train_then_resume(arithgpt: Call, tmp_path: Path) -> None:
    first = arithgpt("train", "--digits", "2", "--steps", "20", "--name", "mine", "--set", "train.eval_samples=10")
    assert first.returncode == 0, first.stderr
    assert "all steps done: step 20, 1,280 examples" in first.stdout
    recipe = (tmp_path / "runs" / "mine" / "recipe.toml").read_text()
    assert 'digits = "1-2"' in recipe
    one_clear_line(arithgpt("train", "--name", "mine"), "mine", "--resume")
    one_clear_line(arithgpt("train", "--resume", "--name", "mine"), "nothing left to do", "20 of 20 steps", "--steps")
    one_clear_line(arithgpt("train", "--resume", "--name", "mine", "--steps", "10"), "has done 20 of 10 steps")
    assert (tmp_path / "runs" / "mine" / "recipe.toml").read_text() == recipe
    one_clear_line(arithgpt("train", "--resume", "--name", "mine", "--seed", "4"), "--seed")
    one_clear_line(arithgpt("train", "--resume", "--name", "mine", "--set", "model.n_layer=3"), "only --steps")
    more = arithgpt("train", "--resume", "--name", "mine", "--steps", "30")
    assert "going on from step 20" in more.stdout
    assert "step 30, 1,920 examples" in more.stdout


def test_the_calculator_that_ships_is_never_written(arithgpt: Call) -> None:
    before = (shipped_run().path / "weights.safetensors").read_bytes()
    one_clear_line(arithgpt("train", "--resume", "--name", "calculator", "--steps", "99999"), "calculator that ships")
    one_clear_line(arithgpt("train", "--name", "calculator", "--steps", "1"), "--name calculator", "another name")
    done = arithgpt("eval", "calculator", "--digits", "1", "--samples", "3")
    assert done.returncode == 0, done.stderr
    assert {file.name for file in shipped_run().path.iterdir()} == {"recipe.toml", "run.json", "weights.safetensors"}
    assert (shipped_run().path / "weights.safetensors").read_bytes() == before


def test_weights_without_a_checkpoint_are_not_overwritten(arithgpt: Call, tmp_path: Path) -> None:
    shutil.copytree(shipped_run().path, tmp_path / "runs" / "copy")
    one_clear_line(arithgpt("train", "--resume", "--name", "copy", "--steps", "99999"), "resume.safetensors: missing")


def test_a_run_that_cannot_begin_leaves_nothing(arithgpt: Call, tmp_path: Path) -> None:
    options = ("--set", "model.positions=learned", "--set", "model.block_size=115", "--task", "div", "--digits", "4")
    for _ in range(2):
        one_clear_line(arithgpt("train", *options, "--name", "x"), "model.block_size = 115", "at least the 120 characters")
    assert not (tmp_path / "runs" / "x").exists()


def test_eval_of_a_grid_with_mistakes(arithgpt: Call, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "bad"
    shutil.copytree(shipped_run().path, folder)
    tensors, notes = load_tensors(folder / "weights.safetensors")
    tensors["head.weight"][5] = 0  # it never says 5
    save_tensors(folder / "weights.safetensors", tensors, notes)
    done = arithgpt("eval", "bad", "--task", "mul", "--digits", "1-3x1-2", "--samples", "20", "--mistakes")
    assert done.returncode == 0, done.stderr
    for part in (
        "bad, mul, random: exact match in %",
        "bad, mul, edges: exact match in %",
        "the worst cell",
        "first wrong",
        "page    ",
        "wrote   ",
        "   ^",
    ):
        assert part in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads((folder / "eval.json").read_text())
    assert {(row["left"], row["right"]) for row in report["results"]} == {(a, b) for a in (1, 2, 3) for b in (1, 2)}
    done = arithgpt("eval", "bad", "--task", "add", "--digits", "6x1,1x6", "--samples", "20")
    assert done.returncode == 0, done.stderr
    one_clear_line(arithgpt("eval", "bad", "--task", "sqrt"), "--task sqrt", "add, sub, mul, div")
    one_clear_line(arithgpt("eval", "bad", "--suite", "nope"), "--suite nope", "random")
    one_clear_line(
        arithgpt("eval", "bad", "--task", "mul", "--suite", "exhaustive", "--digits", "9"), "exhaustive", "1,000,000"
    )


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


def test_long_operands_have_a_bound(arithgpt: Call) -> None:
    done = arithgpt("calc", "9" * 5000 + "*2", "9" * 900 + "*" + "9" * 900, "1+1")
    assert (done.returncode, done.stdout) == (2, "1+1 = 2  right\n")
    assert "an expression of 5000 digits: at most 2000" in done.stderr
    assert "at most 20,000 are written" in done.stderr


def test_a_run_without_a_checkpoint_starts_again(arithgpt: Call, new_arithgpt: Call, tmp_path: Path) -> None:
    options = ("--steps", "10", "--digits", "1", "--name", "early")
    assert arithgpt("train", *options).returncode == 0
    for file in ("resume.safetensors", "weights.safetensors", "run.json"):
        (tmp_path / "runs" / "early" / file).unlink()
    assert "all steps done: step 10" in new_arithgpt("train", "--resume", "--name", "early").stdout


@small
def test_one_bad_run_does_not_hide_the_others(arithgpt: Call, runs: Path, tmp_path: Path) -> None:
    for name, file, text in [
        ("a", "run.json", '{"accuracy": [1], "status": 3}'),
        ("b", "run.json", "[]"),
        ("c[red]", "recipe.toml", "seed = " + "9" * 5000),
        ("d", "metrics.jsonl", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")),
    ]:
        shutil.copytree(runs / "small", tmp_path / "runs" / name)
        (tmp_path / "runs" / name / file).write_text(text)
    done = arithgpt("runs", ARITHGPT_RUNS=str(tmp_path / "runs"))
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("unreadable", "c[red]", "26,168"):
        assert part in done.stdout


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


def test_help_names_every_command(new_arithgpt: Call) -> None:
    done = new_arithgpt("--help")
    assert done.returncode == 0
    for command in ("train", "eval", "calc", "runs", "tasks"):
        assert command in done.stdout
        assert new_arithgpt(command, "--help").returncode == 0


@pytest.mark.parametrize("digits", ["0", "abc", "5-2", "1-", "-3", "", "1-1000000", "9" * 30, "1,,2", "2.5"])
def test_bad_digits(arithgpt: Call, digits: str) -> None:
    one_clear_line(arithgpt("train", "--digits", digits), f"--digits {digits}:", "from 1 to 2000")


@small
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--digits", "1-3,10y"), ("--digits 1-3,10y",)),
        (("train", "--set", "model.positions=learned", "--digits", "100"), ("block_size = 128",)),
        (("eval", "x" * 300), ("not found",)),
        (("eval", "small", "--json", "x" * 300), ("--json", "too long")),
        (("eval", "small", "--json", "/dev/null"), ("--json /dev/null", "no plain file")),
        (("eval", "small", "--json", "x", "--csv", "x"), ("--csv x",)),
        (("train", "--task", "ad"), ("--task ad", "did you mean add?")),
        (("train", "--task", "nope"), ("--task nope", "there are: add, arith, base, compare, copy")),
        (("train", "--set", "model.n_layer=0"), ("model.n_layer = 0", "greater than or equal to 1")),
        (("train", "--set", "modle.n_layer=2"), ("modle", "no such field")),
        (("train", "--steps", "0"), ("--steps 0: input should be greater than or equal to 1",)),
        (("train", "--target", "1.5"), ("--target 1.5: input should be less than or equal to 1",)),
        (("train", "--device", "tpu"), ("--device tpu", "auto, cpu or cuda")),
        (("train", "--recipe", "missing.toml"), ("missing.toml", "No such file")),
        (("train", "--name", "a/b"), ("--name a/b",)),
        (("train", "--resume", "--name", "nope"), ("run 'nope'", "not found")),
        (("eval", "smal"), ("run 'smal'", "did you mean small?")),
        (("eval", "small", "--digits", "0"), ("--digits 0",)),
        (("eval", "small", "--json", "no/such/folder/x.json"), ("--json no/such/folder/x.json", "does not exist")),
        (("calc", "--run", "nope", "1+2"), ("run 'nope'",)),
        (("calc", "--workng", "1+2"), ("--workng: no such option",)),
        (("train", "--task", "arith", "--set", "task.weights=[inf, 1, 1, 1]"), ("weights = [inf, 1.0, 1.0, 1.0]",)),
        (("train", "--task", "arith", "--set", "task.mul.colour=3"), ("mul.colour", "no such field", "edge_case_prob")),
        (("train", "--task", "mul", "--digits", "0x3"), ("--digits 0x3", "from 1 to 2000")),
    ],
)
def test_bad_input_is_one_clear_line(arithgpt: Call, arguments: tuple[str, ...], said: tuple[str, ...]) -> None:
    one_clear_line(arithgpt(*arguments), *said)


def test_cuda_without_cuda(arithgpt: Call) -> None:
    one_clear_line(arithgpt("train", "--device", "cuda", CUDA_VISIBLE_DEVICES=""), "--device cuda", "no CUDA")


@small
@pytest.mark.parametrize("damage", ["cut", "swapped"])
def test_damaged_weights(arithgpt: Call, runs: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "runs" / "broken"
    shutil.copytree(runs / "small", folder)
    if damage == "cut":
        weights = folder / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:5000])
    else:
        recipe = folder / "recipe.toml"
        recipe.write_text(recipe.read_text().replace("seed = 0", "seed = 5"))
    for arguments in (("eval", str(folder)), ("calc", "--run", str(folder), "1+2")):
        one_clear_line(arithgpt(*arguments), "weights.safetensors", "cut short" if damage == "cut" else "another run")


def test_a_full_disk_is_one_clear_line(arithgpt: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one_clear_line(arithgpt("train", "--steps", "1", ARITHGPT_RUNS=str(tmp_path / "file")), "cannot be made", "file")


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


def test_calc_needs_no_run(arithgpt: Call) -> None:
    done = arithgpt("calc", "--working", "123*45", "5/0")
    assert (done.returncode, done.stderr) == (1, "")
    drawn = "  123\n * 45\n-----\n  615   5 * 123\n 492    4 * 123\n-----\n 5535\n\n123*45 = 5535  right\n"
    assert done.stdout.startswith(drawn)
    assert done.stdout.endswith("5/0: division by zero\n")

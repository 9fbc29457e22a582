"""Every command: help, and bad input that is one clear line."""

import pytest
from helpers.command_line import Call, one_clear_line

small = pytest.mark.usefixtures("runs")


def test_help_names_every_command(new_arithgpt: Call) -> None:
    done = new_arithgpt("--help")
    assert done.returncode == 0
    for command in ("train", "eval", "calc", "runs", "tasks"):
        assert command in done.stdout
        assert new_arithgpt(command, "--help").returncode == 0


@pytest.mark.parametrize("command", [(), ("compare",), ("sample",), ("runs", "rm")])
def test_help_keeps_to_a_narrow_terminal(arithgpt: Call, command: tuple[str, ...]) -> None:
    done = arithgpt(*command, "--help", COLUMNS="40")
    assert done.returncode == 0
    assert "--import" in done.stdout
    assert 30 < max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 40


def test_without_arguments_it_prints_the_help(arithgpt: Call) -> None:
    done = arithgpt()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == arithgpt("--help").stdout


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
        (("train", "--recipe", "missing.toml"), ("missing.toml", "no such file, and no kept recipe")),
        (("train", "--name", "a/b"), ("--name a/b",)),
        (("train", "--resume", "--name", "nope"), ("run 'nope'", "not found")),
        (("eval", "smal"), ("run 'smal'", "did you mean small?")),
        (("eval", "small", "--digits", "0"), ("--digits 0",)),
        (("eval", "small", "--json", "no/such/folder/x.json"), ("--json no/such/folder/x.json", "does not exist")),
        (("calc", "--run", "nope", "1+2"), ("run 'nope'",)),
        (("calc", "--workng", "1+2"), ("--workng: no such option; did you mean --working?",)),
        (("trian",), ("arithgpt: trian: no such command; did you mean train?",)),
        (("romn",), ("arithgpt: romn: no such command; see arithgpt --help",)),
        (("runs", "shw"), ("shw: no such command; did you mean show?",)),
        (("runs", "romn"), ("romn: no such command; see arithgpt runs --help",)),
        (("--improt", "x"), ("--improt: no such option; did you mean --import?",)),
        (("train", "--digts", "3"), ("--digts: no such option; did you mean --digits?",)),
        (("train", "--device"), ("--device: requires an argument",)),
        (("train", "--steps", "many"), ("--steps many: ", "integer")),
        (("eval", "--samples=0"), ("--samples 0: ",)),
        (("train", "extra"), ("extra", "see arithgpt train --help")),
        (("train", "add"), ("add", "did you mean --task add?")),
        (("calc", "12", "+", "34"), ("+: is no EXPR", '"12 + 34"')),
        (("inspect", "small"), ("EXPR: missing; see arithgpt inspect --help",)),
        (("train", "--task", ""), ("--task : no such task",)),
        (("train", "--task", "path", "--digits", "3"), ("--digits 3: task path has no operands",)),
        (("prove", "small"), ("run small: model.", "is trained with: arithgpt train --task add")),
        (("train", "--task", "arith", "--set", "task.weights=[inf, 1, 1, 1]"), ("weights = [inf, 1.0, 1.0, 1.0]",)),
        (("train", "--task", "arith", "--set", "task.mul.colour=3"), ("mul.colour", "no such field", "edge_case_prob")),
        (("train", "--task", "mul", "--digits", "0x3"), ("--digits 0x3", "from 1 to 2000")),
    ],
)
def test_bad_input_is_one_clear_line(arithgpt: Call, arguments: tuple[str, ...], said: tuple[str, ...]) -> None:
    one_clear_line(arithgpt(*arguments), *said)

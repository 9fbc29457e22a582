"""The command train: runs that begin, go on, are never overwritten and leave nothing where they cannot begin."""

import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line

from arithgpt.run_folder import shipped_run


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


def test_a_run_without_a_checkpoint_starts_again(arithgpt: Call, new_arithgpt: Call, tmp_path: Path) -> None:
    options = ("--steps", "10", "--digits", "1", "--name", "early")
    assert arithgpt("train", *options).returncode == 0
    for file in ("resume.safetensors", "weights.safetensors", "run.json"):
        (tmp_path / "runs" / "early" / file).unlink()
    assert "all steps done: step 10" in new_arithgpt("train", "--resume", "--name", "early").stdout


def test_weights_without_a_checkpoint_are_not_overwritten(arithgpt: Call, tmp_path: Path) -> None:
    shutil.copytree(shipped_run().path, tmp_path / "runs" / "copy")
    one_clear_line(arithgpt("train", "--resume", "--name", "copy", "--steps", "99999"), "resume.safetensors: missing")


def test_the_calculator_that_ships_is_never_written(arithgpt: Call) -> None:
    before = (shipped_run().path / "weights.safetensors").read_bytes()
    one_clear_line(arithgpt("train", "--resume", "--name", "calculator", "--steps", "99999"), "calculator that ships")
    one_clear_line(arithgpt("train", "--name", "calculator", "--steps", "1"), "--name calculator", "another name")
    done = arithgpt("eval", "calculator", "--digits", "1", "--samples", "3")
    assert done.returncode == 0, done.stderr
    assert {file.name for file in shipped_run().path.iterdir()} == {"recipe.toml", "run.json", "weights.safetensors"}
    assert (shipped_run().path / "weights.safetensors").read_bytes() == before


def test_a_run_that_cannot_begin_leaves_nothing(arithgpt: Call, tmp_path: Path) -> None:
    options = ("--set", "model.positions=learned", "--set", "model.block_size=115", "--task", "div", "--digits", "4")
    for _ in range(2):
        one_clear_line(arithgpt("train", *options, "--name", "x"), "model.block_size = 115", "at least the 120 characters")
    assert not (tmp_path / "runs" / "x").exists()


def test_a_full_disk_is_one_clear_line(arithgpt: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one_clear_line(arithgpt("train", "--steps", "1", ARITHGPT_RUNS=str(tmp_path / "file")), "cannot be made", "file")


def test_cuda_without_cuda(arithgpt: Call) -> None:
    one_clear_line(arithgpt("train", "--device", "cuda", CUDA_VISIBLE_DEVICES=""), "--device cuda", "no CUDA")


@pytest.mark.parametrize("digits", ["0", "abc", "5-2", "1-", "-3", "", "1-1000000", "9" * 30, "1,,2", "2.5"])
def test_bad_digits(arithgpt: Call, digits: str) -> None:
    one_clear_line(arithgpt("train", "--digits", digits), f"--digits {digits}:", "from 1 to 2000")


def test_the_table_of_a_task_without_lengths_has_one_column_of_all(arithgpt: Call) -> None:
    done = arithgpt("train", "--task", "modadd", "--steps", "1", "--set", "train.eval_samples=2", "--name", "mod")
    lines = done.stdout.splitlines()
    place = lines.index("held-out exact match in %, rounded down:")
    assert lines[place + 1].split() == ["step", "examples", "seconds", "loss", "all"]
    assert "\nmod, modadd: exact match\n" in arithgpt("eval", "mod", "--samples", "2").stdout


def test_both_tables_name_what_lengths_count(arithgpt: Call) -> None:
    options = ("--steps", "1", "--set", "train.eval_samples=2", "--set", "task.operands=2-3", "--name", "sums")
    done = arithgpt("train", "--task", "sum", *options)
    assert "rounded down, by operands x digits:\n" in done.stdout
    assert "sums, sum: exact match by operands x digits\n" in arithgpt("eval", "sums", "--samples", "2").stdout

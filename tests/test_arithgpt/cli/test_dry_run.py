"""train --dry-run prints a recipe that learns the same, and writes nothing; --set names what is wrong in one line."""

import tomllib
from pathlib import Path

import pytest
from helpers.command_line import Call, one_clear_line

OPTIONS = [
    (),
    ("--task", "mul", "--digits", "3", "--seed", "5", "--steps", "7"),
    ("--task", "arith", "--set", "task.mul.digits=1-3", "--set", "optim.name=adamw", "--target", "0.5"),
    ("--set", "model.positions=rope", "--set", "model.n_layer=3", "--until-proven"),
]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize("options", OPTIONS[:3], ids=" ".join)
def test_the_recipe_that_is_printed_is_the_recipe_that_is_used(
    options: tuple[str, ...], arithgpt: Call, tmp_path: Path
) -> None:
    done = arithgpt("train", "--dry-run", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "runs").exists()
    recipe = tmp_path / "printed.toml"
    recipe.write_text(done.stdout)
    assert arithgpt("train", "--dry-run", "--recipe", str(recipe)).stdout == done.stdout
    before = files(tmp_path)
    quick = ("--steps", "1", "--name", "mine", "--set", "train.eval_samples=2", "--set", "train.until_proven=false")
    printed = arithgpt("train", "--dry-run", *options, *quick).stdout
    assert files(tmp_path) == before
    assert arithgpt("train", *options, *quick).returncode == 0
    used = tomllib.loads((tmp_path / "runs" / "mine" / "recipe.toml").read_text())
    assert used == tomllib.loads(printed)


def test_each_field_is_explained(arithgpt: Call) -> None:
    lines = arithgpt("train", "--dry-run").stdout.splitlines()
    assert "# Number of transformer blocks (of the encoder and of the decoder each), or of" in lines
    assert max(map(len, (line for line in lines if line.startswith("#")))) <= 80


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (OPTIONS[3], ("positions = 'page'",)),
        (("--task", "ad"), ("--task ad", "did you mean add?")),
        (("--device", "tpu"), ("--device tpu",)),
        (("--name", "a/b"), ("--name a/b",)),
        (("--name", "calculator"), ("--name calculator", "another name")),
        (("--from", "nowhere"), ("run 'nowhere'", "not found")),
        (("--log", "nothing"), ("--log nothing",)),
        (("--set", "model.positions=learned", "--digits", "100"), ("block_size = 128",)),
    ],
)
def test_what_training_refuses_is_refused(
    options: tuple[str, ...], said: tuple[str, ...], arithgpt: Call, tmp_path: Path
) -> None:
    done = arithgpt("train", "--dry-run", *options)
    one_clear_line(done, *said)
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_the_recipe_of_a_resumed_run_is_printed(arithgpt: Call, tmp_path: Path) -> None:
    assert (
        arithgpt("train", "--name", "mine", "--digits", "1", "--steps", "1", "--set", "train.until_proven=false").returncode
        == 0
    )
    before = {file: file.read_bytes() for file in files(tmp_path / "runs") if file.is_file()}
    done = arithgpt("train", "--dry-run", "--resume", "--name", "mine", "--steps", "9")
    assert tomllib.loads(done.stdout)["train"]["max_steps"] == 9
    assert {file: file.read_bytes() for file in files(tmp_path / "runs") if file.is_file()} == before
    one_clear_line(arithgpt("train", "--dry-run", "--name", "mine"), "--name mine", "is there already")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("model.posit=rope", ("model.posit: no such field", "did you mean model.positions?")),
        ("model.positions=rop", ("model.positions = 'rop'", "did you mean rope?")),
        ("positions=rope", ("positions: no such field", "did you mean model.positions?")),
        ("lr=0.1", ("did you mean optim.muon_lr or optim.adamw_lr?",)),
        ("optim=adamw", ("optim = 'adamw': is a section", "optim.FIELD=VALUE")),
        ("optim.name=adam", ("optim.name = 'adam'", "'muon' or 'adamw'", "did you mean adamw?")),
        ("task=mul", ("task = 'mul'", "--task")),
        ("task.ordr=plain", ("task.ordr: no such field", "did you mean task.order?")),
        ("task.order=plan", ("order = 'plan'", "did you mean plain?")),
        ("=3", ("--set =3: names no field", "FIELD=VALUE")),
        ("model.n_layer", ("--set model.n_layer: has no value", "FIELD=VALUE")),
        ("model.n_layer=", ("--set model.n_layer=: has no value",)),
        ("", ("--set : names no field",)),
        ("task.name=mul", ("--set task.name=mul: the recipe is for task 'add'", "--task")),
    ],
)
def test_a_wrong_field_is_one_line_with_a_near_name(field: str, said: tuple[str, ...], arithgpt: Call) -> None:
    one_clear_line(arithgpt("train", "--set", field), *said)

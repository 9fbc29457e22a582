"""Recipes: TOML in and out, and one clear line for whatever is wrong with one."""

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from helpers.paths import ROOT

from arithgpt.config.kept import find_recipe
from arithgpt.config.recipe import SWEEP, Recipe, load_recipe, read_tables
from arithgpt.errors import UserError
from arithgpt.experiments.grid import load_sweep
from tasks import names, register
from tasks.arithmetic.addition import Addition
from tasks.registration import unregister

TWO_BLOCKS = ["model.n_layer=2", "model.n_head=4", "model.head_dim=0", "model.mlp_ratio=4"]
KEPT = sorted(file for folder in ("", "papers", "calculator") for file in (ROOT / "runs" / folder).glob("*.toml"))


@pytest.mark.parametrize("task", names())
def test_every_task_has_a_built_in_recipe(task: str) -> None:
    recipe = load_recipe(task=task)
    assert recipe.problems.name == task
    assert Recipe.from_toml(recipe.to_toml(), "again") == recipe


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_every_kept_recipe_loads(file: Path) -> None:
    if SWEEP in read_tables(file, str(file)):
        assert len(load_sweep(file)) > 1
    else:
        recipe = load_recipe(file=file)
        assert recipe.text is not None or recipe.problems.name in names()


def test_overrides_and_options() -> None:
    recipe = load_recipe(
        task="add",
        overrides=["model.n_layer=3", "task.order=plain", "task.pad = true", "train.target_accuracy=0.5"],
        options={"task.digits": "2-5", "seed": 7, "train.max_steps": None},
    )
    assert recipe.problems == Addition(digits="2-5", order="plain", pad=True)
    assert (recipe.model.n_layer, recipe.seed, recipe.train.target_accuracy, recipe.train.max_steps) == (3, 7, 0.5, 500)


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_recipe(task="add").seed = 3


def test_the_identity_covers_all_that_is_learned_and_a_resumed_run_may_change_its_limits() -> None:
    base = load_recipe(task="add")
    limits = ["train.max_steps=9", "train.target_accuracy=0.5", "train.eval_every=3", "train.checkpoint_every=7"]
    assert load_recipe(task="add", overrides=limits).resume_identity == base.resume_identity
    assert load_recipe(task="add", overrides=limits[3:]).identity == base.identity
    for change in ("seed=1", "train.batch_size=3", "model.n_layer=3", "optim.adamw_lr=0.1", "task.pad=true"):
        other = load_recipe(task="add", overrides=[change])
        assert other.identity != base.identity
        assert other.resume_identity != base.resume_identity
    for limit in limits[:3]:
        assert load_recipe(task="add", overrides=[limit]).identity != base.identity


def test_a_task_without_a_built_in_recipe_gets_the_default() -> None:
    @dataclass(frozen=True)
    class Doubled(Addition):
        name: ClassVar[str] = "doubled"

    register(Doubled)
    try:
        recipe = load_recipe(task="doubled", options={"task.digits": "1-3"})
        assert recipe.problems == Doubled(digits="1-3")
        assert pickle.loads(pickle.dumps(recipe)) == recipe
    finally:
        unregister("doubled")
    with pytest.raises(UserError, match=r"doubled: no such task; .* needs the import of its file first"):
        Recipe.from_toml(recipe.to_toml(), "again")


def test_the_option_of_the_command_line_is_named() -> None:
    with pytest.raises(UserError, match=r"^--digits 0: must be lengths|^--digits 0: a range"):
        load_recipe(task="add", options={"task.digits": "1-0"}, typed={"task.digits": "--digits 0"})
    with pytest.raises(UserError, match=r"^--steps 0: input should be greater"):
        load_recipe(task="add", options={"train.max_steps": 0}, typed={"train.max_steps": "--steps 0"})


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.n_layers=3", ["model.n_layers", "did you mean model.n_layer?"]),
        ("model.n_layer=0", ["model.n_layer = 0", "greater than or equal to 1"]),
        ("model.n_layer=two", ["model.n_layer = 'two'", "integer"]),
        ("model.n_head=5", ["n_embd = 32", "multiple of n_head = 5"]),
        ("model.n_head=[4,2,1]", ["n_head = [4, 2, 1]", "one number, or 2: one for each block"]),
        ("model.n_head=[4,2]", ["n_head = [4, 2]", "head_dim"]),
        ("model.n_head=[4,0]", ["n_head = [4, 0]", "from 1 to 64, or a list"]),
        ("model.positions=rotary", ["model.positions = 'rotary'", "'page'", "'learned'", "'none'"]),
        ("optim.adamw_lr=nan", ["optim.adamw_lr", "finite"]),
        ("task.order=backwards", ["order = 'backwards'", "'reversed'"]),
        ("task.digits=0-3", ["digits = '0-3'", "from 1 to 2000"]),
        ("task.digits=[1]", ["digits"]),
        ("task.colour=3", ["colour", "no such field", "carry_chain_prob"]),
        ("colour=3", ["colour", "no such field", "train"]),
        ("task.name=nope", ["task.name=nope", "the recipe is for task 'add'", "--task"]),
        ("seed.x=3", ["seed"]),
        ("seed=-1", ["seed = -1"]),
        ("model=3", ["model"]),
        ("task=3", ["task = 3", "table"]),
        ("seed=" + "9" * 5000, ["seed"]),
        ("seed=" + "[" * 5000, ["seed"]),
        ("task.suites=3", ["suites: no such field", "there are: name, digits, order"]),
        ("steps", ["--set steps", "FIELD=VALUE"]),
    ],
)
def test_a_bad_override_is_one_clear_line(override: str, said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(task="add", overrides=[*TWO_BLOCKS, override])
    message = caught.value.in_shell
    assert "\n" not in message
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "task.name is missing"),
        ("seed = 1 1", "not TOML"),
        ("task = 3", "task = 3: must be a table"),
        ("[task]\nname = 'add'\n[model]\nn_layer = 1.5", "model.n_layer = 1.5"),
        ("[task]\nname = 3", "task.name = 3"),
    ],
)
def test_a_bad_file_is_one_clear_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(UserError, match="bad.toml") as caught:
        load_recipe(file=file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for name, said in (("binary.toml", "cannot be read"), (".", "cannot be read"), ("missing.toml", "no such file")):
        with pytest.raises(UserError, match=said):
            load_recipe(file=tmp_path / name)


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_every_kept_recipe_is_found_by_name(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = file.relative_to(ROOT / "runs")
    for name in (file.stem, path.with_suffix("").as_posix(), f"runs/{path.as_posix()}"):
        assert find_recipe(name).samefile(file)


def test_a_file_wins_over_a_kept_recipe_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "positions").mkdir()
    assert find_recipe("positions").samefile(ROOT / "runs" / "positions.toml")  # a folder is no recipe
    (tmp_path / "positions").rmdir()
    (tmp_path / "positions").write_text('task.name = "mul"')
    assert load_recipe(file="positions").problems.name == "mul"


def test_a_recipe_that_is_not_there_is_one_line_with_near_names() -> None:
    assert len({file.stem for file in KEPT}) == len(KEPT), "a file name alone is a name too"
    for name, said in (("groking", "did you mean papers/grokking?"), ("zzz", "add-small"), ("a" * 5000, "cannot be read")):
        with pytest.raises(UserError, match=re.escape(said)) as caught:
            load_recipe(file=name)
        assert str(caught.value).startswith(f"recipe = {name!r}: ")
        assert "\n" not in str(caught.value)


def test_near_names_are_suggested() -> None:
    with pytest.raises(UserError, match="did you mean add?"):
        load_recipe(task="ad")

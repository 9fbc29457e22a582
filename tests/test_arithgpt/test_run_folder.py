"""A run on disk: what is damaged, swapped or missing is named, and nothing is ever half written."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from helpers.training import Silent

from arithgpt.config.recipe import load_recipe
from arithgpt.errors import UserError
from arithgpt.run_folder import RunFolder, all_runs, find_run, new_run, newest_run
from arithgpt.training.checkpoint import load_tensors, save_tensors, write_atomic
from arithgpt.training.trainer import Trainer


@pytest.fixture
def copy(trained: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(trained.path, tmp_path / "runs" / "copy")
    return RunFolder(tmp_path / "runs" / "copy")


def test_tensors_round_trip_with_their_notes(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 4).T, "b": torch.tensor(7)}
    save_tensors(tmp_path / "x.safetensors", tensors, {"step": 3})
    loaded, notes = load_tensors(tmp_path / "x.safetensors")
    assert notes == {"step": 3}
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_weights_cut_short_are_refused(copy: RunFolder, keep: int) -> None:
    file = copy.path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"weights.safetensors: damaged or cut short"):
        copy.load_model()


def test_weights_of_another_run_are_refused(copy: RunFolder) -> None:
    recipe = copy.recipe.to_toml().replace("seed = 0", "seed = 1")
    (copy.path / "recipe.toml").write_text(recipe)
    with pytest.raises(UserError, match="belong to another run"):
        RunFolder(copy.path).load_model()


def test_other_tensors_under_the_right_name_are_refused(copy: RunFolder) -> None:
    file = copy.path / "weights.safetensors"
    _, notes = load_tensors(file)
    save_tensors(file, {"x": torch.zeros(2)}, notes)
    with pytest.raises(UserError, match="belong to another run"):
        copy.load_model()


@pytest.mark.parametrize("missing", ["identity", "alphabet"])
def test_weights_without_a_note_are_of_another_version(copy: RunFolder, missing: str) -> None:
    file = copy.path / "weights.safetensors"
    tensors, notes = load_tensors(file)
    save_tensors(file, tensors, {name: note for name, note in notes.items() if name != missing})
    with pytest.raises(UserError, match=f"have no {missing}; the run was made by another version"):
        copy.load_model()


def test_damaged_checkpoints_are_refused(copy: RunFolder) -> None:
    file = copy.path / "resume.safetensors"
    tensors, notes = load_tensors(file)
    plan = load_recipe(file=copy.path / "recipe.toml", options={"train.max_steps": 1000, "train.target_accuracy": 1.0})
    no_optimiser = {name: tensor for name, tensor in tensors.items() if name.startswith("model.")}
    one_less = {name: tensor for name, tensor in tensors.items() if name != "model.head.weight"}
    misshapen = tensors | {"model.head.weight": torch.zeros(2, 2)}
    odd = tensors | {"optim.x": torch.zeros(1)}
    for bad in (no_optimiser, one_less, misshapen, odd):
        save_tensors(file, bad, notes)
        with pytest.raises(UserError, match="damaged"):
            Trainer(plan, copy, device=torch.device("cpu"), callback=Silent()).fit(resume=True)
    for bad_notes in ([], {"identity": notes["identity"]}, notes | {"progress": {"step": "many"}}):
        save_tensors(file, tensors, bad_notes)
        with pytest.raises(UserError, match="damaged"):
            Trainer(plan, copy, device=torch.device("cpu"), callback=Silent()).fit(resume=True)


def test_missing_weights_and_broken_recipes_are_named(copy: RunFolder) -> None:
    (copy.path / "weights.safetensors").unlink()
    with pytest.raises(UserError, match="there is no such file"):
        copy.load_model()
    (copy.path / "recipe.toml").write_bytes(b"\xff")
    with pytest.raises(UserError, match="recipe.toml: cannot be read"):
        _ = RunFolder(copy.path).recipe
    assert RunFolder(copy.path).task_name is None


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept"
    write_atomic(file, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="kept: cannot be written: No space left on device"):
        write_atomic(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_log_line_is_whole_or_absent(copy: RunFolder) -> None:
    before = list(copy.metrics())
    with (copy.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "lo')  # what a crash leaves
    assert list(copy.metrics()) == before
    copy.forget_after(50)
    assert list(copy.metrics()) == [entry for entry in before if entry["step"] <= 50]


def test_new_runs_get_names_of_their_own() -> None:
    recipe = load_recipe(task="add")
    assert [new_run(None, recipe).name for _ in range(3)] == ["add-8", "add-8-2", "add-8-3"]
    with pytest.raises(UserError, match=r'is there already; arithgpt.load\("add-8"\) loads it'):
        new_run("add-8", recipe)
    for name in ("", "../up", ".hidden", "a/b", "x" * 101):
        with pytest.raises(UserError, match="name = "):
            new_run(name, recipe)


def test_runs_are_found_by_name_or_path(copy: RunFolder, tmp_path: Path) -> None:
    assert find_run("copy").path == copy.path
    assert find_run(str(copy.path)).path == copy.path
    assert newest_run().name == "copy"
    assert [run.name for run in all_runs()] == ["copy"]
    with pytest.raises(UserError, match="did you mean copy"):
        find_run("coppy")
    with pytest.raises(UserError, match="there are: copy"):
        find_run("zzz")


def test_an_empty_folder_has_no_runs() -> None:
    assert all_runs() == []
    with pytest.raises(UserError, match="there are none yet"):
        find_run("any")
    with pytest.raises(UserError, match="train one with: arithgpt train$"):
        newest_run()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be made: Permission denied"):
        new_run(None, load_recipe(task="add"))

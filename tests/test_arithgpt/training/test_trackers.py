"""Trackers are told what metrics.jsonl says, and nothing is learned differently because of them."""

import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.run_folder import RunFolder, new_run
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.trackers import TrackerCallback, make_trackers
from arithgpt.training.trainer import Trainer

TINY = {
    "task": {"name": "arith", "add": {"digits": "1-2"}, "mul": {"digits": "2x1"}},
    "model": {"n_layer": 1, "n_head": 2, "n_embd": 8},
    "train": {"max_steps": 30, "batch_size": 8, "eval_every": 20, "eval_samples": 4},
}


class Heard:
    """A tracker that remembers what it was told."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.breaks_at, self.told, self.ends = breaks_at, [], []

    def open(self, run: RunFolder, step: int) -> None:
        self.ends.append(("open", run.name, step))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if step == self.breaks_at:
            raise OSError("no room")
        self.told.append((step, dict(values)))

    def close(self) -> None:
        self.ends.append("close")


def trained(name: str, **trackers: object) -> RunFolder:
    recipe = Recipe.from_dict(TINY, "test")
    run, callback = new_run(name, recipe), TrackerCallback(trackers)
    Trainer(recipe, run, device=torch.device("cpu"), callback=callback).fit()
    callback.close()
    return run


def test_they_are_told_what_is_logged_and_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    heard, breaks = Heard(), Heard(breaks_at=20)
    run, other = trained("tracked", heard=heard, breaks=breaks), trained("alone")
    assert heard.ends == [("open", "tracked", 0), "close"]
    losses = [(entry["step"], entry["loss"]) for entry in run.metrics() if "loss" in entry]
    assert [(step, round(told["loss"], 6)) for step, told in heard.told if "loss" in told] == losses
    looks = [entry["accuracy"] for entry in run.metrics() if "accuracy" in entry]
    told = [said for _, said in heard.told if "loss" not in said]
    assert [list(said.values()) for said in told] == [list(look.values()) for look in looks]
    assert {"accuracy/add-1", "accuracy/add-2", "accuracy/mul-2x1"} <= set(told[0])
    assert [step for step, _ in breaks.told] == [10]
    assert capsys.readouterr().err == "arithgpt: --log breaks: no room; going on without it\n"
    tensors = [load_tensors(one.path / "weights.safetensors")[0] for one in (run, other)]
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[1])


def test_names_and_extras_are_said_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_trackers(None) == {}
    for names, wrong in (("", ""), ("wandb", "wandb"), ("tensorboard ", "tensorboard ")):
        with pytest.raises(UserError, match=f"log = {wrong!r}: must be tensorboard or trackio"):
            make_trackers(names)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setitem(sys.modules, "trackio", None)
    for name in ("tensorboard", "trackio"):
        with pytest.raises(UserError, match=rf"log = {name!r}: .* pip install 'arithgpt\[{name}\]'"):
            make_trackers(name)


def test_tensorboard_reads_it() -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = trained("mine", **make_trackers("tensorboard"))
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [10, 20, 30]
    assert [event.step for event in events.Scalars("accuracy/mul-2x1")] == [20, 30]


def test_trackio_keeps_it_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    from trackio import SQLiteStorage, utils
    from trackio import sqlite_storage as storage

    for module in (utils, storage):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went to the network"))
    monkeypatch.setenv("TRACKIO_SPACE_ID", "somebody/elsewhere")
    trained("mine", **make_trackers("trackio"))
    logged = SQLiteStorage.get_logs("arithgpt", "mine")
    assert [entry["step"] for entry in logged if "loss" in entry] == [10, 20, 30]
    assert any("accuracy/mul-2x1" in entry for entry in logged)
    assert os.environ["TRACKIO_SPACE_ID"] == "somebody/elsewhere"


def test_on_the_command_line(arithgpt: Callable, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    done = arithgpt("train", "--digits", "1", "--steps", "10", "--name", "a", "--log", "tensorboard")
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "runs" / "a" / "tensorboard").iterdir())
    assert json.loads((tmp_path / "runs" / "a" / "metrics.jsonl").read_text().splitlines()[0])["step"] == 10


def test_a_wrong_tracker_leaves_no_run(arithgpt: Callable, tmp_path: Path) -> None:
    done = arithgpt("train", "--digits", "1", "--steps", "10", "--name", "a", "--log", "nope")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--log nope: must be tensorboard or trackio" in done.stderr
    assert not (tmp_path / "runs" / "a").exists()

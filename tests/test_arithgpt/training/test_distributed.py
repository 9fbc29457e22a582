"""Several processes: they learn what one learns, agree when to stop, and do not wait for one that has gone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import Call
from helpers.processes import command_line, printed, scenario, together
from helpers.training import Silent

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.run_folder import RunFolder, find_run, new_run
from arithgpt.runtime import resolve_device
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.distributed import SINGLE_PROCESS, ProcessGroup, launched_processes
from arithgpt.training.trainer import Trainer
from tasks import make

PLAN = {
    "task": {"name": "arith"},
    "model": {"n_layer": 1, "n_head": 4, "n_embd": 16},
    "train": {
        "max_steps": 20,
        "batch_size": 33,
        "eval_every": 5,
        "eval_samples": 3,
        "checkpoint_every": 5,
        "stop_early": False,
    },
}
OPTIONS = [
    f"--set={table}.{key}={value}" for table in ("model", "train") for key, value in PLAN[table].items() if key != "max_steps"
]


def wait_for(file: Path) -> None:
    for _ in range(600):
        if file.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{file} did not come")


def apart(a: RunFolder, b: RunFolder) -> float:
    """The largest difference between the weights of two runs."""
    one, other = (load_tensors(run.path / "weights.safetensors")[0] for run in (a, b))
    return max(float((one[key] - other[key]).abs().max()) for key in one)


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    plan = Recipe.from_dict(PLAN, "test")
    alone = new_run("alone", plan)
    progress = Trainer(plan, alone, device=torch.device("cpu"), callback=Silent()).fit()
    (tmp_path / "book.txt").write_text("once upon a time " * 40)
    text = {"task": {"name": "text", "path": str(tmp_path / "book.txt"), "context": 8}}
    # Kernels on the places of digits would have no gradient but rounding here, of which Adam makes whole steps.
    text["model"] = PLAN["model"] | {"positions": "learned", "block_size": 8}
    short = PLAN | {"train": PLAN["train"] | {"max_steps": 5}}
    others = {"book": short | text, "fine": short | {"init": {"run": "whole"}}}  # which begins where "whole" has ended
    first, second = printed(together(2, tmp_path / "said", scenario, PLAN, others, "a word"), tmp_path / "said")
    assert (first.pop("rank"), second.pop("rank")) == (0, 1)
    assert first == second  # the weights too, to the last bit
    assert (first["size"], first["sum"], first["first"], first["error"]) == (2, [2, 1], "a word", "taken")
    assert first["average"] == [1.75, 2.0, 3.0]
    assert first["small"] == "train.batch_size = 1: must be at least 1 for each of 2 processes"
    whole, parts = find_run("whole"), find_run("parts")

    losses = [[entry["loss"] for entry in run.metrics() if "loss" in entry] for run in (alone, whole)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    assert len(losses[0]) == 2
    assert apart(alone, whole) < 1e-4
    status, steps, cells, padded, accuracy = first["whole"]
    assert (status, steps, accuracy) == ("finished", 20, progress.accuracy)
    assert cells - padded == progress.tokens - progress.padding  # every page is learned from once
    assert whole.info["processes"] == 2

    for name in others:
        run = find_run(name)
        by_one = new_run(f"{name}-alone", run.recipe)
        progress = Trainer(run.recipe, by_one, device=torch.device("cpu"), callback=Silent()).fit()
        steps, accuracy, loss = first[name]
        assert (steps, accuracy) == (5, progress.accuracy)
        assert loss == pytest.approx(progress.loss, abs=1e-4)
        assert apart(by_one, run) < 1e-4, name

    assert first["parts"][:2] == ["interrupted", 8]
    Trainer(plan, parts, device=torch.device("cpu"), callback=Silent()).fit(resume=True)
    assert apart(alone, parts) < 1e-4
    assert [entry["step"] for entry in parts.metrics() if "loss" in entry] == [10, 20]


def test_pages_are_dealt_out_evenly() -> None:
    pages = make("arith").batch(50, seed=0, split="train", rank=0, step=0)
    assert SINGLE_PROCESS.share(pages) is pages
    shares = [ProcessGroup(rank, 3).share(pages) for rank in range(3)]
    assert sorted(text for share in shares for text in share.texts()) == sorted(pages.texts())
    assert sorted(map(len, shares)) == [16, 17, 17]
    ids = np.arange(14).reshape(7, 2)  # pages of a text, all of one length
    dealt = [ProcessGroup(rank, 3).share(ids) for rank in range(3)]
    assert sorted(map(len, dealt)) == [2, 2, 3]
    assert np.array_equal(np.sort(np.concatenate(dealt), 0), ids)
    cells = [int(share.total.sum()) for share in shares]
    assert max(cells) - min(cells) <= int(pages.total.max())
    assert [len(ProcessGroup(rank, 50).share(pages)) for rank in range(50)] == [1] * 50


def test_alone_nothing_is_exchanged() -> None:
    tensor = torch.tensor([1.0, 2.0])
    SINGLE_PROCESS.average_([tensor], torch.tensor(3))
    assert tensor.tolist() == [1, 2]
    assert (
        SINGLE_PROCESS.sum([3, 4]),
        SINGLE_PROCESS.any(True),
        SINGLE_PROCESS.any(False),
        SINGLE_PROCESS.first(lambda: 5),
    ) == ([3, 4], True, False, 5)
    with launched_processes("no such device") as processes:
        assert processes is SINGLE_PROCESS


def test_each_process_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert str(resolve_device("auto")) == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (str(resolve_device("auto")), str(resolve_device("cuda")), str(resolve_device("cpu"))) == ("cuda:3", "cuda:3", "cpu")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "5")
    with pytest.raises(UserError, match="5 processes but 4 GPUs"):
        resolve_device("auto")


def test_a_process_that_dies_ends_the_job(tmp_path: Path) -> None:
    command = ("train", "--task", "arith", *OPTIONS, "--steps", "100000", "--name", "mine")
    said = tmp_path / "said"
    processes = together(2, said, command_line, *command)
    folder = Path(os.environ["ARITHGPT_RUNS"]) / "mine"
    try:
        wait_for(folder / "run.json")
        processes[1].kill()
        processes[0].join(60)
    finally:
        for process in processes:
            process.kill()
    out, error, out_1, error_1 = (said.with_suffix(f".{name}").read_text() for name in ("0.out", "0.err", "1.out", "1.err"))
    assert processes[0].exitcode == 2
    assert out.count("/mine:") == 1
    assert error.count("\n") == 1, error
    assert "process 0 of 2: lost the others" in error
    assert "--resume" in error
    assert (out_1, error_1) == ("", "")  # only the first one speaks
    step = json.loads((folder / "run.json").read_text())["step"]
    run = find_run("mine")
    plan = run.recipe.model_copy(update={"train": run.recipe.train.model_copy(update={"max_steps": step + 5})})
    progress = Trainer(plan, run, device=torch.device("cpu"), callback=Silent()).fit(resume=True)
    assert (progress.status, progress.step) == ("finished", step + 5)


def test_bad_input_is_said_once(tmp_path: Path) -> None:
    said = tmp_path / "said"
    processes = together(2, said, command_line, "train", "--task", "add", "--set", "train.batch_size=1", "--name", "mine")
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [2, 2]
    errors = [said.with_suffix(f".{rank}.err").read_text() for rank in range(2)]
    assert errors == ["arithgpt: train.batch_size = 1: must be at least 1 for each of 2 processes\n", ""]
    assert not (Path(os.environ["ARITHGPT_RUNS"]) / "mine").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_under_torchrun(arithgpt: Call, number: signal.Signals) -> None:
    """A signal to the launcher stops all with a checkpoint; a process that is killed ends all. Nothing is said twice."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    launcher = (sys.executable, *torchrun, "-m", "arithgpt", "train")
    options = ("--task", "arith", *OPTIONS, "--name", "mine")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*launcher, *options, "--steps", "100000"], **pipes)
    folder = Path(os.environ["ARITHGPT_RUNS"]) / "mine"
    try:
        wait_for(folder / "run.json")
        if number == signal.SIGKILL:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[-1]), number)
        else:
            process.send_signal(number)
        said, complained = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    info = json.loads((folder / "run.json").read_text())
    if number == signal.SIGKILL:
        assert complained.count("lost the others") == 1
        assert info["status"] == "unfinished"
    else:
        assert said.count("go on with: arithgpt train --resume --name mine") == 1
        assert "lost" not in complained
        assert info["status"] == "interrupted"
    again = subprocess.run([*launcher, *options, "--steps", "100000"], **pipes, timeout=60, check=False)
    assert again.returncode != 0
    assert again.stderr.count("arithgpt: --name mine: ") == 1
    done = arithgpt("train", "--resume", "--name", "mine", "--steps", str(info["step"] + 5))
    assert done.returncode == 0, done.stderr

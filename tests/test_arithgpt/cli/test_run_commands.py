"""runs show and runs rm: everything of one run, and a run that is there as a whole or gone."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call, in_terminal, one_clear_line

from arithgpt.cli.listings.removal import remove
from arithgpt.errors import UserError
from arithgpt.run_folder import RunFolder, all_runs


@pytest.fixture
def copies(trained: RunFolder, tmp_path: Path) -> Path:
    """The runs folder of this test. It holds two runs, and a folder that is no run."""
    folder = tmp_path / "runs"
    for name in ("mine", "other"):
        shutil.copytree(trained.path, folder / name)
    (folder / "notes").mkdir()
    (folder / "notes" / "todo.txt").write_text("keep")
    return folder


def left(folder: Path) -> list[str]:
    """What is in the runs folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_run_is_shown_with_all_it_has(arithgpt: Call, copies: Path) -> None:
    assert arithgpt("eval", "mine", "--digits", "1-2", "--samples", "10").returncode == 0
    told = json.loads(arithgpt("runs", "show", "mine", "--json").stdout)
    run = RunFolder(copies / "mine")
    assert (told["step"], told["parameters"], told["accuracy"]) == tuple(
        run.info[name] for name in ("step", "parameters", "accuracy")
    )
    assert told["files"] == {path.name: path.stat().st_size for path in run.path.iterdir()}
    assert told["recipe"] == run.recipe.model_dump(mode="json")
    assert told["differences"]["train.max_steps"]["run"] == run.recipe.train.max_steps
    assert told["evaluation"]["results"] == json.loads((run.path / "eval.json").read_text())["results"]
    for width in ("40", "80", ""):
        done = arithgpt("runs", "show", "mine", COLUMNS=width)
        assert (done.returncode, done.stderr) == (0, "")
        assert "…" not in done.stdout
        for part in (*told["files"], *told["differences"], "26,168", "eval.json, of these weights"):
            assert part in done.stdout


def test_a_damaged_evaluation_or_log_does_not_hide_the_rest(arithgpt: Call, copies: Path) -> None:
    for text in ('{"results": [{"task": 3}], "loss": "x"}', "[]", "no json", '{"results": "none"}', "[" * 100_000):
        (copies / "mine" / "eval.json").write_text(text)
        (copies / "mine" / "run.json").write_text("[" * 100_000)
        done = arithgpt("runs", "show", "mine")
        assert (done.returncode, done.stderr) == (0, ""), done
        assert "weights.safetensors" in done.stdout


def test_the_shipped_calculator_is_shown(arithgpt: Call) -> None:
    done = arithgpt("runs", "show", "calculator")
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("628,084", "built-in recipe of arith", "expression_page", "weights.safetensors"):
        assert part in done.stdout


def test_runs_are_listed_as_json(arithgpt: Call, copies: Path) -> None:
    listed = json.loads(arithgpt("runs", "--json").stdout)
    assert {one["name"] for one in listed} == {"mine", "other"}
    assert [one["path"] for one in listed] == [str(run.path) for run in all_runs()]
    assert json.loads(arithgpt("runs", "--json", ARITHGPT_RUNS=str(copies / "none")).stdout) == []


def test_runs_are_removed_whole(arithgpt: Call, copies: Path) -> None:
    done = arithgpt("runs", "rm", "mine", str(copies / "mine"), "other", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [
        f"removed {copies / name}" for name in ("mine", "other")
    ]
    assert left(copies) == ["notes"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["mine"], "--yes"),
        (["mine", "othre", "--yes"], "did you mean other?"),
        (["mine", "notes", "--yes"], "no run"),
        (["mine", "calculator", "--yes"], "is the calculator that ships"),
        (["mine", ".", "--yes"], "no run"),
        (["mine", "..", "--yes"], "no run"),
        (["mine", "", "--yes"], "no run"),
        (["mine", "x" * 300, "--yes"], "not found"),
        (["mine", "link", "--yes"], "is a link"),
        (["mine", "ELSEWHERE", "--yes"], "only runs that stand there"),
    ],
)
def test_what_is_refused_removes_nothing(arithgpt: Call, copies: Path, names: list[str], said: str) -> None:
    (copies / "link").symlink_to("mine")
    elsewhere = copies.parent / "elsewhere"
    shutil.copytree(copies / "mine", elsewhere)
    one_clear_line(arithgpt("runs", "rm", *(str(elsewhere) if name == "ELSEWHERE" else name for name in names)), said)
    assert left(copies) == ["link", "mine", "notes", "other"]
    assert (elsewhere / "weights.safetensors").exists()


def test_what_cannot_be_deleted_is_no_run_any_more(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        (path / "weights.safetensors").unlink()
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", fail)
    with pytest.raises(UserError, match="cannot be deleted: Permission denied"):
        remove(RunFolder(copies / "mine"))
    assert [run.name for run in all_runs()] == ["other"]


@pytest.mark.parametrize(("typed", "status"), [(b"n\n", 1), (b"\x03", 1), (b"\x04", 1), (b"y\n", 0)])
def test_a_terminal_is_asked(copies: Path, typed: bytes, status: int) -> None:
    code, said = in_terminal("runs", "rm", "mine", until="[y/N]", typed=typed)
    assert (code, str(copies / "mine") in said) == (status, True)
    assert (copies / "mine" / "weights.safetensors").exists() == (status == 1)
    assert (copies / "other" / "weights.safetensors").exists()


def test_a_typo_suggests_a_near_name(arithgpt: Call, copies: Path) -> None:
    one_clear_line(arithgpt("runs", "show", "mnie"), "did you mean mine?")
    done = arithgpt("runs", "shwo")
    assert done.returncode == 2
    assert "show" in done.stderr

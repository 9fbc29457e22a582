"""Exported problems: right, each once, in the split they say, and the same bytes for the same command."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from helpers.command_line import Call
from helpers.named_tasks import ANSWERS
from helpers.oracles import oracle

from arithgpt.errors import UserError
from arithgpt.training.checkpoint import write_atomic
from eval.export.card import card
from eval.export.dataset import MAX_ROWS, Export, Tally, jsonl
from tasks import make, names

COLUMNS = ["question", "answer", "page", "prompt", "working", "metadata", "split"]


def rows(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text("ascii").splitlines()]


@pytest.mark.parametrize("name", [name for name in names() if name not in ANSWERS])
@pytest.mark.parametrize("split", ["train", "held-out", "test"])
def test_every_answer_is_right_and_every_row_in_its_split(name: str, split: str) -> None:
    task = make(name, "1-5")
    tally = Tally()
    n = 300 if name == "expr" else 2500  # more than two chunks; expressions take long to make
    found = list(Export(task, n, split, seed=4).rows(tally))
    assert len(found) == tally.rows == n
    assert len({row["question"] for row in found}) == n
    for row in found:
        assert list(row) == COLUMNS
        assert row["answer"] == oracle(task.parse(row["question"]), task)
        assert row["page"].startswith(row["prompt"])
        assert row["page"].endswith("$")
        assert row["prompt"].endswith("=")
        assert row["answer"].split(" ")[0] in row["working"]
        about = row["metadata"]
        assert (about["seed"], about["suite"]) == (4, "random" if split == "test" else "training")
        if name == "expr":
            assert (split == "test") <= about["operators"] <= 4  # single numbers are trained on too
            assert 1 <= about["levels"] <= 3
            continue
        left, right = re.split(r"[-+*/]", row["question"])
        assert (about["left_digits"], about["right_digits"]) == (len(left), len(right))
        assert (
            row["split"] == "seen"
            if len(left) + len(right) < 4
            else row["split"] == ("train" if split == "train" else "held-out")
        )
    if split != "test":
        assert {about["task"] for about in (row["metadata"] for row in found)} == {name}


def test_train_and_held_out_share_nothing_whatever_the_seed() -> None:
    task = make("add", "2-2")
    kept = {row["question"] for row in Export(task, 400, "held-out", seed=1).rows()}
    trained = {row["question"] for seed in (1, 2) for row in Export(task, 5000, "train", seed=seed).rows()}
    assert not kept & trained
    assert not {f"{b}+{a}" for a, b in (question.split("+") for question in kept)} & trained


def test_a_smaller_export_is_the_beginning_of_a_larger_one() -> None:
    task = make("arith", "1-4")
    few, many = (list(Export(task, n).rows()) for n in (10, 3000))
    assert many[:10] == few


def test_a_suite_asks_what_eval_asks() -> None:
    task = make("mul", "1-9")
    found = [row["question"] for row in Export(task, 60, "test", "edges", [(8, 8), (3, 2), (6, 6)], seed=7).rows()]
    asked = [
        question for cell in ((3, 2), (6, 6), (8, 8)) for question in task.questions(task.test(20, cell, seed=7, suite="edges"))
    ]
    assert found == asked


def test_what_short_lengths_lack_longer_ones_give() -> None:
    tally = Tally()
    assert len(list(Export(make("mul", "1-9"), 600, "test", None, [(4, 4), (1, 1)]).rows(tally))) == 600
    assert tally.counts == {((1, 1), "seen"): 100, ((4, 4), "held-out"): 500}


def test_a_suite_that_comes_as_a_whole_needs_no_number() -> None:
    task = make("add", "1-9")
    found = list(Export(task, None, "test", "exhaustive", [(1, 1), (2, 2)]).rows())
    assert len(found) == 100 + 8100
    assert {row["split"] for row in found} == {"seen", "train", "held-out"}
    assert len(list(Export(task, 50, "test", "exhaustive", [(2, 2)]).rows())) == 50


GOLDEN = {
    "add": ('{"question": "43+29", "answer": "72", "page": "34+92=27$"', "8fb7b72fb82debb9"),
    "arith": ('{"question": "54*1", "answer": "54", "page": "45*1=1!450_450$"', "a171eda270224cdb"),
    "div": ('{"question": "43/76", "answer": "0 r 43", "page": "43/67=251', "068489a9586b064a"),
    "expr": (
        '{"question": "((9-62--0.733)-39.51)*5.03 rounded to 4 decimals", "answer": "-461.6383", "page": "........@[[9-26-',
        "fe4deeca7c484585",
    ),
    "mul": ('{"question": "43*76", "answer": "3268", "page": "34*67=6:852_852;7!103_8623$"', "5b7fc696f064a6bb"),
    "sub": ('{"question": "43-28", "answer": "15", "page": "34-82=51$"', "c96c3916731810c3"),
}
"""The beginning of the first line, and a hash of the first hundred."""


@pytest.mark.parametrize("name", [name for name in names() if name not in ANSWERS])
def test_first_lines_are_the_same_for_ever(name: str) -> None:
    """Where this changes, so do the problems that a command names: raise the task's version."""
    data = b"".join(jsonl(Export(make(name, "1-2"), 100), Tally()))
    beginning, digest = GOLDEN[name]
    assert data.decode().startswith(beginning)
    assert hashlib.sha256(data).hexdigest()[:16] == digest


def test_the_same_command_writes_the_same_bytes(arithgpt: Call, new_arithgpt: Call, tmp_path: Path) -> None:
    options = ("--n", "1500", "--digits", "1-6", "--seed", "3")
    for folder, call in (("a", arithgpt), ("b", new_arithgpt)):  # a new interpreter hashes strings in its own way
        (tmp_path / folder).mkdir()
        done = call("export-data", "mul", *options, "--out", str(tmp_path / folder / "mul.jsonl"))
        assert done.returncode == 0, done.stderr
        assert "1,500 problems" in done.stdout
    for name in ("mul.jsonl", "mul.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["mul.jsonl", "mul.md"]
    found, said = rows(tmp_path / "a" / "mul.jsonl"), (tmp_path / "a" / "mul.md").read_text()
    assert len(found) == 1500
    for part in (
        "# mul: 1,500 problems",
        "arithgpt export-data mul --n 1500 --digits 1-6 --split train --seed 3 --out mul.jsonl",
        hashlib.sha256((tmp_path / "a" / "mul.jsonl").read_bytes()).hexdigest(),
        "license: mit",
        "one in 16",
        '"question": ' + json.dumps(found[0]["question"]),
    ):
        assert part in said
    table = dict(re.findall(r"^\| (\S+) \| ([0-9,]+) \| 0 \|", said, re.MULTILINE))
    trained = [row for row in found if row["split"] == "train"]
    assert int(table["all"].replace(",", "")) == len(trained)
    sixes = [row for row in trained if {row["metadata"]["left_digits"], row["metadata"]["right_digits"]} == {6}]
    assert int(table["6"]) == len(sixes)
    again = arithgpt("export-data", "mul", *options, "--out", str(tmp_path / "a" / "mul.jsonl"))
    assert again.returncode == 0, again.stderr


def test_many_lengths_share_lines_of_the_card() -> None:
    export, tally = Export(make("add", "1-40"), 2000), Tally()
    list(export.rows(tally))
    said = card(export, tally, file="x.jsonl", command="c", version="0")
    assert "digits of the longer operand" in said
    assert "| all | " in said


def test_parquet_holds_the_same_rows(tmp_path: Path, arithgpt: Call) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("a.parquet", "b.parquet", "c.jsonl"):
        done = arithgpt("export-data", "arith", "--n", "3000", "--digits", "1-3", "--out", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == rows(tmp_path / "c.jsonl")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_without_pyarrow_one_line_says_so(tmp_path: Path, new_arithgpt: Call) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    done = new_arithgpt("export-data", "add", "--n", "1", "--out", str(tmp_path / "x.parquet"), PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the extra parquet is missing: pip install 'arithgpt[parquet]'" in done.stderr
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("mull --n 5 --out x.jsonl", ["TASK mull", "did you mean mul?"]),
        ("mul --n 0 --out x.jsonl", ["--n 0", "from 1 to 10,000,000"]),
        (f"mul --n {MAX_ROWS + 1} --out x.jsonl", ["--n 10000001", "from 1 to 10,000,000"]),
        ("mul --out x.jsonl", ["--n is missing"]),
        ("mul --n 5 --digits 0 --out x.jsonl", ["--digits 0", "from 1 to 2000"]),
        ("mul --n 5 --digits 3y --split test --out x.jsonl", ["--digits 3y", "from 1 to 2000"]),
        ("mul --n 5 --out x.csv", ["--out", "x.csv", ".jsonl or .parquet"]),
        ("mul --n 5 --out no/x.jsonl", ["--out", "no/x.jsonl", "the folder", "does not exist"]),
        ("mul --n 5 --out folder.jsonl", ["--out", "folder.jsonl", "no plain file"]),
        ("mul --n 5 --out README.jsonl", ["README.md", "no data card"]),
        ("mul --n 5 --split dev --out x.jsonl", ["--split dev", "train, held-out, test"]),
        ("mul --n 5 --suite carries --out x.jsonl", ["--suite carries", "random, edges"]),
        ("mul --n 5 --split train --suite edges --out x.jsonl", ["--suite edges", "only with the split test"]),
        ("mul --n 5 --digits 9 --suite exhaustive --out x.jsonl", ["--suite exhaustive", "over 1,000,000"]),
        ("mul --n 5 --digits 1 --split held-out --out x.jsonl", ["--split held-out", "no such problems"]),
        ("mul --n 101 --digits 1 --out x.jsonl", ["--n 101", "only 100 different"]),
        ("mul --n 101 --digits 1 --split test --out x.jsonl", ["--n 101", "only 100 different"]),
        ("mul --n 5 --seed -1 --out x.jsonl", ["--seed -1", "at least 0"]),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(
    arithgpt: Call, tmp_path: Path, arguments: str, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "README.md").write_text("mine")
    *options, out = arguments.split()
    done = arithgpt("export-data", *options, str(tmp_path / out))
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    for part in said:
        assert part in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir() if file.name != "runs") == ["README.md", "folder.jsonl"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_what_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    def pieces():
        yield b"new"
        raise KeyboardInterrupt

    (tmp_path / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "x", pieces())
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"
    with pytest.raises(UserError, match="cannot be written"):
        write_atomic(tmp_path / "no" / "x", pieces())


@pytest.mark.slow
def test_a_million_rows_in_bounded_time_and_memory(new_arithgpt: Call, tmp_path: Path) -> None:
    done = new_arithgpt("export-data", "mul", "--n", "1000000", "--digits", "1-6", "--out", str(tmp_path / "x.jsonl"))
    assert done.returncode == 0, done.stderr
    with (tmp_path / "x.jsonl").open() as lines:
        assert sum(1 for _ in lines) == 1_000_000

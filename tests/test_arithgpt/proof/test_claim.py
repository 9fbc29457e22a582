"""Where a run that is proven says so: its list, its evaluations, and falsify."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.command_line import Call

from arithgpt.proof.claim import FILE_NAME, Claim, proven_claim
from arithgpt.run_folder import RunFolder
from arithgpt.training.checkpoint import load_tensors, save_tensors

SAID = "proven: adds any two numbers, of any length (24,956 windows, least margin "


@pytest.fixture
def proven(provable: RunFolder, arithgpt: Call, tmp_path: Path) -> RunFolder:
    """A copy of the run with its certificate, as the command line finds it."""
    run = RunFolder(tmp_path / "runs" / "adder")
    shutil.copytree(provable.path, run.path, ignore=shutil.ignore_patterns(FILE_NAME))
    assert proven_claim(run) is None
    assert arithgpt("prove", "adder").returncode == 0
    return run


def test_a_proven_run_says_so_everywhere(proven: RunFolder, arithgpt: Call, tmp_path: Path) -> None:
    claim = proven_claim(proven)
    assert claim is not None
    assert str(claim).startswith(SAID)
    [listed] = [line for line in arithgpt("runs", "--json").stdout.splitlines() if '"status"' in line]
    assert "proven" in listed
    page, facts = tmp_path / "adder.html", tmp_path / "adder.json"
    done = arithgpt("eval", "adder", "--digits", "2", "--samples", "2", "--html", str(page), "--json", str(facts))
    for said in (done.stdout, page.read_text(), json.loads(facts.read_text())["proof"]):
        assert SAID in said
    done = arithgpt("falsify", "adder")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"run adder is {claim}: there is no such problem to find\n"


def test_other_weights_are_not_proven(proven: RunFolder, arithgpt: Call) -> None:
    file = proven.path / "weights.safetensors"
    tensors, notes = load_tensors(file)
    tensors["norm.weight"][0] += 1e-6
    save_tensors(file, tensors, notes)
    assert proven_claim(proven) is None
    assert "proven │" not in arithgpt("runs").stdout
    done = arithgpt("eval", "adder", "--digits", "2", "--samples", "2")
    assert "right" not in done.stderr
    assert "proven" not in done.stdout
    assert "not falsified" in arithgpt("falsify", "adder", "--max-examples", "20").stdout


@pytest.mark.parametrize("content", [b"", b"{}", b"certificate"])
def test_a_damaged_certificate_proves_nothing(proven: RunFolder, content: bytes) -> None:
    assert isinstance(proven_claim(proven), Claim)
    (proven.path / FILE_NAME).write_bytes(content)
    assert proven_claim(proven) is None

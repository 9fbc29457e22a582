"""Proofs, counterexamples, certificates and their checker, in this process."""

import ast
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from arithgpt.config.tables import task_table
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.proof import checker
from arithgpt.proof.certificate import digest, write_certificate
from arithgpt.proof.checker.check import Checked, check
from arithgpt.proof.prove import prove
from arithgpt.run_folder import RunFolder
from arithgpt.training.checkpoint import load_tensors, save_tensors


def copied(run: RunFolder, folder: Path) -> RunFolder:
    """A copy of a run that a test may change."""
    shutil.copytree(run.path, folder)
    return RunFolder(folder)


def verify(run: RunFolder, certificate: Path) -> Checked:
    """Check a certificate for a run."""
    return check(certificate, run.path / "weights.safetensors", run.recipe.alphabet, task_table(run.recipe.task))


@pytest.fixture(scope="module")
def certificate(provable: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the proven run."""
    file = tmp_path_factory.mktemp("certificate") / "certificate.safetensors"
    write_certificate(file, provable, prove(provable))
    return file


def test_a_run_is_proven_and_adds_long_numbers(provable: RunFolder) -> None:
    proof = prove(provable).proof
    assert (proof.status, proof.n_open, proof.n_windows, proof.counterexample) == ("proven", 0, 24_956, None)
    assert proof.margin > proof.bound > 0
    assert json.loads(json.dumps(proof.to_json()))["weights_sha256"] == provable.weights_sha256
    rng = np.random.default_rng(0)
    pairs = [[int("".join(map(str, [1, *rng.integers(0, 10, n)]))) for n in rng.integers(0, 400, 2)] for _ in range(30)]
    pairs += [[10**300 - 1, 1], [1, 10**200 - 1], [0, 0], [0, 10**150], [10**100 - 5, 10**100 - 5]]
    task = provable.recipe.problems
    answers = GPTSolver.of(provable, "numpy", verify=False).solve(task, task.problems([f"{a}+{b}" for a, b in pairs]))
    assert [answer.text for answer in answers] == [str(a + b) for a, b in pairs]


def test_a_planted_fault_is_refuted_by_a_real_sum(provable: RunFolder, tmp_path: Path) -> None:
    run = copied(provable, tmp_path / "fault")
    tensors, notes = load_tensors(run.path / "weights.safetensors")
    weight = tensors["blocks.0.mlp.down.weight"]
    place = divmod(int(weight.abs().argmax()), weight.shape[1])
    for _ in range(12):  # one weight is changed until something goes wrong
        weight[place] *= 1.2
        save_tensors(run.path / "weights.safetensors", tensors, notes)
        proof = prove(run).proof
        if proof.counterexample is not None:
            break
    assert proof.status == "refuted"
    wrong = proof.counterexample
    assert wrong is not None
    left, right = map(int, wrong.question.split("+"))
    assert wrong.expected == str(left + right) != wrong.answer
    assert wrong.expected in wrong.drawing
    [answer] = GPTSolver.of(run).solve(run.recipe.problems, run.recipe.problems.problems([wrong.question]))
    assert answer.text != wrong.expected
    assert proof.open_windows[0].margin < proof.open_windows[0].bound


def test_the_checker_agrees(provable: RunFolder, certificate: Path) -> None:
    checked = verify(provable, certificate)
    assert checked.n_windows == 24_956
    assert checked.claim == "adds any two numbers, of any length"
    proof = prove(provable).proof
    assert 0 < checked.least < proof.margin + proof.bound


def test_the_checker_shares_no_code_with_the_prover() -> None:
    modules = set()
    for file in Path(checker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module or "")
    foreign = {name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names}
    others = {name for name in foreign if not name.startswith("arithgpt.proof.checker.")}
    assert others == {"numpy", "numpy.typing", "safetensors", "arithgpt.errors"}


def test_a_certificate_of_other_weights_is_refused(provable: RunFolder, certificate: Path, tmp_path: Path) -> None:
    run = copied(provable, tmp_path / "other")
    tensors, notes = load_tensors(run.path / "weights.safetensors")
    tensors["norm.weight"][0] += 1e-6
    save_tensors(run.path / "weights.safetensors", tensors, notes)
    with pytest.raises(UserError, match=r"is for the weights [0-9a-f]{12}\.\.\., and .*weights\.safetensors is "):
        verify(run, certificate)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-100], "cut short"),
        (lambda data: data[:50], "cut short"),
        (lambda data: b"", "cut short"),
        (lambda data: b"{}" + data, "cut short"),
        (lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:], "was changed"),
        (lambda data: data.replace(b"any length", b"all colour"), "was changed"),
    ],
)
def test_damaged_certificates_are_refused(
    provable: RunFolder, certificate: Path, tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    file = tmp_path / "damaged"
    file.write_bytes(damage(certificate.read_bytes()))
    with pytest.raises(UserError, match=said):
        verify(provable, file)


def test_no_file_is_refused(provable: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        verify(provable, tmp_path / "nowhere")
    with pytest.raises(UserError, match="no certificate"):
        verify(provable, provable.path / "weights.safetensors")


def test_a_forged_certificate_is_refused(provable: RunFolder, certificate: Path, tmp_path: Path) -> None:
    """Whoever edits a certificate can make a new digest: the checker derives the windows and the logits itself."""
    file = tmp_path / "forged"
    with safe_open(certificate, framework="np") as opened:
        notes = json.loads(opened.metadata()["notes"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  not a dict

    def forge(**changed: np.ndarray) -> None:
        shown = tensors | changed
        file.write_bytes(save(shown, {"notes": json.dumps(notes | {"digest": digest(notes, shown)})}))

    forge()
    assert verify(provable, file).least > 0
    wanted = tensors["wanted"].copy()
    wanted[7] = ord("1") if wanted[7] != ord("1") else ord("2")
    forge(wanted=wanted)
    with pytest.raises(UserError, match="2 windows are missing, left over, or have a wrong answer"):
        verify(provable, file)
    forge(**{name: tensors[name][1:] for name in ("contents", "queries", "wanted", "margin", "bound")})
    with pytest.raises(UserError, match="1 windows are missing"):
        verify(provable, file)


def test_a_certificate_of_a_wrong_model_is_refused(provable: RunFolder, certificate: Path, tmp_path: Path) -> None:
    run = copied(provable, tmp_path / "wrong")
    tensors, notes = load_tensors(run.path / "weights.safetensors")
    tensors["head.weight"] = tensors["head.weight"].roll(1, 0)
    save_tensors(run.path / "weights.safetensors", tensors, notes)
    with safe_open(certificate, framework="np") as opened:
        claims = json.loads(opened.metadata()["notes"]) | {"weights_sha256": run.weights_sha256}
        shown = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  not a dict
    file = tmp_path / "wrong.safetensors"
    file.write_bytes(save(shown, {"notes": json.dumps(claims | {"digest": digest(claims, shown)})}))
    with pytest.raises(UserError, match="does not prove its claim"):
        verify(run, file)

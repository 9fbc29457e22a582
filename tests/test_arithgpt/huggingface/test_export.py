"""The command export-hf: what stands in the folder, its card, what is refused, and that nothing is left half written."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.command_line import Call, one_clear_line
from helpers.exports import load_exported, random_run
from safetensors import safe_open

from arithgpt.errors import UserError
from arithgpt.huggingface import export
from arithgpt.huggingface.digit_order import digit_order
from arithgpt.huggingface.export import export_run
from arithgpt.huggingface.source_files import exported_sources
from arithgpt.inference.sample import sample_text
from arithgpt.inference.sampler import greedy
from arithgpt.proof.claim import FILE_NAME
from arithgpt.run_folder import RunFolder, shipped_run
from arithgpt.training.checkpoint import load_tensors, save_tensors

TEXT = "Ein Mädchen, 3 €; 日本語, 🙂 \r\n\t$The "
SMALL = {"n_head": 2, "n_embd": 16, "n_layer": 1}
WITHOUT_US = "import sys; sys.modules |= dict.fromkeys(['arithgpt', 'tasks', 'eval'])\n"
"""The first line of a program that can import none of our packages."""


@pytest.fixture
def text_run(tmp_path: Path) -> RunFolder:
    task = {"name": "text", "path": "/home/me/book.txt", "context": 16, "characters": "".join(sorted(set(TEXT)))}
    return random_run(tmp_path / "book", task | {"sha256": "0" * 64}, positions="rope", **SMALL)


def files_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_sources_need_nothing_of_ours() -> None:
    sources = exported_sources()
    assert {"modeling_arithgpt.py", "configuration_arithgpt.py", "gpt.py", "page_grammar.py"} <= sources.keys()
    third_party = set()
    for name, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, name
                assert f"{node.module}.py" in sources, name
            elif isinstance(node, ast.ImportFrom):
                third_party.add(str(node.module).partition(".")[0])
            elif isinstance(node, ast.Import):
                third_party |= {alias.name.partition(".")[0] for alias in node.names}
    assert third_party - sys.stdlib_module_names == {"numpy", "torch", "transformers"}
    # Version 4 of transformers copies what the modelling file imports, and no more.
    named = set(re.findall(r"^from \.(\w+) import", sources["modeling_arithgpt.py"], re.MULTILINE))
    assert {f"{name}.py" for name in named} == sources.keys() - {"modeling_arithgpt.py"}


def test_the_folder(trained: RunFolder, tmp_path: Path) -> None:
    export_run(trained, tmp_path / "out")
    written = files_in(tmp_path / "out")
    assert set(written) - exported_sources().keys() == {
        *("model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
        *("README.md", "LICENSE"),
    }
    assert b"MIT License" in written["LICENSE"]
    own, _ = load_tensors(trained.path / "weights.safetensors")
    with safe_open(tmp_path / "out" / "model.safetensors", framework="pt") as file:
        assert {f"gpt.{name}" for name in own} == set(file.keys())
        assert all(torch.equal(file.get_tensor(f"gpt.{name}"), tensor) for name, tensor in own.items())
    config = json.loads(written["config.json"])
    assert config["task"] == trained.recipe.model_dump(mode="json")["task"]
    assert "auto_map" not in json.loads(written["tokenizer_config.json"])
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "out").iterdir()} == {0o644}
    again = tmp_path / "again" / "out"
    again.parent.mkdir()
    export_run(trained, again)
    assert files_in(again) == written


def test_what_cannot_be_exported_is_one_clear_line(arithgpt: Call, tmp_path: Path, runs: Path) -> None:
    out = str(tmp_path / "out")
    one_clear_line(arithgpt("export-hf", "smal", out), "run 'smal': not found", "did you mean small?")
    one_clear_line(arithgpt("export-hf", "small", str(tmp_path / "no" / "out")), "DIR", "does not exist")
    for arch in ("encoder-decoder", "lstm"):
        run = random_run(tmp_path / arch, arch=arch, **SMALL)
        one_clear_line(arithgpt("export-hf", str(run.path), out), f"model.arch = '{arch}'", "only a gpt")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        one_clear_line(arithgpt("export-hf", "small", str(tmp_path / name), "--force"), "is there already and no plain folder")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    for force in ((), ("--force",)):
        one_clear_line(arithgpt("export-hf", "small", str(tmp_path / "mine"), *force), "with files of another kind")
    assert (tmp_path / "mine" / "file").read_text() == "mine"
    assert not Path(out).exists()


def test_only_force_replaces_an_earlier_export(arithgpt: Call, tmp_path: Path, runs: Path) -> None:
    out = tmp_path / "here" / "out"
    out.mkdir(parents=True)  # an empty folder will do
    done = arithgpt("export-hf", "small", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert str(out / "README.md") in done.stdout
    (out / "README.md").write_text("changed")
    one_clear_line(arithgpt("export-hf", "small", str(out)), f"DIR {out}", "--force replaces it")
    assert (out / "README.md").read_text() == "changed"
    assert arithgpt("export-hf", "small", str(out), "--force").returncode == 0
    assert (out / "README.md").read_text() != "changed"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_leaves_everything_as_it_was(
    exists: bool, trained: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "here" / "out"
    out.parent.mkdir()
    if exists:
        export_run(trained, out)
    before = files_in(out) if exists else None

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "save", full)
    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        export_run(trained, out, force=True)
    assert [path.name for path in out.parent.iterdir()] == (["out"] if exists else [])
    assert before is None or files_in(out) == before


def test_the_card_says_what_was_measured(arithgpt: Call, tmp_path: Path, runs: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "adder")
    shutil.copytree(runs / "small", run.path, ignore=shutil.ignore_patterns("eval.*"))  # another test may have evaluated it

    def card(name: str) -> str:
        export_run(RunFolder(run.path), tmp_path / name)
        return (tmp_path / name / "README.md").read_text("utf-8")

    text = card("unmeasured")
    header = text.split("---\n")[1]
    for line in ("license: mit\n", "library_name: transformers\n", "tags:\n- arithgpt\n"):
        assert line in header
    assert "These weights were not evaluated. `arithgpt eval adder`" in text
    assert "Nothing is proven of this model." in text
    examples = run.info["step"] * 64
    assert f"{examples:,} examples" in text
    assert "left digits 1 to 3, right digits 1 to 3" in text
    assert run.weights_sha256 in text
    done = arithgpt("eval", str(run.path), "--digits", "1-2,5", "--samples", "20")
    assert done.returncode == 0, done.stderr
    text = card("measured")
    results = json.loads((run.path / "eval.json").read_text())["results"]
    for row in results:
        assert f"| {row['trained']} | {row['correct']} of {row['n']} |" in text
    assert text.count("\n| add |") == len(results)
    (run.path / "eval.json").write_text(json.dumps({"weights_sha256": run.weights_sha256, "results": [{"n": 1}]}))
    assert "is damaged" in card("damaged")
    tensors, notes = load_tensors(run.path / "weights.safetensors")
    tensors["norm.weight"][0] += 1
    save_tensors(run.path / "weights.safetensors", tensors, notes)
    assert "These weights were not evaluated" in card("of other weights")


def test_the_card_says_what_is_proven(trained: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "adder")
    shutil.copytree(trained.path, run.path)
    notes = {"claim": "adds two numbers", "n_windows": 24956, "margin": 3.125, "weights_sha256": run.weights_sha256}
    save_tensors(run.path / FILE_NAME, {"none": torch.zeros(1)}, notes)
    export_run(run, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "A certificate says that it adds two numbers: 24,956 windows, least margin 3.12" in text


def test_the_card_of_a_text_tells_no_folder(text_run: RunFolder, tmp_path: Path) -> None:
    export_run(text_run, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "book.txt" in text
    assert "/home" not in text
    assert "also depends on the text" in text
    assert "Proof" not in text


@pytest.mark.parametrize("name", ["calculator", "small"])
def test_the_sample_works_as_typed_where_arithgpt_is_not_installed(name: str, trained: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    export_run(shipped_run() if name == "calculator" else trained, tmp_path / name)
    text = (tmp_path / name / "README.md").read_text("utf-8")
    [code], [printed] = (
        re.findall(r"```python\n(.*?)```", text, re.DOTALL),
        re.findall(r"prints\n\n```\n(.*?)```", text, re.DOTALL),
    )
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_US + code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout == printed, done.stderr
    assert "model of type" not in done.stderr  # what transformers says where a class does not fit config.json
    task = (shipped_run() if name == "calculator" else trained).recipe.problems
    asked = re.findall(
        r"^- `.*` asks `(.*)`(?: rounded to ([0-9]+) decimals?)?; the right answer is `(.*)`\.$", text, re.MULTILINE
    )
    assert len(asked) == max(2, len(task.subtasks))
    assert digit_order(task) in text
    for question, decimals, right in asked:
        assert task.answer(f"{question} to {decimals}" if decimals else question) == right


def test_a_run_of_a_text_goes_on_as_the_run_does(text_run: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    export_run(text_run, tmp_path / "out")
    tokenizer, model = load_exported(tmp_path / "out")
    own = text_run.load_model()
    inputs = tokenizer([TEXT], return_tensors="pt")
    assert inputs.input_ids.tolist() == [[own.alphabet.index(char) for char in TEXT]]
    assert tokenizer.decode(inputs.input_ids[0]) == TEXT
    done = model.generate(**inputs)
    assert done.shape[1] == len(TEXT) + 16  # its context
    assert done[0, len(TEXT) :].tolist() == list(sample_text(own, inputs.input_ids.numpy()[0], 16, greedy))
    assert tokenizer.eos_token is None


def test_the_working_directory_is_not_replaced(trained: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"DIR \.: is the working directory"):
        export_run(trained, Path())
    assert list(tmp_path.iterdir()) == []


def test_a_text_with_limited_positions_says_where_it_ends(text_run: RunFolder, tmp_path: Path) -> None:
    task = text_run.recipe.model_dump(mode="json")["task"]
    run = random_run(tmp_path / "short", task, positions="learned", block_size=24, **SMALL)
    export_run(run, tmp_path / "out")
    assert "it goes on up to 24 characters in all" in (tmp_path / "out" / "README.md").read_text()

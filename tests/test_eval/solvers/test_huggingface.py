"""Language models in a local folder: a tiny one answers in batches as one by one."""

import socket
import sys
from pathlib import Path

import pytest

from eval.solver import MissingExtra
from eval.solvers import prompting
from eval.solvers.huggingface import HFSolver
from tasks import Problems
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.division import Division

TASK = Addition(digits="1-3")


def problems(n: int) -> Problems:
    return TASK.test(n, (3, 2), seed=0)


@pytest.fixture(scope="module", params=["<end>", None], ids=["ends by a token", "ends by a newline only"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of characters whose text depends on every one it was given, so that padding shows."""
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocab = {token: at for at, token in enumerate(["<end>", *"0123456789+-*/= \nr."])}
    tokens = Tokenizer(models.WordLevel(vocab, unk_token="<end>"))
    tokens.pre_tokenizer, tokens.decoder = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"), decoders.Fuse()
    end = None if request.param is None else vocab[request.param]
    config = transformers.GPT2Config(
        vocab_size=len(vocab), n_positions=192, n_embd=32, n_layer=2, n_head=2, initializer_range=1.0, eos_token_id=end
    )
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config)
    model.generation_config.update(do_sample=True, temperature=5.0, repetition_penalty=2.0)  # to be ignored
    path = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(path)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token=request.param).save_pretrained(path)
    return path


def test_a_local_model_answers_in_batches_as_one_by_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went to the network"))
    solver = HFSolver(folder, batch_size=7)
    asked = Problems.concatenate([TASK.test(10, cell, seed=0) for cell in ((3, 2), (1, 1), (20, 3))])
    answers = solver.solve(TASK, asked)
    assert answers == [solver.solve(TASK, asked[row : row + 1])[0] for row in range(len(asked))]
    assert solver.name == folder.name
    assert len({answer.written for answer in answers}) > 5
    assert 0 < sum(answer.finished for answer in answers) < len(answers)
    assert not any("\n" in answer.written or answer.page for answer in answers)
    assert any("<end>" in answer.written for answer in answers) == (solver.loaded[0].eos_token is None)


def test_what_a_local_model_has_no_room_for_is_unfinished(folder: Path) -> None:
    solver = HFSolver(folder)
    fits, long = TASK.test(1, (3, 2), seed=0), TASK.test(1, (80, 80), seed=0)
    answers = solver.solve(TASK, Problems.concatenate([fits, long]))
    assert answers[0] == solver.solve(TASK, fits)[0] != answers[1]
    assert (answers[1].finished, answers[1].written) == (False, "")


def test_the_few_shot_line_is_what_a_local_model_continues(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, solver = Division(digits="1-2"), HFSolver(folder, shots=2)
    tokenizer, model = solver.loaded
    given = []
    generate = model.generate
    monkeypatch.setattr(model, "generate", lambda ids, **rest: (given.append(ids), generate(ids, **rest))[1])
    solver.solve(task, task.problems(["91/7"]))
    assert tokenizer.decode(given[0][0]) == prompting.completion_prompt(prompting.draw_shots(task, 2, 0), "91/7")


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        HFSolver(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=f"{tmp_path}: no causal language model can be loaded: ") as caught:
        HFSolver(tmp_path).solve(TASK, problems(1))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="batch_size = 0"):
        HFSolver(tmp_path, batch_size=0)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"the extra hf is missing: pip install 'arithgpt\[hf\]'"):
        HFSolver(tmp_path).solve(TASK, problems(1))

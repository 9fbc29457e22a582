"""The task `text`: what a page is, how a file is read, what is refused, and the commands for such a run."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.command_line import Call
from helpers.models import random_model
from helpers.training import Silent

from arithgpt.cli import app
from arithgpt.config.recipe import ModelConfig, Recipe, load_recipe
from arithgpt.data import text as text_module
from arithgpt.data.source import make_data_source
from arithgpt.data.text import Text, TextFile, encode, survey_file
from arithgpt.errors import UserError
from arithgpt.inference.sample import sample_text
from arithgpt.inference.sampler import random_sampler
from arithgpt.models import build_model
from arithgpt.models.language_model import LanguageModel
from arithgpt.run_folder import RunFolder, new_run
from arithgpt.training.init_weights import resolve
from arithgpt.training.text_loss import held_out_loss
from arithgpt.training.trainer import Trainer

CPU = torch.device("cpu")
MIXED = "Ein Mädchen, 3 €; 日本語, 🙂 \r\n\t" * 40
SMALL = {"n_layer": 1, "n_head": 2, "n_embd": 16, "positions": "learned", "block_size": 16}
QUICK = {"max_steps": 6, "batch_size": 4, "eval_samples": 8, "eval_every": 3, "checkpoint_every": 3, "stop_early": False}


def recipe(path: Path, **model: object) -> Recipe:
    task = {"name": "text", "path": str(path), "context": 16}
    return resolve(Recipe.from_dict({"task": task, "model": SMALL | model, "train": QUICK}, "test"))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_bytes(MIXED.encode())
    return path


@pytest.fixture
def run(book: Path) -> RunFolder:
    plan = recipe(book)
    made = new_run("book", plan)
    Trainer(plan, made, device=CPU, callback=Silent()).fit()
    return made


@pytest.mark.parametrize("chunk", [1, 7, 1 << 22])
@pytest.mark.parametrize("block", [1, 5, 4096])
def test_any_piece_of_a_file_is_found(book: Path, chunk: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "CHUNK", chunk)
    monkeypatch.setattr(text_module, "BLOCK", block)
    survey = survey_file(book)
    assert (survey.characters, survey.size) == ("".join(sorted(set(MIXED))), len(MIXED))
    file = TextFile(book)
    assert len(file) == len(MIXED)
    for start, end in [(0, 1), (0, len(MIXED)), (3, 4), (10, 33), (len(MIXED) - 5, len(MIXED)), (7, 7)]:
        assert file.between(start, end) == MIXED[start:end]


def test_batches_depend_on_their_arguments_alone_and_stay_in_their_part(book: Path) -> None:
    text = recipe(book).text
    one = text.batch(50, seed=0, split="train", rank=0, step=0)
    assert one.shape == (50, 17)
    assert np.array_equal(one, text.batch(50, seed=0, split="train", rank=0, step=0))
    for other in ({"seed": 1}, {"rank": 1}, {"step": 1}):
        assert not np.array_equal(one, text.batch(50, **{"seed": 0, "split": "train", "rank": 0, "step": 0} | other))
    parts = {part: MIXED[text.span(part).start : text.span(part).stop] for part in ("train", "held-out")}
    assert parts["train"] + parts["held-out"] == MIXED
    assert len(parts["held-out"]) == int(0.1 * len(MIXED))
    plain = Text(path=str(book), context=16, val_share=0.3).resolve()
    spans = {part: plain.span(part) for part in parts}
    for part, span in spans.items():
        for row in plain.batch(50, seed=0, split=part, rank=0, step=3):
            assert "".join(plain.characters[i] for i in row) in MIXED[span.start : span.stop]


def test_every_character_is_a_target(book: Path) -> None:
    source = make_data_source(recipe(book), CPU)
    pages = source.pages(0)
    batches = source.batches(pages, 3)
    assert sum(len(inputs) for inputs, _ in batches) == len(pages) == QUICK["batch_size"]
    inputs, targets = (torch.cat(side) for side in zip(*batches, strict=True))
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert (targets >= 0).all()


def test_the_held_out_loss_counts_each_character_once(book: Path) -> None:
    text = recipe(book).text
    config = ModelConfig(**SMALL)
    model = build_model(config, text.characters, seed=0).eval()
    span, size = text.span("held-out"), 16
    ids = encode(MIXED[span.start : span.stop], text.characters)
    losses, starts, last = {}, [*range(0, len(ids) - 1 - size, size // 2), len(ids) - 1 - size], len(ids)
    for start in starts:
        page = torch.from_numpy(ids[start : start + size + 1])
        own = F.cross_entropy(model(page[None, :-1])[0].detach(), page[1:], reduction="none")
        for at in range(size):
            losses.setdefault(start + 1 + at, float(own[at]))
    assert sorted(losses) == list(range(1, last))
    found = held_out_loss(model, text, CPU)
    assert found.loss == pytest.approx(sum(losses.values()) / len(losses), rel=1e-5)
    assert (found.characters, found.before) == (len(losses), (9, 16))
    assert found.bits == pytest.approx(found.loss / math.log(2))
    assert found.perplexity == pytest.approx(2**found.bits)


def test_a_run_of_text_learns_resumes_and_moves(run: RunFolder, book: Path, tmp_path: Path) -> None:
    losses = [entry["held_out_loss"] for entry in run.metrics() if "held_out_loss" in entry]
    assert len(losses) == 2
    assert losses[1] < losses[0] < 1.1 * math.log(len(set(MIXED)))
    moved = book.rename(tmp_path / "moved.txt")
    plan = load_recipe(file=run.path / "recipe.toml", overrides=[f"task.path={moved}"])
    assert plan.identity == run.recipe.identity
    plan = load_recipe(file=run.path / "recipe.toml", overrides=[f"task.path={moved}", "train.max_steps=8"])
    assert plan.resume_identity == run.recipe.resume_identity
    assert Trainer(plan, run, device=CPU, callback=Silent()).fit(resume=True).step == 8
    moved.write_text(MIXED + "x")
    plan = load_recipe(file=run.path / "recipe.toml", overrides=["train.max_steps=9"])
    with pytest.raises(UserError, match="no longer the file it was"):
        Trainer(plan, run, device=CPU, callback=Silent()).fit(resume=True)
    assert RunFolder(run.path).load_model("numpy").alphabet == "".join(sorted(set(MIXED)))  # which needs no file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("", "is empty"),
        ("short", "has 5 characters"),
        (b"abc\xc3\xa4d\xff" + b"x" * 999, "not UTF-8: byte 6"),
        (b"x" * 999 + b"\xc3", "not UTF-8: byte 999"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 5000))), "5,000 different characters: at most 4,096"),
    ],
)
@pytest.mark.parametrize("chunk", [3, 1 << 22])
def test_files_that_are_refused(
    content: str | bytes | None, said: str, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_module, "CHUNK", chunk)
    path = tmp_path / "bad.txt"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match="bad.txt") as caught:
        Text(path=str(path)).resolve()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "task.path: missing"),
        (["task.path=."], "is no plain file"),
        (["task.path=x", "task.context=1"], "context = 1: must be from 2"),
        (["task.path=x", "task.val_share=1"], "val_share = 1.0"),
        (["task.path=x", "task.digits=3"], "digits: no such field"),
        (["task.path=x", "task.characters=aa"], "characters: must be different"),
    ],
)
def test_recipes_that_are_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(load_recipe(task="text", overrides=overrides))
    assert said in str(caught.value)


def test_a_vocabulary_may_be_given_and_must_suffice(book: Path) -> None:
    more = "".join(sorted({*MIXED, "ß", "q"}))
    assert Text(path=str(book), context=16, characters=more).resolve().characters == more
    with pytest.raises(UserError, match="has the character '日', which task.characters has not"):
        Text(path=str(book), context=16, characters=more.replace("日", "")).resolve()


def test_characters_go_over_from_text_to_text(run: RunFolder, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("Das Mädchen und die neue Welt, 7 Zeilen\n" * 30)
    plan = recipe(other)
    plan = resolve(plan.replace(init={"run": "book"}))
    made = new_run("fine", plan)
    seen: list[dict[str, torch.Tensor]] = []

    class Watch(Silent):
        def on_train_start(self, run: object, model: LanguageModel, *about: object) -> None:
            seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})

    Trainer(plan, made, device=CPU, callback=Watch()).fit()
    model = run.load_model()
    before = model.state_dict()
    shared = [char for char in plan.alphabet if char in model.alphabet]
    assert {"ä", "e", " "} <= set(shared)
    for char in shared:
        row, row_before = (alphabet.index(char) for alphabet in (plan.alphabet, model.alphabet))
        assert torch.equal(seen[0]["head.weight"][row], before["head.weight"][row_before])
    assert torch.equal(seen[0]["positions.position_embedding"], before["positions.position_embedding"])


@pytest.mark.parametrize("shape", [{}, {"positions": "page"}, {"positions": "rope", "tied": True}, {"arch": "gru"}], ids=str)
@pytest.mark.parametrize("window", [None, 6])
def test_sampling_is_the_model_itself(shape: dict[str, object], window: int | None) -> None:
    rng, model = np.random.default_rng(0), random_model("abc$", scale=0.3, **SMALL | shape)
    seen: list[torch.Tensor] = []

    def sampler(logits: torch.Tensor) -> torch.Tensor:
        seen.append(logits[0].clone())
        return torch.tensor([rng.integers(3)])

    written = [0, 1, 2, *sample_text(model, np.array([0, 1, 2]), 12, sampler, window=window)]
    assert len(written) == 15
    known, at = [0, 1, 2], 3
    for logits in seen:
        with torch.inference_mode():
            assert torch.allclose(logits, model(torch.tensor([known]))[0, -1], atol=1e-3)
        known, at = [*known, written[at]], at + 1
        if window is not None and len(known) > window:
            known = known[-(window // 2) :]


def test_choosing() -> None:
    logits = np.tile(np.array([0.0, 3.0, 2.0, 2.9], np.float32), (300, 1))
    rng = np.random.default_rng(0)
    assert set(random_sampler(0, rng)(logits).tolist()) == {1}
    drawn = random_sampler(1.0, rng, 2)(logits).tolist()
    assert set(drawn) == {1, 3}
    assert 120 < drawn.count(1) < 190  # 52.5%
    assert set(random_sampler(5.0, rng)(logits).tolist()) == {0, 1, 2, 3}
    for temperature, top_k in ((-1.0, None), (float("inf"), None), (1.0, 0)):
        with pytest.raises(ValueError, match="temperature must be"):
            random_sampler(temperature, rng, top_k)


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    app([*arguments], standalone_mode=False)
    return capsys.readouterr().out


def test_a_text_on_the_command_line(
    arithgpt: Call, new_arithgpt: Call, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    done = arithgpt("eval", "book", "--json", str(run.path / "copy.json"))
    assert done.returncode == 0, done.stderr
    report = json.loads((run.path / "copy.json").read_text())
    assert report == json.loads((run.path / "eval.json").read_text())
    assert report["characters"] == int(0.1 * len(MIXED)) - 1
    assert f"{report['bits_per_character']:.4f} a character" in done.stdout
    assert f"{math.exp(report['loss']):.3f}" in done.stdout
    asked = ("sample", "book", "--prompt", "日本", "-n", "30", "--top-k", "9", "--seed")
    first = new_arithgpt(*asked, "1", PYTHONIOENCODING="utf-8").stdout
    again, other = (_said(capsys, *asked, seed) for seed in ("1", "2"))
    assert first.startswith("日本")
    assert len(first) == 2 + 30 + 1
    assert first == again != other
    said = json.loads(_said(capsys, "inspect", "book", "Mädchen", "--json"))
    assert "".join(one["character"] for one in said["characters"]) == "ädchen"


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["eval", "book", "--digits", "3"], "--digits: run book learned a text"),
        (["eval", "book", "calculator"], "ask them apart"),
        (["sample", "book", "--prompt", "EX"], "--prompt: character 'X', number 2"),
        (["sample", "book", "--prompt", ""], "--prompt: is empty"),
        (["calc", "--run", "book", "1+1"], "a text has no problems"),
        (["compare", "book", "calculator"], "a text has no problems"),
        (["falsify", "book"], "a text has no problems"),
        (["inspect", "book", "E"], "must be from 2 to the 16 characters"),
    ],
)
def test_what_a_run_of_text_cannot_do_is_one_clear_line(arguments: list[str], part: str) -> None:
    with pytest.raises(UserError) as caught:
        app(arguments, standalone_mode=False)
    assert part in caught.value.in_shell
    assert "\n" not in caught.value.in_shell


def test_sampling_from_a_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, "sample", "calculator", "--prompt", "21+43=", "--temperature", "0") == "21+43=64\n"
    for arguments, part in (([], "--prompt: missing"), (["--prompt", "1+1=2$"], "'$' that ends a page")):
        with pytest.raises(UserError) as caught:
            app(["sample", "calculator", *arguments], standalone_mode=False)
        assert part in str(caught.value)

"""What is particular to the encoder-decoder; what all architectures must keep is in test_architectures.py."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import Call
from helpers.models import ALPHABET
from helpers.models import random_model as any_random_model
from helpers.training import Silent

from arithgpt.cli import app
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.config.schema import ModelConfig
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference import generate as generate_module
from arithgpt.inference import verify_greedy
from arithgpt.inference.generate import generate
from arithgpt.inference.verify_greedy import generate_verified
from arithgpt.models import build_model, encoder_decoder
from arithgpt.models.encoder_decoder import EncoderDecoder
from arithgpt.models.positions import SCHEMES, find_scheme
from arithgpt.run_folder import new_run
from arithgpt.training.trainer import Trainer
from tasks import STOP
from tasks.core.ragged import Ragged

TOKENIZER = Tokenizer(ALPHABET)
PAGES = ("1=2345678901", "31+41+59=265", "777+777+77=7", "1+2+3+4+5+6=", "=12=34=5+678", "12+34=46=46=")
ENDS = (1, 8, 10, 11, 0, 5)
TINY = ("--set", "model.arch=encoder-decoder", "--set", "model.n_embd=16", "--set", "train.eval_samples=4")


def ids_of(*pages: str) -> torch.Tensor:
    return torch.from_numpy(TOKENIZER.encode(np.array([list(page.encode()) for page in pages], np.uint8)))


def random_model(**fields: object) -> EncoderDecoder:
    """A model in float64 in which every part has a say."""
    shape = {"arch": "encoder-decoder", "n_head": (2, 4), "head_dim": 8, "n_embd": 16} | fields
    return any_random_model(scale=0.3, **shape).double()


@pytest.mark.parametrize("positions", [name for name, scheme in SCHEMES.items() if scheme.is_embedding])
@torch.no_grad()
def test_questions_of_any_length_share_a_batch(positions: str) -> None:
    model, ids = random_model(positions=positions), ids_of(*PAGES)
    together = model(ids)
    for row, end in enumerate(ENDS):
        assert not together[row, :end].any()
        assert together[row, end:].all()
        alone = model(ids[row : row + 1])[0]
        assert torch.allclose(together[row], alone, atol=1e-9)
        assert torch.allclose(model(ids[row : row + 1, : end + 1])[0, -1], alone[end], atol=1e-9)


@torch.no_grad()
def test_the_question_is_seen_in_both_directions_and_the_rest_from_its_end_on() -> None:
    model, ids = random_model(), ids_of("12+34=46+5+6")
    logits = model(ids)
    for at in range(12):
        other = ids.clone()
        other[0, at] = 9 if at != 5 else ids[0, 0]  # then there is no end before this page's own
        changed = model(other)[0]
        if at < 5:
            assert not changed[5:].isclose(logits[0, 5:], atol=1e-6).all(1).any()
        elif at > 5:
            assert torch.allclose(changed[:at], logits[0, :at], atol=1e-12)
            assert not changed[at:].isclose(logits[0, at:], atol=1e-6).all(1).any()
        else:
            assert not changed.any()
    read = []
    model.encoder[0].register_forward_hook(lambda module, args, output: read.append(output[0]))
    other = ids.clone()
    other[0, 4] = 9
    for page in (ids, other):
        model(page)
    assert [len(question) for question in read] == [6, 6]
    assert not read[0][0].isclose(read[1][0]).any()  # the first character sees the last but one


@pytest.mark.parametrize("mark", ["=", "+5", "4=4"])
@pytest.mark.parametrize("step", [1, 2, 5, 12])
@torch.no_grad()
def test_a_cache_finds_where_each_question_ends(mark: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_decoder, "ENCODER_BYTES", 1)  # questions are encoded one by one
    model = random_model(prompt_end=mark)
    ids = ids_of(*PAGES, "12+34=46+5+5", "0000000000+5")
    whole, texts = model(ids), [*PAGES, "12+34=46+5+5", "0000000000+5"]
    for text, row in zip(texts, whole, strict=True):
        end = text.find(mark) + len(mark) - 1 if mark in text else len(text)
        assert row.any(1).tolist() == [False] * end + [True] * (len(text) - end)
    cache, rows = model.new_cache(len(ids), 12), torch.arange(len(ids))
    for start in range(0, 12, step):
        part = model(ids[rows, start : start + step], cache)
        assert torch.allclose(part, whole[rows, start : start + step], atol=1e-9)
        if start == step:  # pages leave in the middle of questions
            cache.keep(torch.arange(1, len(rows)))
            rows = rows[1:]


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "abacus"])
@torch.no_grad()
def test_greedy_decoding_is_the_model_itself(positions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While longer questions are still read, shorter ones are already answered; guesses change nothing."""
    for module, name, value in ((generate_module, "PROMPT_CHUNK", 4), (verify_greedy, "WHOLE", 8), (verify_greedy, "CHUNK", 3)):
        monkeypatch.setattr(module, name, value)
    model = random_model(positions=positions, block_size=64)
    prompts = Ragged.from_strings(["1=", "31+41+59=", "7" * 21 + "=", "12+34=5+6=", "="])
    max_new_tokens = np.array([20, 5, 11, 9, 1])
    written = generate(model, TOKENIZER, prompts, max_new_tokens)
    for prompt, limit, text in zip(prompts.to_strings(), max_new_tokens.tolist(), written.text.to_strings(), strict=True):
        page = prompt
        for _ in range(limit):
            page += ALPHABET[model(ids_of(page))[0, -1].argmax()]
            if page.endswith(STOP):
                break
        assert prompt + text == page.removesuffix(STOP)
    assert len(set(written.text.to_strings())) == 5
    for guess in ("", "12$", "9999999"):
        pages = [
            prompt + (text[:3] + guess if guess else text)
            for prompt, text in zip(prompts.to_strings(), written.text.to_strings(), strict=True)
        ]
        verified = generate_verified(model, TOKENIZER, Ragged.from_strings(pages), prompts.lengths, max_new_tokens)
        assert verified.text.to_strings() == written.text.to_strings()


@torch.no_grad()
def test_a_cache_knows_where_questions_end() -> None:
    model, ids = random_model(), ids_of(*PAGES)
    cache, whole = model.new_cache(len(ids), 12), model(ids)
    assert cache.starts.tolist() == [encoder_decoder.NEVER] * len(ids)
    for start in range(0, 12, 3):
        part = model(ids[:, start : start + 3], cache, last=1)
        assert torch.allclose(part[:, 0], whole[:, start + 2], atol=1e-9)
    assert cache.starts.tolist() == list(ENDS)
    assert not model(ids_of("12", "34")).any()


@torch.no_grad()
def test_each_half_counts_its_places_from_its_own_beginning() -> None:
    model = random_model(positions="learned", block_size=16)
    model.positions.position_embedding[6:] = torch.nan  # the question has six characters, six are read from its `=` on
    assert model(ids_of("12+34=46+50")).isfinite().all()
    assert model.config.max_length == model.max_length == 16


def test_only_schemes_that_are_embeddings_will_do() -> None:
    for name in SCHEMES:
        assert find_scheme(name).is_embedding == SCHEMES[name].is_embedding
    assert load_recipe(task="add", overrides=["model.arch=encoder-decoder"]).model.positions == "sinusoidal"
    assert ModelConfig().positions == "page"
    assert ModelConfig(arch="encoder-decoder", positions="none").positions == "none"


@torch.no_grad()
def test_hooks_see_every_application_of_a_block() -> None:
    model, shapes = random_model(loops=2), []
    for block in (*model.encoder, *model.decoder):
        block.register_forward_hook(lambda module, args, output: shapes.append(tuple(output.shape)))
    model(ids_of("12+34=46+5+6"))
    assert shapes == [(1, 6, 16)] * 4 + [(1, 7, 16)] * 4  # the decoder reads the `=` again


@torch.no_grad()
def test_its_matrices_are_multiplied_in_the_type_of_its_weights() -> None:
    model, ids = random_model().float().train(), ids_of(*PAGES)
    exact = model(ids)
    model.set_matmul_dtype(torch.bfloat16)
    assert torch.equal(model(ids), exact)


def test_weights_are_those_of_the_seed() -> None:
    config = ModelConfig(arch="encoder-decoder", positions="none", n_layer=1, n_embd=16, n_head=2, tied=True)
    state, rng = build_model(config, ALPHABET, seed=3).state_dict(), np.random.default_rng(3)
    assert np.array_equal(state["token_embedding.weight"], (0.5 * rng.standard_normal((13, 16))).astype(np.float32))
    for block, parts in (("encoder.0", ["attention"]), ("decoder.0", ["attention", "cross"])):
        for part in parts:
            q, kv = np.split((0.125 * rng.standard_normal((48, 16))).astype(np.float32), [16])
            assert np.array_equal(state[f"{block}.{part}.q.weight"], q)
            assert np.array_equal(state[f"{block}.{part}.kv.weight"], kv)
            assert not state[f"{block}.{part}.out.weight"].any()
        up = (0.125 * rng.standard_normal((16 * config.mlp_ratio, 16))).astype(np.float32)
        assert np.array_equal(state[f"{block}.mlp.up.weight"], up)
        assert not state[f"{block}.mlp.down.weight"].any()


def test_parameters_are_counted() -> None:
    config = ModelConfig(arch="encoder-decoder", n_layer=3, n_embd=16, n_head=2)
    model = build_model(config, ALPHABET, 0)
    attention, mlp, embeddings = 4 * 16**2 + 2 * 8 + 16, 8 * 16**2 + 16, 2 * 13 * 16
    assert model.n_params == 3 * (attention + mlp) + 3 * (2 * attention + mlp) + 2 * 16 + embeddings


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "model.positions=page"], "positions = 'page': arch = 'encoder-decoder' takes learned, sinusoidal, "),
        (["--task", "sum"], "positions = 'expression_page': arch = 'encoder-decoder' takes learned, sinusoidal"),
        (["--set", "model.head_dim=0", "--set", "model.n_head=5"], "n_embd = 16: must be a multiple of n_head = 5"),
        (["--set", 'model.prompt_end=""'], "model.prompt_end = '': string should have at least 1 character"),
        (["--set", "model.prompt_end=?"], "model.prompt_end = '?': must stand in every question, and is not in '"),
        (["--set", "model.positions=learned", "--set", "model.block_size=8"], "model.block_size = 8: must be at least the 2"),
        (["--task", "text", "--set", "task.path=book.txt", "--set", "model.positions=none"], "a text has no questions"),
    ],
)
def test_a_bad_choice_is_one_clear_line(options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text("once upon a time " * 200)
    with pytest.raises(UserError) as caught:
        app(["train", *TINY, *options], standalone_mode=False)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("runs").exists() or not any(Path("runs").iterdir())


def test_as_a_user_calls_it(arithgpt: Call, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    done = arithgpt(
        "train", "--task", "copy", "--digits", "3", "--set", "model.n_head=4", "--steps", "3", "--name", "two", *TINY
    )
    assert done.returncode == 0, done.stderr
    assert "ENCODER-DECODER of " in done.stdout
    assert "parameters: 2 layers in each half, 4 heads, width 16, sinusoidal positions" in done.stdout
    app(["train", "--resume", "--name", "two", "--steps", "5"], standalone_mode=False)
    assert "going on from step 3" in capsys.readouterr().out
    app(["eval", "two", "--digits", "3", "--samples", "8", "--json", str(tmp_path / "two.json")], standalone_mode=False)
    capsys.readouterr()
    assert {row["digits"] for row in json.loads((tmp_path / "two.json").read_text())["results"]} == {"3"}
    app(["sample", "two", "--prompt", "123=", "-n", "9", "--seed", "1"], standalone_mode=False)
    assert capsys.readouterr().out.startswith("123=")
    for arguments, said in (
        (["sample", "two", "--prompt", "123"], "--prompt: '123': an encoder-decoder begins to write after '='"),
        (["inspect", "two", "copy 123"], "run two: its model is an encoder-decoder, which has no one page to look at"),
    ):
        with pytest.raises(UserError) as caught:
            app(arguments, standalone_mode=False)
        assert said in caught.value.in_shell


@pytest.mark.slow
def test_it_learns_to_add() -> None:
    budget = {"max_steps": 1500, "eval_every": 100, "eval_samples": 64, "target_accuracy": 0.99}
    plan = Recipe.from_dict(
        {"task": {"name": "add", "digits": "1-3"}, "model": {"arch": "encoder-decoder"}, "train": budget}, "test"
    )
    progress = Trainer(plan, new_run(None, plan), device=torch.device("cpu"), callback=Silent()).fit()
    assert min(progress.accuracy.values()) >= 0.99

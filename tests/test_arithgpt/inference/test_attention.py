"""What `arithgpt inspect` says: attention that is the model's own, kernels as they were set, what else might have been."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import Call
from helpers.models import random_model, scheme_model

from arithgpt.cli import app
from arithgpt.cli.inspect import select_heads
from arithgpt.config.recipe import Recipe
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.attention import capture_attention, focuses, kernels, read_page
from arithgpt.models.gpt import GPT
from arithgpt.models.positions import SCHEMES
from arithgpt.run_folder import new_run

PAGE = "321+654=975$"


def ids_of(model: GPT, page: str = PAGE) -> np.ndarray:
    return Tokenizer(model.alphabet).encode(np.frombuffer(page.encode(), np.uint8))


@pytest.mark.parametrize("positions", SCHEMES)
@torch.no_grad()
def test_attention_is_what_the_model_computes_with(positions: str) -> None:
    model = scheme_model(positions)
    ids, n_bos = torch.from_numpy(ids_of(model))[None], int(model.positions.has_bos)
    plain = model(ids)
    with capture_attention(model) as attention:
        assert torch.allclose(model(ids), plain, atol=1e-4)
    assert len(attention) == 2
    for heads, weights in zip(model.config.heads, attention, strict=True):
        assert weights.shape == (1, heads, n_bos + len(PAGE), n_bos + len(PAGE))
        assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)
        assert not weights.triu(1).any()
    model(ids)
    assert len(attention) == 2


@pytest.mark.parametrize("positions", SCHEMES)
@torch.no_grad()
def test_a_page_is_read_as_decoding_writes_it(positions: str) -> None:
    model = scheme_model(positions)
    ids, cache, n_bos = ids_of(model), model.new_cache(1, len(PAGE)), int(model.positions.has_bos)
    reading = read_page(model, ids, prompt=8)
    assert reading.logits.shape == (4, len(model.alphabet))
    for place in range(len(PAGE) - 1):
        with capture_attention(model) as attention:
            logits = model(torch.from_numpy(ids[None, place : place + 1]), cache)
        if place >= 7:
            assert np.allclose(reading.logits[place - 7], logits[0, -1], atol=1e-4)
            for whole, weights in zip(reading.attention, attention, strict=True):
                assert np.allclose(whole[:, place - 7, : n_bos + place + 1], weights[0, :, -1], atol=1e-5)
                assert (whole[:, place - 7, n_bos + place + 1 :] == 0).all()
    assert np.allclose(reading.probabilities.sum(1), 1)
    with pytest.raises(ValueError, match="needs one given"):
        read_page(model, ids, prompt=len(PAGE))


@torch.no_grad()
def test_a_head_with_one_sharp_kernel_is_told_by_it() -> None:
    model = scheme_model("page")
    attention = model.blocks[0].attention
    attention.qkv.weight.zero_()  # queries and keys say nothing: only the kernels do
    bias = attention.bias
    bias.strength.zero_(), bias.centre.zero_(), bias.bos_logit.fill_(-5.0)
    for head, (place, number) in enumerate([(0, -1), (0, -2), (-1, 0)]):
        bias.strength[head, [0, 2]], bias.centre[head, [0, 2]] = 20, torch.tensor([place, number], dtype=torch.float32)
    bias.bos_logit[3] = 50.0
    page = "3214+6549=9753$"
    found = focuses(read_page(model, ids_of(model, page), prompt=10))
    assert [(one.layer, one.head) for one in found] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)]
    for head, wanted in enumerate([{"place": 0, "number": -1}, {"place": 0, "number": -2}]):
        assert dict(found[head].looks_at) == wanted
        assert found[head].share > 0.99 > 0.01 > found[head].bos
    assert dict(found[2].looks_at) == {"place": -1, "number": 0}
    assert (found[3].looks_at, found[3].share, round(found[3].bos, 3)) == ((), 0.0, 1.0)
    assert kernels(model)[0]["centre"][1, 2] == -2
    assert kernels(scheme_model("learned")) == []


def test_a_block_that_is_applied_again_is_a_layer_of_its_own() -> None:
    model = random_model(scale=0.0, n_head=(4, 3), head_dim=8, loops=2)
    reading = read_page(model, ids_of(model), prompt=8)
    assert [len(heads) for heads in reading.attention] == [4, 3, 4, 3]
    assert {(one.layer, one.head) for one in focuses(reading)} >= {(3, 0), (3, 2)}
    assert np.array_equal(kernels(model)[0]["centre"], kernels(model)[2]["centre"])
    assert select_heads(model, 4, 3) == [(3, 2)]


def test_a_recurrent_net_has_nothing_to_inspect() -> None:
    new_run("net", Recipe.from_dict({"task": {"name": "add"}, "model": {"arch": "gru"}}, "test"))
    with pytest.raises(UserError, match="^run net: its model is GRU, which has no attention to look at$"):
        app(["inspect", "net", "1+2"], standalone_mode=False)


def test_inspect_as_a_user_calls_it(
    arithgpt: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "heads.png"
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("COLUMNS", "80")

    def said_here(*arguments: str) -> str:
        app(["inspect", "calculator", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    done = arithgpt("inspect", "calculator", "123+989")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("123+989 = 1112  right\n321+989=2111$\n        ^^^^^ written\n")
    assert max(map(len, done.stdout.splitlines())) <= 80
    told = said_here("12*34", "--layer", "1", "--head", "2", "--png", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "layer 1, head 2" in told
    assert "    ∘21*43=4:840_840;3!630_8040\n" in told
    assert max(map(len, told.splitlines())) <= 80
    said = json.loads(said_here("12*34", "--layer", "3", "--json"))
    assert (said["answer"], said["correct"], said["prompt"]) == ("408", True, "21*43=")
    assert [one["character"] for one in said["characters"]] == list(said["page"].removeprefix(said["prompt"]))
    assert all(one["probability"] > 0.5 > one["next_probability"] for one in said["characters"])
    assert {(one["layer"], one["head"]) for one in said["heads"]} == {(3, head) for head in range(1, 9)}
    assert len(said["heads"][0]["attention"]) == len(said["characters"])
    assert set(said["heads"][0]["kernel"]["centre"]) >= {"place", "digit", "number", "token", "line"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["12*"], "expected a number"),
        (["9" * 1030 + "+1"], "1024 characters"),
        (["1+1", "--head", "3"], "--head 3: needs --layer"),
        (["1+1", "--layer", "9"], "--layer 9: must be from 1 to 3"),
        (["1+1", "--layer", "1", "--head", "29"], "--head 29: layer 1 has heads 1 to 28"),
        (["1+1", "--png", "/nowhere/x.png"], "--png /nowhere/x.png"),
    ],
)
def test_what_cannot_be_inspected_is_one_clear_line(arguments: list[str], part: str) -> None:
    with pytest.raises(UserError) as caught:
        app(["inspect", "calculator", *arguments], standalone_mode=False)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)

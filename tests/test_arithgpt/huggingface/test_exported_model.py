"""An exported run in transformers: the logits and the pages of the run, alone and in batches, or a clear error."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.exports import exported, greedy, load_exported, random_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arithgpt.huggingface.export import export_run
from arithgpt.models.positions import SCHEMES
from arithgpt.run_folder import RunFolder

pytest.importorskip("transformers")

SHAPE = {"n_head": (4, 3), "head_dim": 8, "n_layer": 2, "n_embd": 32, "block_size": 256}
VARIANTS: dict[str, dict[str, Any]] = {
    **{scheme: SHAPE | {"positions": scheme} for scheme in SCHEMES},
    "fixed kernels": SHAPE | {"kernel_strength": 25, "kernel_heads": [{"place": 0, "number": -1}, {"digit": -1, "operand": 1}]},
    "tied loops": SHAPE | {"tied": True, "loops": 2, "inject": True},
    "grouped swiglu": SHAPE | {"n_head": 4, "n_kv_head": 2, "activation": "swiglu", "norm": "layer", "positions": "rope"},
}
PROMPTS = ["1+2=", "321+654=", "3" * 70 + "+" + "4" * 70 + "=", "=+=7"]


@pytest.fixture
def rope(tmp_path: Path) -> tuple[Any, Any, Any]:
    return exported(random_run(tmp_path / "run", positions="rope", **SMALL), tmp_path / "out")


SMALL = {"n_head": 2, "n_embd": 32, "n_layer": 1}


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_and_pages_are_those_of_the_run(variant: str, tmp_path: Path) -> None:
    own, tokenizer, model = exported(random_run(tmp_path / "run", **VARIANTS[variant]), tmp_path / "out")
    pages = torch.randint(len(own.alphabet), (5, 90), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(model(pages).logits, own(pages))
        mask = (torch.arange(90) >= torch.tensor([[0], [3], [40], [89], [3]])).long()
        logits = model(pages, attention_mask=mask).logits
        for row, padding in enumerate([0, 3, 40, 89, 3]):
            torch.testing.assert_close(logits[row, padding:], own(pages[row : row + 1, padding:])[0], atol=2e-4, rtol=1e-4)
            assert not logits[row, :padding].any()
    right = [greedy(own, prompt, 10) for prompt in PROMPTS]
    assert len(set(right)) > 1
    for prompt, text in zip(PROMPTS, right, strict=True):
        assert written(model, tokenizer, [prompt], 10) == [text]
    assert written(model, tokenizer, PROMPTS, 10) == right
    assert written(model, tokenizer, ["1+2=", "3+4="], 10) == [right[0], greedy(own, "3+4=", 10)]


def written(model: Any, tokenizer: Any, prompts: list[str], n: int, **options: Any) -> list[str]:
    """What generate writes after each prompt, up to the stop and with it."""
    inputs = tokenizer(prompts, return_tensors="pt", padding=True)
    rows = model.generate(**inputs, max_new_tokens=n, **options)[:, inputs.input_ids.shape[1] :]
    texts = tokenizer.batch_decode(rows)
    assert all(set(text.partition("$")[2]) <= {"$"} for text in texts)
    return ["".join(text.partition("$")[:2]) for text in texts]


def test_a_trained_run_stops_at_the_end_of_its_pages(trained: RunFolder, tmp_path: Path) -> None:
    own, tokenizer, model = exported(trained, tmp_path / "out")
    prompts = [f"{a}+{b}=" for a in range(10) for b in (3, 21, 99, 345)]
    texts = written(model, tokenizer, prompts, 60)
    assert texts == [greedy(own, prompt, 60) for prompt in prompts]
    assert all(text.endswith("$") for text in texts)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == own.alphabet.index("$")
    inputs = tokenizer(prompts[:1], return_tensors="pt")
    assert tokenizer.decode(model.generate(**inputs)[0]) == prompts[0] + texts[0]  # without any limit


def test_other_ways_to_decode(rope: tuple[Any, Any, Any]) -> None:
    _, tokenizer, model = rope
    plain = written(model, tokenizer, PROMPTS, 20)
    assert written(model, tokenizer, PROMPTS, 20, use_cache=False) == plain
    beams = written(model, tokenizer, PROMPTS, 20, num_beams=3)
    assert beams == written(model, tokenizer, PROMPTS, 20, num_beams=3, use_cache=False)
    assert beams == [written(model, tokenizer, [prompt], 20, num_beams=3)[0] for prompt in PROMPTS]
    assert beams != plain
    inputs = tokenizer(PROMPTS[:1], return_tensors="pt")
    several = model.generate(**inputs, max_new_tokens=20, do_sample=True, num_return_sequences=4)
    assert len(several) == 4


def test_piece_by_piece_as_at_once(rope: tuple[Any, Any, Any]) -> None:
    own, _, model = rope
    ids = torch.randint(len(own.alphabet), (3, 200), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole, held, parts = model(ids).logits, {}, []
        for start, end in [(0, 7), (7, 8), (8, 150), (150, 200)]:
            done = model(ids[:, start:end], use_cache=True, **held)
            [name] = {"cache", "past_key_values"} & set(done.keys())
            held = {name: done[name]}
            parts.append(done.logits)
        torch.testing.assert_close(torch.cat(parts, 1), whole, atol=2e-4, rtol=1e-4)
        torch.testing.assert_close(model(ids, logits_to_keep=5).logits, whole[:, -5:], atol=2e-4, rtol=1e-4)


def test_batches_that_cannot_be_right_are_refused(rope: tuple[Any, Any, Any]) -> None:
    _, tokenizer, model = rope
    right = tokenizer(["1+2=", "13+24="], return_tensors="pt", padding=True, padding_side="right")
    for options in ({}, {"use_cache": False}, {"max_new_tokens": 1}):
        with pytest.raises(ValueError, match="pad on the left"):
            model.generate(**right, **options)
    with pytest.raises(ValueError, match="pad on the left"):
        model(**right, use_cache=True)
    with pytest.raises(ValueError, match="contains the stop"):
        model.generate(right.input_ids)
    left = tokenizer(["1+2=", "13+24="], return_tensors="pt", padding=True)
    with pytest.raises(ValueError, match="contains the stop"):
        model.generate(left.input_ids)  # nobody says that the stop is padding
    holes = torch.tensor([[1, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    for mask in (holes, holes * 0, holes[:, :4], holes[:1]):
        with pytest.raises(ValueError, match="attention_mask"):
            model(left.input_ids, attention_mask=mask)
    for ids in (None, left.input_ids[:, :0], left.input_ids[0]):
        with pytest.raises(ValueError, match="needs input_ids"):
            model.generate(ids)
    with pytest.raises(ValueError, match=r"page coordinates need torch\.float32"):
        model.to(torch.bfloat16)(left.input_ids)


@pytest.mark.parametrize("positions", [name for name, scheme in SCHEMES.items() if scheme.is_limited])
def test_positions_that_end_are_not_passed(positions: str, tmp_path: Path) -> None:
    own, tokenizer, model = exported(
        random_run(tmp_path / "run", positions=positions, block_size=16, **SMALL), tmp_path / "out"
    )
    inputs = tokenizer(["12+34="], return_tensors="pt")
    text = written(model, tokenizer, ["12+34="], 10)[0]
    assert text == greedy(own, "12+34=", 10)
    assert model.generate(**inputs).shape[1] <= 16  # without a limit: as far as there is room
    with pytest.raises(ValueError, match=f"a page of 17 characters: .*{positions.partition('-')[0]}.* end at .*16"):
        model(torch.zeros(1, 17, dtype=torch.long))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompts=st.lists(st.text("0123456789+=", min_size=1, max_size=12), min_size=1, max_size=5))
def test_a_batch_is_as_its_rows_alone(prompts: list[str], rope: tuple[Any, Any, Any]) -> None:
    own, tokenizer, model = rope
    assert written(model, tokenizer, prompts, 8) == [greedy(own, prompt, 8) for prompt in prompts]


def test_it_learns_further_and_is_saved(rope: tuple[Any, Any, Any], tmp_path: Path) -> None:
    _, tokenizer, model = rope
    inputs = tokenizer(["1+2=3$", "13+24=73$"], return_tensors="pt", padding=True)
    labels = inputs.input_ids.masked_fill(inputs.attention_mask == 0, -100)
    labels[:, 0] = -100
    loss = model(**inputs, labels=labels).loss
    expected = []
    for row, mask in zip(inputs.input_ids, inputs.attention_mask, strict=True):
        page = row[mask.bool()][None]
        expected += [-model(page).logits.log_softmax(-1)[0, at, page[0, at + 1]] for at in range(page.shape[1] - 1)]
    torch.testing.assert_close(loss, torch.stack(expected).mean())
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    loss.backward()
    optimiser.step()
    assert model(**inputs, labels=labels).loss < loss
    model.save_pretrained(tmp_path / "further")
    tokenizer.save_pretrained(tmp_path / "further")
    other_tokenizer, other = load_exported(tmp_path / "further")
    assert written(other, other_tokenizer, PROMPTS, 10) == written(model, tokenizer, PROMPTS, 10)


def test_a_new_model_of_a_config_has_weights_of_its_own(rope: tuple[Any, Any, Any]) -> None:
    import transformers

    _, _, model = rope
    torch.manual_seed(0)
    one, two = (transformers.AutoModelForCausalLM.from_config(model.config, trust_remote_code=True) for _ in range(2))
    assert one.get_input_embeddings().weight.std() > 0.1
    assert not torch.equal(one.get_input_embeddings().weight, two.get_input_embeddings().weight)


def test_the_tokeniser_has_a_token_for_each_character_and_no_other(rope: tuple[Any, Any, Any]) -> None:
    own, tokenizer, _ = rope
    ids = list(range(len(own.alphabet)))
    assert len(tokenizer) == len(ids)
    assert tokenizer(own.alphabet).input_ids == ids
    assert tokenizer.decode(ids) == own.alphabet
    assert tokenizer.padding_side == "left"
    with pytest.raises(Exception, match="UNK"):
        tokenizer("12 + 3")


def test_auto_tokenizer_loads_the_same_without_code(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    export_run(random_run(tmp_path / "run", positions="rope", n_head=2, n_embd=16, n_layer=1), tmp_path / "out")
    found = transformers.AutoTokenizer.from_pretrained(tmp_path / "out", trust_remote_code=False)
    plain = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "out")
    assert found.get_vocab() == plain.get_vocab()
    assert found("12+3=").input_ids == plain("12+3=").input_ids
    assert found.padding_side == plain.padding_side

"""What is particular to each position scheme; what all must keep is in test_arithgpt_model.py."""

from typing import get_args

import numpy as np
import pytest
import torch
from conftest import ALPHABET, SMALL, Silent, random_model

from arithgpt.config.recipe import ModelConfig, Positions, Recipe
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models.arrays import ops
from arithgpt.models.page import PageCoordinates
from arithgpt.models.positions import SCHEMES
from arithgpt.models.positions.relative import EXACT, FARTHEST, _buckets
from arithgpt.run import new_run
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.trainer import Trainer

RANDOM = ("randomized", "randomized-sinusoidal", "abacus", "coupled")
CPU = torch.device("cpu")


def cells_of(page: str, scheme: str = "none") -> np.ndarray:
    ids = Tokenizer(ALPHABET).encode(np.frombuffer(page.encode(), np.uint8))[None]
    coordinates = SCHEMES[scheme].coordinates(ALPHABET, np.zeros(1, np.float32))
    return coordinates(ids, coordinates.first(1))


def embedded(scheme: str, page: str, **options: int) -> np.ndarray:
    config = ModelConfig(positions=scheme, **options)
    weights = SCHEMES[scheme].initial(config, len(ALPHABET), np.random.default_rng(0))
    weights |= {"characters": np.zeros((1, config.n_embd), np.float32)}
    return SCHEMES[scheme].embedding(weights, cells_of(page))[0]


def recipe(positions: str, **budget: object) -> Recipe:
    small = {"n_layer": 1, "n_head": 2, "n_embd": 16, "positions": positions, "block_size": 32}
    budget = {"batch_size": 16, "eval_samples": 4, "max_steps": 6, "stop_early": False} | budget
    return Recipe.from_dict(SMALL | {"model": small, "train": budget}, "test")


def test_a_recipe_can_name_every_scheme() -> None:
    assert get_args(Positions) == tuple(SCHEMES)


@pytest.mark.parametrize("positions", SCHEMES)
def test_only_these_schemes_are_random_in_training(positions: str) -> None:
    model, ids = random_model(positions), torch.tensor([[3, 2, 1, 10, 6, 5, 4, 11, 9, 7]])
    asked = model(ids)
    first, again, other = (model(ids, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(model(ids), asked)
    assert torch.equal(first, other) == (positions not in RANDOM)
    assert torch.equal(first, asked) == (positions not in RANDOM)


@pytest.mark.parametrize("positions", ["abacus", "randomized", "fire"])
def test_random_positions_resume_to_the_same_bits(positions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arithgpt.training.trainer.BUCKET_FLOPS", 2e6)  # several buckets, each with positions of its own
    monkeypatch.setattr("arithgpt.training.trainer.rate", lambda config, step, steps: 1.0)
    weights = []
    for stops in ([6], [2, 6]):
        run = new_run(f"run-{len(stops)}", recipe(positions))
        for steps in stops:
            Trainer(recipe(positions, steps=steps), run, device=CPU, callback=Silent()).fit(resume=steps != stops[0])
        weights.append(load_tensors(run.path / "weights.safetensors")[0])
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_abacus_counts_the_digits_of_each_number() -> None:
    rows = embedded("abacus", "321+65=7")
    for same in ((0, 4, 7), (1, 5), (3, 6)):
        assert all(np.array_equal(rows[same[0]], rows[other]) for other in same)
    assert not rows[3].any()
    assert len(np.unique(rows, axis=0)) == 4  # three places and no place


def test_coupled_characters_share_the_vector_of_their_column() -> None:
    rows = embedded("coupled", "321+654=975")
    assert np.array_equal(rows[:4], rows[4:8])
    assert np.array_equal(rows[:3], rows[8:])
    assert len({row.tobytes() for row in rows}) == 4


@pytest.mark.parametrize("positions", ["abacus", "coupled"])
def test_places_beyond_the_last_share_its_vector(positions: str) -> None:
    rows = embedded(positions, "1" * 12, block_size=8)
    assert len({row.tobytes() for row in rows}) == 8
    assert all(np.array_equal(rows[7], row) for row in rows[8:])


@pytest.mark.parametrize(("positions", "column", "most"), [("abacus", 1, 20), ("coupled", 0, 20)])
def test_offsets_are_one_a_page_and_reach_the_last_place(positions: str, column: int, most: int) -> None:
    config, rng = ModelConfig(positions=positions, block_size=most), np.random.default_rng(0)
    cells = cells_of("321+654=975").repeat(300, 0)
    moved = SCHEMES[positions].at_random(cells.copy(), config, rng)
    offsets = (moved - cells)[..., column]
    assert (offsets == offsets[:, :1]).all()
    assert set(offsets[:, 0].tolist()) == set(range(most - int(cells[..., column].max()) + 1))
    others = [axis for axis in range(6) if axis != column]
    assert (moved[..., others] == cells[..., others]).all()


def test_randomized_indices_are_ordered_different_and_from_all_of_the_range() -> None:
    config, rng = ModelConfig(positions="randomized", block_size=16), np.random.default_rng(0)
    seen = set()
    for _ in range(100):
        index = 4 * SCHEMES["randomized"].at_random(cells_of("321+65="), config, rng)[0, :, 3]
        assert (np.diff(index) >= 1).all()
        seen |= set(index.tolist())
    assert seen == set(range(64))


def test_rotary_products_depend_on_the_difference_alone() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1, 1, 1, 9)).repeat(5, 3)[..., 0:1, :].repeat(40, 3)
    cells = np.zeros((1, 40, 6))
    cells[..., 3] = np.arange(40)
    turned = [SCHEMES["rope"].turn(z, cells) for z in (x, y)]
    products = (turned[0] @ turned[1].swapaxes(2, 3))[0, 0]
    for back in (0, 1, 17):
        assert np.allclose(np.diagonal(products, -back), products[back, 0])
    assert np.isclose(products[5, 5], x[0, 0, 0] @ y[0, 0, 0])
    assert not np.isclose(products[5, 0], products[4, 0])


def test_alibi_is_a_slope_in_each_head() -> None:
    scheme, cells = SCHEMES["alibi"], cells_of("321+6")
    block = {"out": np.zeros((32, 32)), "q_norm": np.ones(8)}
    bias = scheme.bias(block, scheme.distances(cells[:, 1:], cells[:, :-1]))
    assert bias.shape == (1, 4, 5, 5)
    assert bias[0, :, 4, 0].tolist() == [-4 * slope for slope in (1 / 4, 1 / 16, 1 / 64, 1 / 256)]
    assert not np.diagonal(bias, axis1=2, axis2=3).any()


def test_buckets_are_exact_and_then_ever_wider() -> None:
    buckets = _buckets()
    assert buckets[:EXACT].tolist() == list(range(EXACT))
    assert (buckets[[EXACT, 22, 23, 31, 32, 45, 46, FARTHEST - 1, FARTHEST]] == [16, 18, 18, 21, 21, 23, 24, 31, 31]).all()
    assert set(np.diff(buckets).tolist()) == {0, 1}


def test_fire_is_the_formula() -> None:
    model = random_model("fire", "numpy")
    block = {name: array.astype(np.float64) for name, array in model.blocks[0].items()}
    cells = cells_of("321+654=975").astype(np.float64)
    bias = model.scheme.bias(block, model.scheme.distances(cells[:, 1:], cells[:, :-1]))

    def psi(x: float) -> float:
        return float(np.log(0.1 * abs(block["fire_slope"][0]) * x + 1))

    query, key, head = 9, 2, 1
    share = psi(query - key) / psi(max(query + 1, 512 * abs(block["fire_reach"][0])))
    hidden = np.maximum(share * block["fire_in"] + block["fire_in_bias"], 0)
    assert np.isclose(bias[0, head, query, key], block["fire_out"][head] @ hidden + block["fire_out_bias"][head], atol=1e-5)


@pytest.mark.parametrize("positions", ["learned", "randomized", "randomized-sinusoidal"])
def test_a_page_that_has_no_place_is_a_clear_line(positions: str) -> None:
    plan = Recipe.from_dict(SMALL | {"model": {"positions": positions, "block_size": 8}}, "test")
    with pytest.raises(UserError, match="block_size = 8: must be at least the 12 characters"):
        Trainer(plan, new_run(None, plan), device=CPU, callback=Silent()).fit()


@pytest.mark.parametrize("positions", SCHEMES)
def test_longer_numbers_than_trained_on_are_answered(positions: str) -> None:
    """Right or wrong, and without a fault, where a table has too few places too."""
    model = random_model(positions)
    task = recipe("none").problems
    answers = GPTSolver("untrained", model, task).solve(task, task.test(4, (70, 70), seed=0))
    assert len(answers) == 4


def test_cells_are_the_same_with_either_library() -> None:
    cells = cells_of("321+65=7")
    like = torch.zeros(1)
    ids = torch.from_numpy(Tokenizer(ALPHABET).encode(np.frombuffer(b"321+65=7", np.uint8)))[None]
    on_torch = PageCoordinates(ALPHABET, like)
    assert np.array_equal(ops(like).to_numpy(on_torch(ids, on_torch.first(1))), cells)

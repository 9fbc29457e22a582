"""What is particular to each position scheme; what all must keep is in test_gpt.py."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from helpers.models import ALPHABET, scheme_model
from helpers.training import SMALL, Silent
from torch import Tensor, nn

from arithgpt.config.recipe import Recipe
from arithgpt.config.schema import ModelConfig
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models import build_model
from arithgpt.models.positions import SCHEMES, find_scheme, register
from arithgpt.models.positions.base import AttentionBias, PositionScheme
from arithgpt.models.positions.relative import EXACT, FARTHEST, AlibiBias, FireBias, T5Bias
from arithgpt.run_folder import new_run
from arithgpt.training.checkpoint import load_tensors
from arithgpt.training.trainer import Trainer

RANDOM = ("randomized", "randomized-sinusoidal", "abacus", "coupled")
CPU = torch.device("cpu")


def make_scheme(name: str, **fields: int) -> PositionScheme:
    scheme = find_scheme(name)(ModelConfig(positions=name, **fields), ALPHABET)
    scheme.init_weights(np.random.default_rng(0))
    return scheme


def cells_of(page: str) -> Tensor:
    ids = Tokenizer(ALPHABET).encode(np.frombuffer(page.encode(), np.uint8))[None]
    return make_scheme("none").cells(torch.from_numpy(ids))


def embedded(scheme: str, page: str, **fields: int) -> np.ndarray:
    return make_scheme(scheme, **fields).embedding(cells_of(page))[0].detach().numpy()


def recipe(positions: str, **limits: object) -> Recipe:
    small = {"n_layer": 1, "n_head": 2, "n_embd": 16, "positions": positions, "block_size": 32}
    limits = {"batch_size": 16, "eval_samples": 4, "max_steps": 6, "stop_early": False} | limits
    return Recipe.from_dict(SMALL | {"model": small, "train": limits}, "test")


@pytest.mark.parametrize("positions", SCHEMES)
@torch.no_grad()
def test_only_these_schemes_are_random_in_training(positions: str) -> None:
    model, ids = scheme_model(positions), torch.tensor([[3, 2, 1, 10, 6, 5, 4, 11, 9, 7]])
    asked = model(ids)
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    first, again, other = (model.train()(ids, generator=generator) for generator in generators)
    assert torch.equal(first, again)
    assert torch.equal(model.eval()(ids), asked)
    assert torch.equal(first, other) == (positions not in RANDOM)
    assert torch.equal(first, asked) == (positions not in RANDOM)


@pytest.mark.parametrize("positions", ["abacus", "randomized", "fire"])
def test_random_positions_resume_to_the_same_bits(positions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arithgpt.training.gradients.BUCKET_FLOPS", 2e6)  # several buckets, each with positions of its own
    monkeypatch.setattr("arithgpt.training.trainer.learning_rate_factor", lambda config, step, steps: 1.0)
    weights = []
    for stops in ([6], [2, 6]):
        run = new_run(f"run-{len(stops)}", recipe(positions))
        for steps in stops:
            Trainer(recipe(positions, max_steps=steps), run, device=CPU, callback=Silent()).fit(resume=steps != stops[0])
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
    cells = cells_of("321+654=975").repeat(300, 1, 1)
    moved = make_scheme(positions, block_size=most).training_cells(cells, torch.Generator().manual_seed(0))
    offsets = (moved - cells)[..., column]
    assert (offsets == offsets[:, :1]).all()
    assert set(offsets[:, 0].tolist()) == set(range(most - int(cells[..., column].max()) + 1))
    others = [axis for axis in range(6) if axis != column]
    assert (moved[..., others] == cells[..., others]).all()


def test_randomized_indices_are_ordered_different_and_from_all_of_the_range() -> None:
    scheme, generator, seen = make_scheme("randomized", block_size=16), torch.Generator().manual_seed(0), set()
    for _ in range(100):
        index = 4 * scheme.training_cells(cells_of("321+65="), generator)[0, :, 3]
        assert (index.diff() >= 1).all()
        seen |= set(index.tolist())
    assert seen == set(range(64))


def test_rotary_products_depend_on_the_difference_alone() -> None:
    x, y = torch.randn(2, 1, 1, 1, 9, dtype=torch.float64).expand(2, 1, 1, 40, 9)
    cells = torch.zeros(1, 40, 6, dtype=torch.float64)
    cells[..., 3] = torch.arange(40)
    rotated = [make_scheme("rope").rotate(z, cells) for z in (x, y)]
    products = (rotated[0] @ rotated[1].mT)[0, 0]
    for back in (0, 1, 17):
        assert torch.allclose(products.diagonal(-back), products[back, 0])
    assert torch.isclose(products[5, 5], x[0, 0, 0] @ y[0, 0, 0])
    assert not torch.isclose(products[5, 0], products[4, 0])


def test_alibi_is_a_slope_in_each_head() -> None:
    scheme, cells = make_scheme("alibi"), cells_of("321+6")
    bias = AlibiBias(4)(scheme.distances(cells[:, 1:], cells[:, :-1]))
    assert bias.shape == (1, 4, 5, 5)
    assert bias[0, :, 4, 0].tolist() == [-4 * slope for slope in (1 / 4, 1 / 16, 1 / 64, 1 / 256)]
    assert not bias.diagonal(dim1=2, dim2=3).any()


def test_buckets_are_exact_and_then_ever_wider() -> None:
    buckets = T5Bias(n_head=1).bucket_of.numpy()
    assert buckets[:EXACT].tolist() == list(range(EXACT))
    assert (buckets[[EXACT, 22, 23, 31, 32, 45, 46, FARTHEST - 1, FARTHEST]] == [16, 18, 18, 21, 21, 23, 24, 31, 31]).all()
    assert set(np.diff(buckets).tolist()) == {0, 1}


@torch.no_grad()
def test_fire_is_the_formula() -> None:
    model = scheme_model("fire").double()
    fire = model.blocks[0].attention.bias
    assert isinstance(fire, FireBias)
    cells = cells_of("321+654=975").double()
    bias = fire(model.positions.distances(cells[:, 1:], cells[:, :-1]))

    def psi(x: Tensor | float) -> Tensor:
        return torch.log(0.1 * fire.slope.abs() * x + 1)

    query, key, head = 9, 2, 1
    share = psi(query - key) / psi(torch.maximum(torch.tensor(query + 1.0), 512 * fire.reach.abs()))
    hidden = torch.relu(share * fire.hidden_weight + fire.hidden_bias)
    assert torch.isclose(bias[0, head, query, key], fire.out_weight[head] @ hidden + fire.out_bias[head], atol=1e-5)


@pytest.mark.parametrize("positions", ["learned", "randomized", "randomized-sinusoidal"])
def test_a_page_that_has_no_place_is_a_clear_line(positions: str) -> None:
    plan = Recipe.from_dict(SMALL | {"model": {"positions": positions, "block_size": 8}}, "test")
    with pytest.raises(UserError, match="block_size = 8: must be at least the 12 characters"):
        Trainer(plan, new_run(None, plan), device=CPU, callback=Silent()).fit()


@torch.no_grad()
def test_learned_positions_end_at_block_size() -> None:
    model = build_model(ModelConfig(positions="learned", block_size=8), ALPHABET, seed=0).eval()
    model(torch.zeros(1, 8, dtype=torch.long))
    with pytest.raises(ValueError, match="block_size = 8"):
        model(torch.zeros(1, 9, dtype=torch.long))


@pytest.mark.parametrize("positions", ["randomized", "randomized-sinusoidal"])
def test_random_indices_end_too(positions: str) -> None:
    scheme = make_scheme(positions, block_size=8)
    scheme.training_cells(torch.zeros(1, 32, 6), None)
    with pytest.raises(ValueError, match="a page of 32 characters: randomized positions end at block_size = 8"):
        scheme.training_cells(torch.zeros(1, 33, 6), None)


@pytest.mark.parametrize("positions", SCHEMES)
def test_longer_numbers_than_trained_on_are_answered(positions: str) -> None:
    """Right or wrong, and without a fault, where a table has too few places too."""
    model = scheme_model(positions)
    task = recipe("none").problems
    answers = GPTSolver("untrained", model, task).solve(task, task.test(4, (70, 70), seed=0))
    assert len(answers) == 4


class Recency(PositionScheme):
    """A scheme from outside: a learned penalty for each character between a key and its query."""

    is_embedding = False

    def attention_bias(self, n_head: int) -> AttentionBias:
        return RecencyBias(n_head)

    def distances(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries[:1, :, None, 3] - keys[:1, None, :, 3]


class RecencyBias(AttentionBias):
    def __init__(self, n_head: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.ones(n_head))

    def forward(self, distances: Tensor) -> Tensor:
        return -self.slope[:, None, None] * distances[:, None]


@pytest.fixture
def without_registered_schemes() -> Iterator[None]:
    """Forget afterwards what a test registers."""
    yield
    SCHEMES.pop("recency", None)


@pytest.mark.usefixtures("without_registered_schemes")
def test_a_scheme_from_outside_trains_and_is_asked() -> None:
    with pytest.raises(ValueError, match="this name is taken"):
        register("rope", Recency)
    register("recency", Recency)
    assert list(SCHEMES)[-1] == "recency"
    plan = recipe("recency", max_steps=2)
    run = new_run("own", plan)
    assert Trainer(plan, run, device=CPU, callback=Silent()).fit().step == 2
    answers = GPTSolver.of(run).solve(plan.problems, plan.problems.problems(["12+34"]))
    assert len(answers) == 1
    del SCHEMES["recency"]
    with pytest.raises(UserError, match="recency"):
        recipe("recency")

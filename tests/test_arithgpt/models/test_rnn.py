"""What is particular to recurrent nets; what all architectures must keep is in test_architectures.py."""

import numpy as np
import pytest
import torch
from helpers.models import ALPHABET, random_model
from torch import Tensor

from arithgpt.config.schema import ModelConfig
from arithgpt.models import build_model

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
every_arch = pytest.mark.parametrize("arch", GATES)


def spelled_out(arch: str, layer: torch.nn.RNNBase, x: Tensor) -> Tensor:
    """One layer from the formulas, step by step: (T, C) -> (T, C)."""
    output = cell = torch.zeros(x.shape[1], dtype=x.dtype)
    outputs = []
    for token in x:
        from_input = layer.weight_ih_l0 @ token + layer.bias_ih_l0
        from_state = layer.weight_hh_l0 @ output + layer.bias_hh_l0
        if arch == "rnn":
            output = (from_input + from_state).tanh()
        elif arch == "gru":
            reset, keep, new = from_input.chunk(3)
            from_reset, from_keep, from_new = from_state.chunk(3)
            reset, keep = (reset + from_reset).sigmoid(), (keep + from_keep).sigmoid()
            output = (1 - keep) * (new + reset * from_new).tanh() + keep * output
        else:
            write, forget, new, tell = (from_input + from_state).chunk(4)
            cell = forget.sigmoid() * cell + write.sigmoid() * new.tanh()
            output = tell.sigmoid() * cell.tanh()
        outputs.append(output)
    return torch.stack(outputs)


@every_arch
@pytest.mark.parametrize("tied", [False, True])
@torch.no_grad()
def test_it_is_the_formulas(arch: str, tied: bool) -> None:
    model = random_model(arch=arch, positions="none", n_embd=10, tied=tied).double()
    ids = torch.tensor([[3, 2, 1, 10, 6, 5, 11, 9]])
    x = model.token_embedding.weight[ids[0]]
    for layer in model.layers:
        x = spelled_out(arch, layer, x)
    head = model.token_embedding.weight * 10**-0.5 if tied else model.head.weight
    assert torch.allclose(model(ids)[0], x @ head.T, atol=1e-12)


@every_arch
def test_weights_are_those_of_the_seed(arch: str) -> None:
    model, C = build_model(ModelConfig(arch=arch, positions="none", n_layer=2, n_embd=10), ALPHABET, seed=3), 10
    rng = np.random.default_rng(3)
    drawn = [0.5 * rng.standard_normal((len(ALPHABET), C))]
    for _ in range(2):
        drawn += [C**-0.5 * rng.uniform(-1, 1, (GATES[arch] * C, C)) for _ in range(2)]
    drawn.append(C**-0.5 * rng.standard_normal((len(ALPHABET), C)))
    found = [tensor.numpy() for name, tensor in model.state_dict().items() if "bias" not in name]
    assert all(np.array_equal(a, b.astype(np.float32)) for a, b in zip(found, drawn, strict=True))
    for layer in model.layers:
        forget = torch.zeros(GATES[arch] * C)
        forget[C : 2 * C] = arch == "lstm"
        assert torch.equal(layer.bias_ih_l0, forget)
        assert not layer.bias_hh_l0.any()


@every_arch
def test_making_a_model_leaves_the_generator_of_torch_alone(arch: str) -> None:
    before = torch.get_rng_state()
    build_model(ModelConfig(arch=arch, positions="none"), ALPHABET, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@every_arch
@torch.no_grad()
def test_a_state_forgets_pages_that_are_done(arch: str) -> None:
    model, ids = random_model(arch=arch, positions="none"), torch.randint(0, 12, (4, 9))
    state = model.new_cache(4, 9)
    model(ids[:, :5], state)
    state.keep(torch.tensor([2, 0]))
    rest = model(ids[[2, 0], 5:], state)
    assert state.length == 9
    assert torch.allclose(rest, model(ids)[[2, 0], 5:], atol=1e-5)

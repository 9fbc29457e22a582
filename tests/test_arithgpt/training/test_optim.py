"""The optimisers and the learning rate schedule."""

import pytest
import torch

from arithgpt.config.schema import OptimConfig
from arithgpt.run_folder import RunFolder
from arithgpt.training.optim import Muon, learning_rate_factor, make_optimisers, orthogonalise


def test_muon_is_the_rule_of_the_library() -> None:
    """torch.optim.Muon orthogonalises in bfloat16, so the two agree to its precision only."""
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in ((16, 8), (8, 16), (16, 8))]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    a = Muon(ours, lr=0.1, weight_decay=0.1, momentum=0.95)
    b = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.1, momentum=0.95)
    for _ in range(3):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        assert torch.allclose(p, q, atol=0.02)


def test_orthogonal_matrices_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalise(torch.randn(4, 24, 8, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_every_parameter_has_one_optimiser(trained: RunFolder) -> None:
    model = trained.load_model()
    for name in ("muon", "adamw"):
        optimisers = make_optimisers(model, OptimConfig(name=name))
        owned = [id(p) for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]]
        assert sorted(owned) == sorted(id(p) for p in model.parameters())


def test_the_learning_rate_rises_stays_and_falls() -> None:
    config = OptimConfig(warmup_steps=10, cooldown_fraction=0.5)
    rates = [learning_rate_factor(config, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[10:50] == [1.0] * 40
    assert rates[50:] == pytest.approx([1 - k / 50 for k in range(50)])
    assert rates[-1] > 0

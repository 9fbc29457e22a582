"""The optimisers and the schedule: Muon for the matrices of the blocks, AdamW for the rest.

Muon (Jordan et al. 2024, arXiv 2502.16982) replaces the momentum of a matrix by the nearest orthogonal matrix, so that every
direction of the matrix learns at the same rate; small models of arithmetic need two to three times fewer examples with it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arithgpt.model import MATRICES
from arithgpt.recipe import OptimConfig

MOMENTUM = 0.95


def make_optimisers(weights: dict[str, Tensor], config: OptimConfig) -> list[torch.optim.Optimizer]:
    """The optimisers that together change every weight of a GPT, each at its peak learning rate."""
    matrices = [weight for name, weight in weights.items() if name.split(".")[-1] in MATRICES]
    rest = [weight for name, weight in weights.items() if name.split(".")[-1] not in MATRICES]
    if config.name == "adamw" or not matrices:  # recurrent nets have none that Muon is for
        groups = [{"params": matrices, "weight_decay": config.weight_decay}] if matrices else []
        groups.append({"params": rest})
        return [torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]
    adamw = torch.optim.AdamW(rest, lr=config.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    # The library's Muon works in bfloat16: fast on a GPU, far slower than float32 on a CPU without bfloat16 units.
    make_muon = torch.optim.Muon if matrices[0].is_cuda else Muon
    return [make_muon(matrices, lr=config.matrix_lr, weight_decay=config.weight_decay, momentum=MOMENTUM), adamw]


def rate(config: OptimConfig, step: int, steps: int) -> float:
    """The learning rate at a step (from 0) as a share of its peak: linear warm-up, constant, linear decay to nearly zero."""
    warmup = min(1.0, (step + 1) / max(config.warmup, 1))
    decay = min(1.0, (steps - step) / max(config.decay * steps, 1))
    return warmup * decay


class Muon(torch.optim.Optimizer):
    """Muon in float32, orthogonalising all matrices of one shape in one batch. The same rule as `torch.optim.Muon`."""

    def __init__(self, params: list[Tensor], lr: float, weight_decay: float, momentum: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            same_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    same_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in same_shape.items():
                updates = orthogonal(torch.stack([self._momentum(p, group["momentum"]) for p in parameters]))
                lr = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=lr)

    def _momentum(self, parameter: Tensor, momentum: float) -> Tensor:
        """The Nesterov momentum of a parameter's gradients."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["momentum_buffer"], momentum)


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Nearly the nearest orthogonal matrix of each: singular values go to about 1 by a quintic Newton-Schulz iteration.

    matrices: float32 (n, rows, columns); the coefficients are those of Muon's author, chosen for speed, not for an exact 1
    """
    x = matrices.mT if matrices.shape[-2] > matrices.shape[-1] else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if matrices.shape[-2] > matrices.shape[-1] else x

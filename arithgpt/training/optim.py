"""The optimisers and the schedule: Muon for the matrices of the blocks, AdamW for the rest.

Muon (Jordan et al. 2024, arXiv 2502.16982) replaces the momentum of a matrix by the nearest orthogonal matrix, so that every
direction of the matrix learns at the same rate; small models of arithmetic need two to three times fewer examples with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from arithgpt.config.recipe import OptimConfig
from arithgpt.models.language_model import LanguageModel
from arithgpt.models.layers import Linear
from arithgpt.runtime import Precision

MOMENTUM = 0.95

Each: TypeAlias = Callable[[Callable[[Tensor], Tensor], list[Tensor]], Iterable[Tensor]]
"""Applies a function to each of some tensors: `map`, or that of an executor."""


def make_optimisers(
    model: LanguageModel, config: OptimConfig, precision: Precision = "float32", each: Each = map
) -> list[torch.optim.Optimizer]:
    """Make the optimisers that together change every weight, each at its peak learning rate.

    Args:
        model: gives the weights
        config: names and rates
        precision: of the products in which Muon makes an update orthogonal; weights and momenta are float32
        each: `map`, or that of threads, which orthogonalise matrices of different shapes side by side
    """
    matrices = block_matrices(model)
    chosen = set(map(id, matrices))
    rest = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    if config.name == "adamw" or not matrices:  # recurrent nets have no matrices that Muon is for
        groups = [{"params": matrices, "weight_decay": config.weight_decay}] if matrices else []
        groups.append({"params": rest})
        return [torch.optim.AdamW(groups, lr=config.adamw_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]
    adamw = torch.optim.AdamW(rest, lr=config.adamw_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    return [Muon(matrices, config.muon_lr, config.weight_decay, MOMENTUM, precision, each), adamw]


def block_matrices(model: LanguageModel) -> list[Tensor]:
    """Return the weights of the linear maps inside blocks, the head apart."""
    return [module.weight for name, module in model.named_modules() if isinstance(module, Linear) and name != "head"]


def learning_rate_factor(config: OptimConfig, step: int, max_steps: int) -> float:
    """Return the learning rate at a step (from 0) as a share of its peak: linear warm-up, constant, linear cooldown."""
    warmup = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    cooldown = min(1.0, (max_steps - step) / max(config.cooldown_fraction * max_steps, 1))
    return warmup * cooldown


class Muon(torch.optim.Optimizer):
    """Muon, orthogonalising all matrices of one shape in one batch. The same rule as `torch.optim.Muon`, which does it one by
    one and always in bfloat16."""

    def __init__(
        self,
        params: list[Tensor],
        lr: float,
        weight_decay: float,
        momentum: float,
        precision: Precision = "float32",
        each: Each = map,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.precision, self.each = precision, each

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            same_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    same_shape.setdefault(parameter.shape, []).append(parameter)
            momenta = [torch.stack(self._momenta(parameters, group["momentum"])) for parameters in same_shape.values()]
            updates = self.each(partial(orthogonal, precision=self.precision), momenta)
            for (shape, parameters), update in zip(same_shape.items(), updates, strict=True):
                lr = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_sub_(parameters, update.unbind(), alpha=lr)

    def _momenta(self, parameters: list[Tensor], momentum: float) -> list[Tensor]:
        """The Nesterov momentum of the gradients of each."""
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters]
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        return torch._foreach_lerp(gradients, buffers, momentum)


@torch.no_grad()
def orthogonal(matrices: Tensor, steps: int = 5, precision: Precision = "float32") -> Tensor:
    """Nearly the nearest orthogonal matrix of each: singular values go to about 1 by a quintic Newton-Schulz iteration.

    matrices: float32 (n, rows, columns); the coefficients are those of Muon's author, chosen for speed, not for an exact 1
    precision: of the products; the iteration bears bf16
    """
    x = matrices.mT if matrices.shape[-2] > matrices.shape[-1] else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.bfloat16() if precision == "bf16" else x
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    x = x.to(matrices.dtype)
    return x.mT if matrices.shape[-2] > matrices.shape[-1] else x

"""The optimisers and the learning rate schedule: Muon for the matrices of the blocks, AdamW for all other weights.

Muon (arXiv 2502.16982) replaces the momentum of a matrix by nearly the nearest orthogonal matrix, so that every direction of
the matrix learns at the same rate. Small models of arithmetic need two to three times fewer examples with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from arithgpt.config.recipe import OptimConfig
from arithgpt.models.language_model import LanguageModel
from arithgpt.models.layers import Linear
from arithgpt.runtime import Precision

MOMENTUM = 0.95

Map: TypeAlias = Callable[[Callable[[Tensor], Tensor], list[Tensor]], Iterable[Tensor]]
"""`map`, or the method `map` of an executor."""


def make_optimisers(
    model: LanguageModel, config: OptimConfig, precision: Precision = "float32", map_: Map = map
) -> list[torch.optim.Optimizer]:
    """Make the optimisers of a model; each parameter belongs to exactly one. Their rates are the peak rates.

    Args:
        model: gives the parameters
        config: the name of the optimiser and the rates
        precision: of the matrix products in Muon; weights and momenta are float32
        map_: `map`, or that of an executor, whose threads orthogonalise matrices of different shapes side by side
    """
    matrices = block_matrices(model)
    chosen = set(map(id, matrices))
    rest = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    if config.name == "adamw" or not matrices:  # recurrent nets have no matrices that Muon is for
        groups = [{"params": matrices, "weight_decay": config.weight_decay}] if matrices else []
        groups.append({"params": rest})
        return [torch.optim.AdamW(groups, lr=config.adamw_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]
    adamw = torch.optim.AdamW(rest, lr=config.adamw_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    return [Muon(matrices, config.muon_lr, config.weight_decay, MOMENTUM, precision, map_), adamw]


def block_matrices(model: LanguageModel) -> list[Tensor]:
    """Return the weights of the linear maps inside blocks; the head is not among them."""
    return [module.weight for name, module in model.named_modules() if isinstance(module, Linear) and name != "head"]


def learning_rate_factor(config: OptimConfig, step: int, max_steps: int) -> float:
    """Return the learning rate of a step as a share of its peak: linear warm-up, constant, linear cooldown.

    Args:
        config: the lengths of warm-up and cooldown
        step: from 0 to max_steps - 1
        max_steps: all steps of the run

    Returns:
        More than 0, at most 1.
    """
    warmup = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    cooldown = min(1.0, (max_steps - step) / max(config.cooldown_fraction * max_steps, 1))
    return warmup * cooldown


def set_learning_rates(optimisers: Sequence[torch.optim.Optimizer], factor: float) -> None:
    """Set all learning rates to a share of their peak.

    Args:
        optimisers: from `make_optimisers`
        factor: from `learning_rate_factor`
    """
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("peak_lr", group["lr"]) * factor


class Muon(torch.optim.Optimizer):
    """Muon, which orthogonalises all matrices of one shape in one batch.

    The rule is that of `torch.optim.Muon`, which takes matrices one by one and always in bfloat16.

    Args:
        params: matrices
        lr: the learning rate, for a square matrix; taller ones learn faster by the root of rows / columns
        weight_decay: decoupled, as in AdamW
        momentum: of Nesterov's kind
        precision: of the matrix products
        map_: as for `make_optimisers`

    Source: arXiv 2502.16982.
    """

    def __init__(
        self,
        params: list[Tensor],
        lr: float,
        weight_decay: float,
        momentum: float,
        precision: Precision = "float32",
        map_: Map = map,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.precision, self.map_ = precision, map_

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change all parameters that have a gradient."""
        for group in self.param_groups:
            same_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    same_shape.setdefault(parameter.shape, []).append(parameter)
            momenta = [torch.stack(self._momenta(parameters, group["momentum"])) for parameters in same_shape.values()]
            updates = self.map_(partial(orthogonalise, precision=self.precision), momenta)
            for (shape, parameters), update in zip(same_shape.items(), updates, strict=True):
                lr = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_sub_(parameters, update.unbind(), alpha=lr)

    def _momenta(self, parameters: list[Tensor], momentum: float) -> list[Tensor]:
        """Update the momentum buffers, and return the Nesterov momentum of each parameter."""
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        return list(torch._foreach_lerp(gradients, buffers, momentum))


@torch.no_grad()
def orthogonalise(matrices: Tensor, steps: int = 5, precision: Precision = "float32") -> Tensor:
    """Bring the singular values of matrices to about 1, by a quintic Newton-Schulz iteration.

    The coefficients are those of Muon's author, chosen for speed, not for a limit of exactly 1.

    Args:
        matrices: float32 (n, rows, columns)
        steps: iterations
        precision: of the products; the iteration tolerates bf16

    Returns:
        float32 (n, rows, columns).

    Source: arXiv 2502.16982.
    """
    x = matrices.mT if matrices.shape[-2] > matrices.shape[-1] else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.bfloat16() if precision == "bf16" else x
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    y: Tensor = x.to(matrices.dtype)
    return y.mT if matrices.shape[-2] > matrices.shape[-1] else y

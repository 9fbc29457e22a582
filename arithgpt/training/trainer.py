"""The training loop: train(recipe, run) teaches a GPT, looks at held-out problems on the way, and leaves a run on disk."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import Tensor

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED, Batch, dealt, padding, prefetched
from arithgpt.data.source import make_data_source
from arithgpt.errors import UserError
from arithgpt.models.architectures import Model, first_weights, make_model, recordable
from arithgpt.provenance import commit, processor
from arithgpt.run import Run
from arithgpt.runtime import Precision, init_worker_thread, limit_threads, resolve_precision, synchronize, useful_threads
from arithgpt.training.checkpoint import load_optimisers, load_tensors, optimiser_tensors, save_tensors, write_atomic
from arithgpt.training.cuda_graphs import fast
from arithgpt.training.distributed import SINGLE_PROCESS, ProcessGroup
from arithgpt.training.init_weights import initial_weights
from arithgpt.training.loss import has_own_blocks, loss_of
from arithgpt.training.optim import make_optimisers, rate
from arithgpt.training.signals import stop_on_signals
from tasks.adapters.reasoning_gym import PREFIX

LOG_EVERY = 10  # steps
BUCKET_FLOPS, MAX_BUCKETS = 0.5e9, 8  # a step is cut into buckets of like length while each has so much to compute
GPU_BUCKET_FLOPS = 1e12  # the same for a GPU: a guess, for there it was never measured
TOGETHER = 2048  # characters at most of buckets that go through the model together
GPU_MAKERS = 3  # threads that make batches for a GPU, which may be done with them sooner than one thread makes the next
RANDOM_PARTS = 3  # the stream of what is random in the model; 0 to 2 are those of the problems (tasks/base.py)
LOWER_RATE = "a lower optim.adamw_lr or optim.muon_lr may help"


@dataclass
class Progress:
    """How far a run has come; kept with each checkpoint."""

    step: int = 0
    seconds: float = 0.0
    """Of training and looking, over all sessions."""
    look_seconds: float = 0.0
    """Of those, spent looking at held-out problems."""
    cells: int = 0
    """Characters computed in training, padding included."""
    padding: int = 0
    """Of those, beyond the end of their page."""
    worst: list[float] = field(default_factory=list)
    """The exact match of the worst length at the last two looks."""
    accuracy: dict[str, float] = field(default_factory=dict)
    """Held-out exact match by digit length at the last look; of a text there is none."""
    loss: float | None = None
    """Of a text, the held-out cross-entropy of a character in nats at the last look."""
    status: str = "unfinished"
    """unfinished, interrupted, finished (all steps done) or reached target."""

    def holds(self, target: float) -> bool:
        """Whether both of the last two looks met a target."""
        return len(self.worst) == 2 and min(self.worst) >= target


class Callback(Protocol):
    """Whoever watches a run; told, never asked."""

    def on_train_start(self, run: Run, model: Model, device: torch.device, progress: Progress) -> None: ...
    def on_step(self, progress: Progress, loss: float) -> None: ...
    def on_validation(self, progress: Progress) -> None: ...
    def on_train_end(self, progress: Progress) -> None: ...


class NullCallback(Callback):
    """Watches nothing and says nothing."""


def train(
    recipe: Recipe,
    run: Run,
    *,
    device: torch.device,
    observer: Callback,
    resume: bool = False,
    ranks: ProcessGroup = SINGLE_PROCESS,
    asked_to_stop: Callable[[], bool] = lambda: False,
    precision: Precision | None = None,
) -> Progress:
    """Train, from the start or from the run's last checkpoint, until the steps are done, the target holds or Ctrl-C.

    On a CPU, an interrupted and resumed run ends with the same bits as one that was not interrupted, with as many processes
    and, of more than two, threads.
    Of several processes, `ranks`, only the first has an observer, and reads and writes the run.
    asked_to_stop: asked after every step; True stops it like Ctrl-C
    precision: of the products with the matrices of the blocks; None for what is usual on the device (device.py)
    UserError where the run cannot be resumed, the loss is no longer a number, or the disk cannot be written; the last
    checkpoint is then still there.
    """
    observer = observer if ranks.rank == 0 else NullCallback()
    trainer = _Trainer(recipe, run, device, ranks, precision)
    if resume:
        trainer.restore()
    else:
        trainer.begin()
    progress, train_config = trainer.progress, recipe.train
    steps = range(progress.step, train_config.max_steps)
    observer.on_train_start(run, trainer.model, device, progress)
    batches = prefetched(trainer.make_batch, steps, device, ahead=3 * trainer.makers, makers=trainer.makers)
    stop = threading.Event()  # set by Ctrl-C and SIGTERM: no step is broken off
    with stop_on_signals(stop.is_set, stop.set), limit_threads(trainer.threads), closing(batches), closing(trainer):
        for step, batch in zip(steps, batches, strict=True):
            loss = trainer.learn(step, batch)
            last = progress.step == train_config.max_steps
            if progress.step % LOG_EVERY == 0 or last:
                trainer.log(loss)
                observer.on_step(progress, loss.item())
            if last:
                progress.status = "finished"
            if progress.step % train_config.eval_every == 0 or last:
                trainer.look()
                observer.on_validation(progress)
                if train_config.stop_early and progress.holds(train_config.target_accuracy):
                    progress.status = "reached target"
            if ranks.any(stop.is_set() or asked_to_stop()) and progress.status == "unfinished":
                progress.status = "interrupted"
            if progress.step % train_config.checkpoint_every == 0 or progress.status != "unfinished":
                trainer.save()
            if progress.status != "unfinished":
                break
    observer.on_train_end(progress)
    return progress


class _Trainer:
    """The model, its optimisers and how far they have come."""

    def __init__(
        self,
        recipe: Recipe,
        run: Run,
        device: torch.device,
        ranks: ProcessGroup = SINGLE_PROCESS,
        precision: Precision | None = None,
    ) -> None:
        precision, on_gpu = precision or resolve_precision("auto", device), device.type == "cuda"
        self.recipe, self.run, self.device, self.ranks = recipe, run, device, ranks
        if recipe.train.batch_size < ranks.size:
            raise UserError(
                f"train.batch_size = {recipe.train.batch_size}: must be at least 1 for each of {ranks.size} processes"
            )
        self.lessons = make_data_source(recipe, device)
        first = first_weights(recipe.model, recipe.alphabet, recipe.seed)
        # Copied into torch's own memory: products may round differently where a matrix begins elsewhere in a cache line.
        self.weights = {name: torch.from_numpy(array).to(device, copy=True).requires_grad_() for name, array in first.items()}
        self.model = make_model(recipe.model, recipe.alphabet, self.weights)  # looks ask it as it will be asked: in float32
        self.learner = make_model(recipe.model, recipe.alphabet, self.weights, precision)  # the same weights
        self.progress = Progress()
        [(inputs, _)] = self._share(0, 1)
        flops = 6 * self.model.n_params * recipe.model.loops * inputs.numel()
        self.n_buckets = max(1, min(MAX_BUCKETS, round(flops / (GPU_BUCKET_FLOPS if on_gpu else BUCKET_FLOPS))))
        self.n_workers = min(self.n_buckets, torch.get_num_threads()) if not on_gpu else 1
        # Buckets side by side, each on one thread, beat one at a time on all threads (runs/LOG.md).
        self.workers = ThreadPoolExecutor(self.n_workers, initializer=init_worker_thread) if self.n_workers > 1 else None
        self.threads = 1 if self.workers else useful_threads(flops / self.n_buckets)
        each = self.workers.map if self.workers else map
        self.optimisers = make_optimisers(self.weights, recipe.optim, precision, each)
        self.peaks = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers]
        self.makers = GPU_MAKERS if on_gpu and not recipe.task.name.startswith(PREFIX) else 1  # others' code may use globals
        one_shape = on_gpu and self.n_buckets == 1 and recordable(recipe.model)
        self.gradients = fast(self._gradients) if one_shape else self._gradients
        self.cells, self.padding = 0, torch.zeros((), dtype=torch.long, device=device)  # of this process since a checkpoint
        self.origin = _origin(self.model, device) | {"processes": ranks.size, "threads": max(self.threads, self.n_workers)}
        self.origin["precision"] = precision
        if recipe.init.run:
            self.origin |= {"init": recipe.init.model_dump()}
        self.began = time.perf_counter()

    def make_batch(self, step: int) -> list[Batch]:
        """This process's share of the training pages of a step, in buckets: a function of the seed and the step alone."""
        return self._share(step, self.n_buckets)

    def _share(self, step: int, n: int) -> list[Batch]:
        """Of all the pages of a step, those of other processes among them (ranks.py says why), its own in n buckets."""
        return self.lessons.batches(self.ranks.share(self.lessons.pages(step)), n)

    def learn(self, step: int, batch: list[Batch]) -> Tensor:
        """One step of gradient descent on all buckets together; returns the loss before it."""
        if self.lessons.resets(step):
            for optimiser in self.optimisers:
                optimiser.state.clear()
        share = rate(self.recipe.optim, step, self.recipe.train.max_steps)
        for optimiser, peaks in zip(self.optimisers, self.peaks, strict=True):
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * share
        counted = sum((targets != IGNORED).sum() for _, targets in batch)
        losses, gradients = zip(*self._on_each(step, batch, counted), strict=True)
        for parameter, *shares in zip(self.weights.values(), *gradients, strict=True):
            parameter.grad = torch.stack(shares).sum(0) if len(shares) > 1 else shares[0]
        loss = sum(losses)
        self.ranks.average_([loss, *(parameter.grad for parameter in self.weights.values())], weight=counted)
        self.cells += sum(inputs.numel() for inputs, _ in batch)
        self.padding += torch.stack([padding(targets) for _, targets in batch]).sum()  # read off only now and then: it waits
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.recipe.optim.grad_clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self._count_time()
        self.progress.step = step + 1
        return loss

    def _on_each(self, step: int, batch: list[Batch], counted: Tensor) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        """The loss and the gradients of each bucket as shares of the whole batch's; side by side where there are workers.

        A model that takes several buckets at once (loss.py) is given as many of them as leave two such shares, or one for each
        worker where there are more: so with one thread the bits are those of two.
        What is added up, and in which order, does not depend on which of them is faster; what is random in the model is drawn
        anew for each bucket, from the seed, the step and its number among those of all processes.
        """
        own = has_own_blocks(self.learner)
        hands = dealt(batch, max(2, self.n_workers), TOGETHER) if own else [[bucket] for bucket in batch]

        def share(number: int) -> tuple[Tensor, tuple[Tensor, ...]]:
            of_all = number * self.ranks.size + self.ranks.rank
            rng = np.random.default_rng([self.recipe.seed, RANDOM_PARTS, step, of_all])
            loss, *gradients = self.gradients(*(part for bucket in hands[number] for part in bucket), counted, rng=rng)
            return loss, tuple(gradients)

        numbers = range(len(hands))
        if not self.workers:
            return map(share, numbers)
        # The longest pages first: they would keep the others waiting.
        return reversed([*self.workers.map(share, numbers[::-1])])

    def _gradients(self, *tensors: Tensor, rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        """The loss of buckets as a share of the whole batch's, and its gradient by every weight.

        tensors: inputs and targets of each bucket, and how many targets the whole batch has
        """
        *parts, counted = tensors
        loss = loss_of(self.learner, list(zip(parts[::2], parts[1::2], strict=True)), rng) / counted
        return loss.detach(), *torch.autograd.grad(loss, list(self.weights.values()))

    def _count_cells(self) -> None:
        cells, padding = self.ranks.sum([self.cells, int(self.padding)])
        self.progress.cells += cells
        self.progress.padding += padding
        self.cells = 0
        self.padding.zero_()

    def close(self) -> None:
        if self.workers:
            self.workers.shutdown()

    def look(self) -> None:
        """Measure exact match on held-out problems, or the loss on held-out text."""
        synchronize(self.device)  # the steps it still has to do are training
        self._count_time()
        progress, before = self.progress, self.progress.seconds
        found = self.lessons.look(self.model, self.ranks)
        progress.accuracy, progress.loss = found.accuracy, found.loss
        self._count_time()
        progress.look_seconds += progress.seconds - before
        if found.accuracy:
            progress.worst = [*progress.worst[-1:], min(found.accuracy.values())]
        result = {"accuracy": found.accuracy} if found.loss is None else {"held_out_loss": round(found.loss, 6)}
        self._log({"seconds": round(progress.seconds, 3)} | result)

    def log(self, loss: Tensor) -> None:
        """Write the loss down; UserError where it is no longer a number."""
        step, value = self.progress.step, loss.item()
        if not math.isfinite(value):
            raise UserError(f"run {self.run.name}: the loss is {value} at step {step}; {LOWER_RATE}")
        examples = step * self.recipe.train.batch_size
        self._log({"examples": examples, "seconds": round(self.progress.seconds, 3), "loss": round(value, 6)})

    def _log(self, entry: dict[str, Any]) -> None:
        self.ranks.first(lambda: self.run.log({"step": self.progress.step} | entry))

    def save(self) -> None:
        """Write a checkpoint. It knows nothing of how many processes there are."""
        self._count_cells()
        if not all(bool(tensor.isfinite().all()) for tensor in self.weights.values()):
            raise UserError(
                f"run {self.run.name}: the weights are no longer numbers at step {self.progress.step}; {LOWER_RATE}"
            )
        self.ranks.first(self._write)

    def _write(self) -> None:
        """What resumes first, then what is asked, then what is told."""
        weights = self.weights
        notes = {"identity": self.recipe.resume_identity, "progress": dataclasses.asdict(self.progress)}
        state = {f"model.{name}": tensor for name, tensor in weights.items()}
        state |= {f"optim.{name}": tensor for name, tensor in optimiser_tensors(self.optimisers).items()}
        save_tensors(self.run.path / "resume.safetensors", state, notes)
        save_tensors(self.run.path / "weights.safetensors", weights, notes)
        write_atomic(self.run.path / "run.json", json.dumps(dataclasses.asdict(self.progress) | self.origin, indent=2) + "\n")

    def begin(self) -> None:
        """Start from the weights of another run, where the recipe says so. UserError where they cannot be used."""
        if self.recipe.init.run:
            first = {name: weight.detach().cpu().numpy() for name, weight in self.weights.items()}
            weights = self.ranks.first(lambda: initial_weights(self.recipe, self.model.alphabet, first))
            self._load_weights({name: torch.from_numpy(array) for name, array in weights.items()})

    def restore(self) -> None:
        """Go back to the last checkpoint, or to the start where there is none yet.

        UserError where the checkpoint does not fit, or nothing is left to do.
        """
        file, train_config = self.run.path / "resume.safetensors", self.recipe.train
        checkpoint = self.ranks.first(lambda: self._checkpoint(file))
        if checkpoint is not None:
            self._load(file, *checkpoint)
        else:
            self.begin()
        progress = self.progress
        reached = train_config.stop_early and progress.holds(train_config.target_accuracy)
        if progress.step >= train_config.max_steps or reached:
            did = (
                f"has reached {train_config.target_accuracy:.4g}"
                if reached
                else f"has done {progress.step} of {train_config.max_steps} steps"
            )
            larger = "--target" if reached else "--steps"
            raise UserError(f"run {self.run.name}: nothing left to do, it {did}; a larger {larger} goes on")
        progress.status = "unfinished"
        self.ranks.first(self._go_back)

    def _checkpoint(self, file: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        if self.run.is_shipped:
            raise UserError(f"run {self.run.name}: is the calculator that ships; nothing is written there")
        if file.exists():
            return load_tensors(file)
        if self.run.has_weights:
            raise UserError(f"{file}: missing; going on without it would overwrite the weights that are there")
        return None

    def _go_back(self) -> None:
        """Take out of the run what came after the checkpoint, and keep the recipe it goes on with."""
        self.run.forget_after(self.progress.step)
        if self.recipe != self.run.recipe:
            write_atomic(self.run.path / "recipe.toml", self.recipe.to_toml())

    def _load(self, file: Path, state: dict[str, Tensor], notes: dict[str, Any]) -> None:
        if notes.get("identity") != self.recipe.resume_identity:
            raise UserError(f"{file}: this is not a checkpoint of {self.run.path / 'recipe.toml'}; it belongs to another run")
        try:
            self.progress = TypeAdapter(Progress).validate_python(notes["progress"])
            self._load_weights({name[6:]: tensor for name, tensor in state.items() if name.startswith("model.")})
            load_optimisers(self.optimisers, {name[6:]: tensor for name, tensor in state.items() if name.startswith("optim.")})
        except (KeyError, ValueError, RuntimeError) as error:
            raise UserError(f"{file}: damaged ({str(error).splitlines()[0]})") from None

    @torch.no_grad()
    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        make_model(self.recipe.model, self.recipe.alphabet, weights)  # ValueError where they do not fit
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    def _count_time(self) -> None:
        now = time.perf_counter()
        self.progress.seconds += now - self.began
        self.began = now


def _origin(model: Model, device: torch.device) -> dict[str, Any]:
    """How a run was made: size, versions, source and machine."""
    return {
        "parameters": model.n_params,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("arithgpt", "torch", "numpy")},
        "commit": commit(),
    }

"""The training loop: train(recipe, run) teaches a GPT, looks at held-out problems on the way, and leaves a run on disk."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter
from torch import Tensor

from arithgpt.architectures import Model, first_weights, make_model
from arithgpt.batches import IGNORED, Batch, bucketed, padding, prefetched, tensors
from arithgpt.checkpoint import load_optimisers, load_tensors, optimiser_tensors, save_tensors, write_atomic
from arithgpt.errors import UserError
from arithgpt.optim import make_optimisers, rate
from arithgpt.origin import commit, processor
from arithgpt.recipe import Recipe
from arithgpt.run import Run
from arithgpt.threads import one_thread, threads, worth
from arithgpt.vocab import Vocab
from tasks import Pages, Task, lengths

LOG_EVERY = 10  # steps
LOOK_LENGTHS = 10  # lengths at most that a look covers, but two of each box
BUCKET_FLOPS, MAX_BUCKETS = 0.5e9, 8  # a step is cut into buckets of like length while each has so much to compute
RANDOM_PARTS = 3  # the stream of what is random in the model; 0 to 2 are those of the problems (tasks/base.py)
LOWER_RATE = "a lower optim.lr or optim.matrix_lr may help"


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
    """Held-out exact match by digit length at the last look."""
    status: str = "unfinished"
    """unfinished, interrupted, finished (all steps done) or reached target."""

    def holds(self, target: float) -> bool:
        """Whether both of the last two looks met a target."""
        return len(self.worst) == 2 and min(self.worst) >= target


class Observer(Protocol):
    """Whoever watches a run; told, never asked."""

    def started(self, run: Run, model: Model, device: torch.device, progress: Progress) -> None: ...
    def stepped(self, progress: Progress, loss: float) -> None: ...
    def looked(self, progress: Progress) -> None: ...
    def ended(self, progress: Progress) -> None: ...


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one. UserError for any other name than auto, cpu and cuda, or for cuda without one."""
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {name}: must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA GPU here; use cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def train(recipe: Recipe, run: Run, *, device: torch.device, observer: Observer, resume: bool = False) -> Progress:
    """Train, from the start or from the run's last checkpoint, until the steps are done, the target holds or Ctrl-C.

    On a CPU, an interrupted and resumed run ends with the same bits as one that was not interrupted.
    UserError where the run cannot be resumed, the loss is no longer a number, or the disk cannot be written; the last
    checkpoint is then still there.
    """
    trainer = _Trainer(recipe, run, device)
    if resume:
        trainer.restore()
    progress, budget = trainer.progress, recipe.budget
    steps = range(progress.step, budget.steps)
    observer.started(run, trainer.model, device, progress)
    batches = prefetched(trainer.make_batch, steps, device)
    with _asked_to_stop() as stop, threads(trainer.threads), closing(batches), closing(trainer):
        for step, batch in zip(steps, batches, strict=True):
            loss = trainer.learn(step, batch)
            last = progress.step == budget.steps
            if progress.step % LOG_EVERY == 0 or last:
                trainer.log(loss)
                observer.stepped(progress, loss.item())
            if last:
                progress.status = "finished"
            if progress.step % budget.eval_every == 0 or last:
                trainer.look()
                observer.looked(progress)
                if budget.stop_early and progress.holds(budget.target):
                    progress.status = "reached target"
            if stop.is_set() and progress.status == "unfinished":
                progress.status = "interrupted"
            if progress.step % budget.checkpoint_every == 0 or progress.status != "unfinished":
                trainer.save()
            if progress.status != "unfinished":
                break
    observer.ended(progress)
    return progress


class _Trainer:
    """The model, its optimisers and how far they have come."""

    def __init__(self, recipe: Recipe, run: Run, device: torch.device) -> None:
        self.recipe, self.run, self.device = recipe, run, device
        self.task, self.vocab = recipe.problems, Vocab(recipe.problems.alphabet)
        first = first_weights(recipe.model, self.task.alphabet, recipe.seed)
        self.weights = {name: torch.from_numpy(array).to(device).requires_grad_() for name, array in first.items()}
        self.model = make_model(recipe.model, self.task.alphabet, self.weights)
        self.optimisers = make_optimisers(self.weights, recipe.optim)
        self.peaks = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers]
        self.progress = Progress()
        self.questions = held_out_questions(self.task, self.vocab, recipe.budget.eval_samples, device)
        longest = longest_page(self.task) if self.model.scheme.limited else 0
        if longest > recipe.model.block_size:
            raise UserError(
                f"model.block_size = {recipe.model.block_size}: must be at least the {longest} characters of the longest page"
            )
        flops = 6 * self.model.n_params * recipe.model.loops * tensors(self._pages(0), self.vocab)[0].numel()
        self.n_buckets = max(1, min(MAX_BUCKETS, round(flops / BUCKET_FLOPS)))
        n_workers = min(self.n_buckets, torch.get_num_threads()) if device.type == "cpu" else 1
        # Buckets side by side, each on one thread, beat one at a time on all threads (runs/LOG.md).
        self.workers = ThreadPoolExecutor(n_workers, initializer=one_thread) if n_workers > 1 else None
        self.threads = 1 if self.workers else worth(flops / self.n_buckets)
        self.padding = torch.zeros((), dtype=torch.long, device=device)
        self.origin = _origin(self.model, device) | {"threads": max(self.threads, n_workers)}
        self.began = time.perf_counter()

    def make_batch(self, step: int) -> list[Batch]:
        """The training problems of a step, in buckets: a function of the seed and the step alone."""
        pages = self._pages(step)
        if self.model.scheme.limited and pages.total.max() > self.recipe.model.block_size + 1:
            raise UserError(  # free text has no longest page that could be known before
                f"model.block_size = {self.recipe.model.block_size}: must be at least the {pages.total.max() - 1} characters "
                f"of a page at step {step}"
            )
        return bucketed(pages, self.vocab, self.n_buckets)

    def _pages(self, step: int) -> Pages:
        return self.task.batch(self.recipe.budget.batch_size, seed=self.recipe.seed, split="train", rank=0, step=step)

    def learn(self, step: int, batch: list[Batch]) -> Tensor:
        """One step of gradient descent on all buckets together; returns the loss before it."""
        share = rate(self.recipe.optim, step, self.recipe.budget.steps)
        for optimiser, peaks in zip(self.optimisers, self.peaks, strict=True):
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * share
        counted = sum((targets != IGNORED).sum() for _, targets in batch)
        losses, gradients = zip(*self._on_each(step, batch, counted), strict=True)
        for parameter, *shares in zip(self.weights.values(), *gradients, strict=True):
            parameter.grad = torch.stack(shares).sum(0) if len(shares) > 1 else shares[0]
        self.progress.cells += sum(inputs.numel() for inputs, _ in batch)
        self.padding += torch.stack([padding(targets) for _, targets in batch]).sum()  # read off only now and then: it waits
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.recipe.optim.grad_clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self._count_time()
        self.progress.step = step + 1
        return sum(losses)

    def _on_each(self, step: int, batch: list[Batch], counted: Tensor) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        """The loss and the gradients of each bucket as shares of the whole batch's; side by side where there are workers.

        What is added up, and in which order, does not depend on which of them is faster; what is random in the model is drawn
        anew for each bucket, from the seed, the step and its number alone.
        """

        def share(number: int) -> tuple[Tensor, tuple[Tensor, ...]]:
            inputs, targets = batch[number]
            rng = np.random.default_rng([self.recipe.seed, RANDOM_PARTS, step, number])
            logits = self.model(inputs, rng=rng).flatten(0, 1)
            loss = F.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED, reduction="sum") / counted
            return loss.detach(), torch.autograd.grad(loss, list(self.weights.values()))

        if not self.workers:
            return map(share, range(len(batch)))
        return reversed(
            [*self.workers.map(share, reversed(range(len(batch))))]
        )  # the longest pages first: they would keep the others waiting

    def _count_padding(self) -> None:
        self.progress.padding += int(self.padding)
        self.padding.zero_()

    def close(self) -> None:
        if self.workers:
            self.workers.shutdown()

    def look(self) -> None:
        """Measure exact match on held-out problems."""
        progress, before = self.progress, self.progress.seconds
        progress.accuracy = look(self.model, self.questions)
        self._count_time()
        progress.look_seconds += progress.seconds - before
        progress.worst = [*progress.worst[-1:], min(progress.accuracy.values())]
        self.run.log({"step": progress.step, "seconds": round(progress.seconds, 3), "accuracy": progress.accuracy})

    def log(self, loss: Tensor) -> None:
        """Write the loss down; UserError where it is no longer a number."""
        step, value = self.progress.step, loss.item()
        if not math.isfinite(value):
            raise UserError(f"run {self.run.name}: the loss is {value} at step {step}; {LOWER_RATE}")
        examples = step * self.recipe.budget.batch_size
        entry = {"step": step, "examples": examples, "seconds": round(self.progress.seconds, 3), "loss": round(value, 6)}
        self.run.log(entry)

    def save(self) -> None:
        """Write a checkpoint: what resumes first, then what is asked, then what is told."""
        self._count_padding()
        weights = self.weights
        if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
            raise UserError(
                f"run {self.run.name}: the weights are no longer numbers at step {self.progress.step}; {LOWER_RATE}"
            )
        notes = {"identity": self.recipe.identity, "progress": dataclasses.asdict(self.progress)}
        state = {f"model.{name}": tensor for name, tensor in weights.items()}
        state |= {f"optim.{name}": tensor for name, tensor in optimiser_tensors(self.optimisers).items()}
        save_tensors(self.run.path / "resume.safetensors", state, notes)
        save_tensors(self.run.path / "weights.safetensors", weights, notes)
        write_atomic(self.run.path / "run.json", json.dumps(dataclasses.asdict(self.progress) | self.origin, indent=2) + "\n")

    def restore(self) -> None:
        """Go back to the last checkpoint, or to the start where there is none yet.

        UserError where the checkpoint does not fit, or nothing is left to do.
        """
        file, budget = self.run.path / "resume.safetensors", self.recipe.budget
        if self.run.is_shipped:
            raise UserError(f"run {self.run.name}: is the calculator that ships; nothing is written there")
        if file.exists():
            self._load(file)
        elif self.run.has_weights:
            raise UserError(f"{file}: missing; going on without it would overwrite the weights that are there")
        progress = self.progress
        reached = budget.stop_early and progress.holds(budget.target)
        if progress.step >= budget.steps or reached:
            did = f"has reached {budget.target:.4g}" if reached else f"has done {progress.step} of {budget.steps} steps"
            larger = "--target" if reached else "--steps"
            raise UserError(f"run {self.run.name}: nothing left to do, it {did}; a larger {larger} goes on")
        progress.status = "unfinished"
        self.run.forget_after(progress.step)
        if self.recipe != self.run.recipe:
            write_atomic(self.run.path / "recipe.toml", self.recipe.to_toml())

    def _load(self, file: Path) -> None:
        state, notes = load_tensors(file)
        if notes.get("identity") != self.recipe.identity:
            raise UserError(f"{file}: this is not a checkpoint of {self.run.path / 'recipe.toml'}; it belongs to another run")
        try:
            self.progress = TypeAdapter(Progress).validate_python(notes["progress"])
            self._load_weights({name[6:]: tensor for name, tensor in state.items() if name.startswith("model.")})
            load_optimisers(self.optimisers, {name[6:]: tensor for name, tensor in state.items() if name.startswith("optim.")})
        except (KeyError, ValueError, RuntimeError) as error:
            raise UserError(f"{file}: damaged ({str(error).splitlines()[0]})") from None

    @torch.no_grad()
    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        make_model(self.recipe.model, self.task.alphabet, weights)  # ValueError where they do not fit
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    def _count_time(self) -> None:
        now = time.perf_counter()
        self.progress.seconds += now - self.began
        self.began = now


def held_out_questions(task: Task, vocab: Vocab, n: int, device: torch.device) -> dict[str, Batch]:
    """Held-out problems of some lengths spread over those of training, ready for the model, by length."""
    boxes = [(part, box) for part in task.parts.values() for box in part.boxes]
    questions = {}
    for part, box in boxes:
        for cell in box.spread(max(2, LOOK_LENGTHS // len(boxes))):
            inputs, targets = tensors(part.pages(part.test(n, cell, seed=0)), vocab)
            sign = part.operator if len(task.parts) > 1 else ""
            questions[sign + lengths.shown(cell)] = inputs.to(device), targets.to(device)
    return questions


def longest_page(task: Task) -> int:
    """How many characters the longest page of training has, the stop apart."""
    rng = np.random.default_rng(0)
    cells = ((part, cell) for part in task.parts.values() for box in part.boxes for cell in box)
    return max(int(part.pages(part.draw_suite(rng, 1, cell, "random")).total.max()) - 1 for part, cell in cells)


@torch.no_grad()
def look(model: Model, questions: dict[str, Batch]) -> dict[str, float]:
    """Exact match by length, with the right characters given so far.

    A page counts where every character to be written is the likeliest one: then, rounding aside, greedy decoding writes it.
    """
    accuracy = {}
    for digits, (inputs, targets) in questions.items():
        right = (model(inputs).argmax(-1) == targets) | (targets == IGNORED)
        accuracy[digits] = int(right.all(1).sum()) / len(right)
    return accuracy


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set the event instead of breaking off a step; a second one breaks off at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may set signal handlers
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _origin(model: Model, device: torch.device) -> dict[str, Any]:
    """How a run was made: size, versions, source and machine."""
    return {
        "parameters": model.n_params,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("arithgpt", "torch", "numpy")},
        "commit": commit(),
    }

"""The training loop: teaches a model, validates it on held-out problems, and leaves a run on disk.

Trainer(recipe, run, device=torch.device("cpu"), callback=NullCallback()).fit()
"""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import Batch, count_padding, prefetch
from arithgpt.data.source import make_data_source
from arithgpt.errors import UserError, ending
from arithgpt.models import build_model
from arithgpt.provenance import training_provenance
from arithgpt.run_folder import RunFolder
from arithgpt.runtime import Precision, limit_threads, resolve_precision, synchronize
from arithgpt.training.callbacks import Callback, NullCallback
from arithgpt.training.checkpoint import load_tensors, load_training_state, save_tensors, training_state, write_atomic
from arithgpt.training.distributed import SINGLE_PROCESS, ProcessGroup
from arithgpt.training.gradients import GradientComputer, count_targets
from arithgpt.training.init_weights import initial_weights
from arithgpt.training.optim import learning_rate_factor, make_optimisers, set_learning_rates
from arithgpt.training.progress import Progress
from arithgpt.training.signals import stop_on_signals
from tasks.registration import GYM_PREFIX

LOG_EVERY = 10  # steps
MADE_AHEAD = 16  # steps: more than the batches that may have been made when a validation ends
GPU_BATCH_THREADS = 3  # threads that make batches for a GPU; one may be slower than the GPU
LOWER_RATE = "a lower optim.adamw_lr or optim.muon_lr may help"


class Trainer:
    """Trains one run.

    On a CPU an interrupted and resumed run ends with the same bits as one that was not interrupted. That holds for the same
    number of processes and, where there are more than two threads, for the same number of threads.

    Args:
        recipe: what is learned; resolved by `init_weights.resolve`
        run: the folder for checkpoints and logs
        device: where the model computes
        callback: is called at the start, after steps, after validations and at the end
        processes: those that share the steps; only the first one reads and writes the run and calls the callback
        precision: of the matrix products in blocks; None for the default of the device
        fused: use the fused CPU step where it computes this model
        should_stop: called after every step; True stops training like Ctrl-C

    Raises:
        UserError: the data cannot be read, or does not fit the recipe
    """

    def __init__(
        self,
        recipe: Recipe,
        run: RunFolder,
        *,
        device: torch.device,
        callback: Callback | None = None,
        processes: ProcessGroup = SINGLE_PROCESS,
        precision: Precision | None = None,
        fused: bool = True,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        if recipe.train.batch_size < processes.size:
            raise UserError(
                f"train.batch_size = {recipe.train.batch_size}: must be at least 1 for each of {processes.size} processes"
            )
        self.recipe, self.run, self.device, self.processes, self.should_stop = recipe, run, device, processes, should_stop
        self.callback: Callback = callback if callback is not None and processes.rank == 0 else NullCallback()
        self.source = make_data_source(recipe, device)
        self.model = build_model(recipe.model, recipe.alphabet, recipe.seed).to(device)
        if recipe.train.until_proven:
            from arithgpt.proof.guided import check_covered  # not needed by other runs

            check_covered(recipe, self._weights())
        precision = precision or resolve_precision("auto", device)
        self.model.set_matmul_dtype(torch.bfloat16 if precision == "bf16" else None)
        [(inputs, _)] = self._own_batches(0, 1)
        self.gradients = GradientComputer(self.model, recipe, processes, inputs.numel(), fused=fused)
        self.optimisers = make_optimisers(self.model, recipe.optim, precision, self.gradients.map)
        self.progress = Progress()
        self.n_tokens, self.n_padding = 0, torch.zeros((), dtype=torch.long, device=device)  # since the last checkpoint
        self.provenance = training_provenance(self.model.n_params, device) | {
            "processes": processes.size,
            "threads": max(self.gradients.threads, self.gradients.n_workers),
            "precision": precision,
        }
        if recipe.init.run:
            self.provenance["init"] = recipe.init.model_dump()
        self.began = time.perf_counter()

    def fit(self, resume: bool = False) -> Progress:
        """Train until all steps are done, the target is reached, or a stop is requested.

        Args:
            resume: go on from the last checkpoint of the run, or from the start if there is none

        Returns:
            The progress of the run, whose `status` says why it ended.

        Raises:
            UserError: the run cannot be resumed, the loss is no longer a number, or the disk cannot be written; the last
                checkpoint remains
        """
        self._resume() if resume else self._load_initial_weights()
        progress, limits, n_threads = self.progress, self.recipe.train, self._n_batch_threads()
        steps = range(progress.step, limits.max_steps)
        self.callback.on_train_start(self.run, self.model, self.device, progress)
        self.began = time.perf_counter()
        batches = prefetch(self.make_batch, steps, self.device, n_ahead=3 * n_threads, n_threads=n_threads)
        interrupted = threading.Event()  # set by Ctrl-C and SIGTERM, which let the current step end
        with (
            stop_on_signals(interrupted.is_set, interrupted.set),
            limit_threads(self.gradients.threads),
            closing(batches),
            closing(self.gradients),
        ):
            for step, batch in zip(steps, batches, strict=True):
                loss = self.train_step(step, batch)
                is_last = progress.step == limits.max_steps
                if progress.step % LOG_EVERY == 0 or is_last:
                    self._log_loss(loss)
                    self.callback.on_step(progress, loss.item())
                if is_last:
                    progress.status = "finished"
                if progress.step % limits.eval_every == 0 or is_last:
                    self.validate()
                    is_proven = limits.until_proven and self._attempt_proof(is_last)
                    self.callback.on_validation(progress)
                    if is_proven and (limits.stop_early or is_last):
                        progress.status = "proven"
                    elif limits.stop_early and not limits.until_proven and progress.has_reached(limits.target_accuracy):
                        progress.status = "reached target"
                stop = self.processes.any(interrupted.is_set() or self.should_stop())
                if stop and progress.status == "unfinished":
                    progress.status = "interrupted"
                if progress.step % limits.checkpoint_every == 0 or progress.status != "unfinished":
                    self.save_checkpoint()
                if progress.status == "proven":
                    self.processes.first(self._write_certificate)
                if progress.status != "unfinished":
                    break
        self.callback.on_train_end(progress)
        return progress

    def make_batch(self, step: int) -> list[Batch]:
        """Make this process's share of the training pages of a step, in buckets: a function of the seed and the step alone."""
        return self._own_batches(step, self.gradients.n_buckets)

    def train_step(self, step: int, buckets: list[Batch]) -> Tensor:
        """Take one optimiser step on all buckets together.

        Args:
            step: from 0; it seeds what is random in the model and gives the learning rates
            buckets: inputs and targets of this process's share

        Returns:
            The loss before the step, averaged over all processes, float32 ().
        """
        if self.source.resets(step):
            for optimiser in self.optimisers:
                optimiser.state.clear()
        set_learning_rates(self.optimisers, learning_rate_factor(self.recipe.optim, step, self.recipe.train.max_steps))
        self.model.train()
        n_targets = count_targets(buckets)
        loss, gradients = self.gradients(step, buckets, n_targets)
        self.processes.average_([loss, *gradients], weight=n_targets)
        for parameter, gradient in zip(self.model.parameters(), gradients, strict=True):
            parameter.grad = gradient.contiguous()  # torch 2.13 reads strided gradients wrongly (fused AdamW on a CPU)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optim.grad_clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self.n_tokens += sum(inputs.numel() for inputs, _ in buckets)
        self.n_padding += torch.stack(
            [count_padding(targets) for _, targets in buckets]
        ).sum()  # read only now and then: it waits
        self._count_time()
        self.progress.step = step + 1
        return loss

    def validate(self) -> None:
        """Measure exact match on held-out problems, or the loss on held-out text."""
        synchronize(self.device)  # the steps it still has to do are training
        self._count_time()
        progress, before = self.progress, self.progress.seconds
        result = self.source.validate(self.model.eval(), self.processes)
        self._count_time()
        progress.validation_seconds += progress.seconds - before
        progress.loss = result.loss
        if result.accuracy:
            progress.record_accuracy(result.accuracy)
        entry = {"accuracy": result.accuracy} if result.loss is None else {"held_out_loss": round(result.loss, 6)}
        self._log({"seconds": round(progress.seconds, 3)} | entry)

    def save_checkpoint(self) -> None:
        """Write the model, the optimisers and the progress; the number of processes is not part of it.

        Raises:
            UserError: a weight is no longer a number, or the disk cannot be written
        """
        n_tokens, n_padding = self.processes.sum([self.n_tokens, int(self.n_padding)])
        self.progress.tokens += n_tokens
        self.progress.padding += n_padding
        self.n_tokens = 0
        self.n_padding.zero_()
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise UserError(
                f"run {self.run.name}: the weights are no longer numbers at step {self.progress.step}; {LOWER_RATE}"
            )
        self.processes.first(self._write_checkpoint)

    def load_checkpoint(self, file: Path, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
        """Load what `save_checkpoint` wrote.

        Args:
            file: the file, for messages
            tensors, notes: what `load_tensors` read from it

        Raises:
            UserError: it belongs to another run, or is damaged
        """
        if notes.get("identity") != self.recipe.resume_identity:
            raise UserError(f"{file}: this is not a checkpoint of {self.run.path / 'recipe.toml'}; it belongs to another run")
        try:
            self.progress = TypeAdapter(Progress).validate_python(notes["progress"])
            load_training_state(self.model, self.optimisers, tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise UserError(f"{file}: damaged ({str(error).splitlines()[0]})") from None

    def _write_checkpoint(self) -> None:
        """Write first the file that resumes, then the weights, then run.json."""
        path = self.run.path
        notes = {
            "identity": self.recipe.resume_identity,
            "alphabet": self.model.alphabet,
            "progress": dataclasses.asdict(self.progress),
        }
        save_tensors(path / "resume.safetensors", training_state(self.model, self.optimisers), notes)
        save_tensors(path / "weights.safetensors", self.model.state_dict(), notes)
        facts = dataclasses.asdict(self.progress) | self.provenance
        if self.progress.loss is not None and not math.isfinite(self.progress.loss):
            facts["loss"] = None  # JSON has no NaN
        write_atomic(path / "run.json", json.dumps(facts, indent=2) + "\n")

    def _attempt_proof(self, is_last: bool) -> bool:
        """Try to prove the model once it has reached the target; learn what is not proven. Returns whether all is proven."""
        from arithgpt.proof.guided import attempt

        progress, limits, before = self.progress, self.recipe.train, self.progress.seconds
        progress.proof = ""
        if not (is_last or progress.has_reached(limits.target_accuracy)):
            return False
        found = self.processes.first(lambda: attempt(self.recipe, self._weights(), progress.step))
        self._count_time()
        progress.validation_seconds += progress.seconds - before
        progress.proof = found.summary
        progress.learn_from(progress.step + MADE_AHEAD, found.questions)
        self.source.learn(progress.hard_questions)
        return found.n_open == 0

    def _weights(self) -> dict[str, NDArray[Any]]:
        """Return the weights as NumPy arrays, by name."""
        return {name: tensor.cpu().numpy() for name, tensor in self.model.state_dict().items()}

    def _write_certificate(self) -> None:
        """Put the certificate of a proven run into its folder."""
        from arithgpt.proof.certificate import write_certificate
        from arithgpt.proof.claim import FILE_NAME
        from arithgpt.proof.prove import prove

        write_certificate(self.run.path / FILE_NAME, self.run, prove(self.run))

    def _load_initial_weights(self) -> None:
        """Start from the weights of another run, where the recipe says so."""
        if self.recipe.init.run:
            drawn = self.model.state_dict()
            weights = self.processes.first(lambda: initial_weights(self.recipe, self.model.alphabet, drawn))
            self.model.load_state_dict(weights)

    def _resume(self) -> None:
        """Go back to the last checkpoint, or to the start where there is none yet.

        Raises:
            UserError: the checkpoint does not fit, or nothing is left to do
        """
        file, limits = self.run.path / "resume.safetensors", self.recipe.train
        checkpoint = self.processes.first(lambda: self._read_checkpoint(file))
        if checkpoint is not None:
            self.load_checkpoint(file, *checkpoint)
        else:
            self._load_initial_weights()
        self.source.learn(self.progress.hard_questions)
        progress, done, more = self.progress, "", ("", "")
        if progress.status == "proven":
            done = "is proven; arithgpt prove shows it"
        elif limits.stop_early and not limits.until_proven and progress.has_reached(limits.target_accuracy):
            done, more = f"has reached {limits.target_accuracy:.4g}", ("train.target_accuracy", "--target")
        elif progress.step >= limits.max_steps:
            done, more = f"has done {progress.step} of {limits.max_steps} steps", ("train.max_steps", "--steps")
        if done:
            python, shell = (f"a larger {name} goes on" if name else "" for name in more)
            raise UserError(ending(f"run {self.run.name}: nothing left to do, it {done}", python=python, shell=shell))
        progress.status = "unfinished"
        self.processes.first(self._rewind_run)

    def _read_checkpoint(self, file: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        if self.run.is_shipped:
            raise UserError(f"run {self.run.name}: is the calculator that ships; nothing is written there")
        if file.exists():
            return load_tensors(file)
        if self.run.has_weights:
            raise UserError(f"{file}: missing; going on without it would overwrite the weights that are there")
        return None

    def _rewind_run(self) -> None:
        """Remove from the run what came after the checkpoint, and keep the recipe it goes on with."""
        self.run.forget_after(self.progress.step)
        if self.recipe != self.run.recipe:
            write_atomic(self.run.path / "recipe.toml", self.recipe.to_toml())

    def _own_batches(self, step: int, n: int) -> list[Batch]:
        """Make this process's share of all pages of a step, in n buckets (distributed.py says why all are made)."""
        return self.source.batches(self.processes.share(self.source.pages(step)), n)

    def _n_batch_threads(self) -> int:
        """Choose how many threads make batches: one for tasks of other libraries, whose code may use globals."""
        is_foreign = self.recipe.text is None and self.recipe.problems.name.startswith(GYM_PREFIX)
        return GPU_BATCH_THREADS if self.device.type == "cuda" and not is_foreign else 1

    def _log_loss(self, loss: Tensor) -> None:
        """Write down the loss; UserError where it is no longer a number."""
        step, value = self.progress.step, loss.item()
        if not math.isfinite(value):
            raise UserError(f"run {self.run.name}: the loss is {value} at step {step}; {LOWER_RATE}")
        examples = step * self.recipe.train.batch_size
        self._log({"examples": examples, "seconds": round(self.progress.seconds, 3), "loss": round(value, 6)})

    def _log(self, entry: dict[str, Any]) -> None:
        self.processes.first(lambda: self.run.log({"step": self.progress.step} | entry))

    def _count_time(self) -> None:
        now = time.perf_counter()
        self.progress.seconds += now - self.began
        self.began = now

"""Trackers: what a run logs, sent to TensorBoard or trackio as well. metrics.jsonl stays the complete record.

arithgpt train --log tensorboard      writes runs/NAME/tensorboard/; show it with: tensorboard --logdir runs
arithgpt train --log trackio          project arithgpt, on this machine; show it with: trackio show --project arithgpt
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arithgpt.errors import UserError
from arithgpt.training.callbacks import Callback
from eval.solver import MissingExtra

if TYPE_CHECKING:
    import torch

    from arithgpt.models.language_model import LanguageModel
    from arithgpt.run_folder import RunFolder
    from arithgpt.training.progress import Progress

PROJECT = "arithgpt"
REMOTE_SETTINGS = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")
"""Environment variables that make trackio send a run to another machine."""


class Tracker(Protocol):
    """A place that receives the figures of a run. It is made before training, so that a missing extra is reported then."""

    def open(self, run: RunFolder, step: int) -> None:
        """Begin a run, or continue it after a step."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record named values of a step."""

    def close(self) -> None:
        """End the run, if it was begun."""


class TensorBoard:
    """Event files in the run's folder. Raises MissingExtra without tensorboard."""

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtra("tensorboard") from None
        self.writer_class = SummaryWriter
        self.writer: Any = None

    def open(self, run: RunFolder, step: int) -> None:
        self.writer = self.writer_class(str(run.path / "tensorboard"), purge_step=step + 1)  # later steps are repeated

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Trackio:
    """The project `arithgpt` of trackio, in its local folder. Raises MissingExtra without trackio."""

    def __init__(self) -> None:
        try:
            import trackio  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise MissingExtra("trackio") from None
        self.trackio = trackio
        self.run: Any = None

    def open(self, run: RunFolder, step: int) -> None:
        config = run.recipe.model_dump(mode="json")
        quiet = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        with _local_only(), _without_output():
            self.run = self.trackio.init(PROJECT, run.name, config=config, resume="allow" if step else "never", **quiet)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def close(self) -> None:
        if self.run is not None:
            with _without_output():
                self.trackio.finish()


TRACKERS: dict[str, Callable[[], Tracker]] = {"tensorboard": TensorBoard, "trackio": Trackio}


def make_trackers(names: str | None) -> dict[str, Tracker]:
    """Make trackers by name.

    Args:
        names: as in `tensorboard,trackio`; None for no trackers

    Raises:
        UserError: a name is unknown, or its extra is not installed
    """
    trackers: dict[str, Tracker] = {}
    for name in dict.fromkeys(names.split(",") if names is not None else ()):
        if name not in TRACKERS:
            raise UserError(f"must be {' or '.join(TRACKERS)}, or both as in {','.join(TRACKERS)}", "log", name)
        try:
            trackers[name] = TRACKERS[name]()
        except MissingExtra as error:
            raise UserError(str(error), "log", name) from None
    return trackers


class TrackerCallback(Callback):
    """Sends the figures of a run to trackers. A tracker that fails is reported and dropped; training goes on."""

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self.trackers = dict(trackers)

    def on_train_start(self, run: RunFolder, model: LanguageModel, device: torch.device, progress: Progress) -> None:
        subtasks = {} if run.recipe.text else run.recipe.problems.subtasks
        self.task_of_operator = {task.operator: name for name, task in subtasks.items()}
        self._call_each(lambda tracker: tracker.open(run, progress.step))

    def on_step(self, progress: Progress, loss: float) -> None:
        self._call_each(lambda tracker: tracker.log(progress.step, {"loss": loss}))

    def on_validation(self, progress: Progress) -> None:
        values = {f"accuracy/{self._metric_name(digits)}": share for digits, share in progress.accuracy.items()}
        values |= {"held_out_loss": progress.loss} if progress.loss is not None else {}
        self._call_each(lambda tracker: tracker.log(progress.step, values))

    def close(self) -> None:
        self._call_each(lambda tracker: tracker.close())

    def _metric_name(self, digits: str) -> str:
        """Write `*3x2` of a mixture as `mul-3x2`: TensorBoard takes no operators."""
        task = self.task_of_operator.get(digits[0])
        return f"{task}-{digits[1:]}" if task is not None else digits

    def _call_each(self, call: Callable[[Tracker], Any]) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                call(tracker)
            except Exception as error:  # a failure of a tracker must not end the run
                del self.trackers[name]
                print(f"arithgpt: --log {name}: {error}; going on without it", file=sys.stderr)


@contextmanager
def _local_only() -> Iterator[None]:
    """Hide the settings that make trackio send a run to another machine."""
    hidden = {name: os.environ.pop(name) for name in REMOTE_SETTINGS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _without_output() -> Iterator[None]:
    """Drop the greetings that trackio prints."""
    with Path(os.devnull).open("w", encoding="utf-8") as devnull, redirect_stdout(devnull):
        yield

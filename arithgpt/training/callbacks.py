"""What a run logs, sent on to TensorBoard or trackio as well; metrics.jsonl stays the truth.

arithgpt train --log tensorboard      runs/mine/tensorboard/; look at it with: tensorboard --logdir runs
arithgpt train --log trackio          project arithgpt, on this machine; look at it with: trackio show --project arithgpt
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arithgpt.errors import UserError
from eval.solver import MissingExtra

if TYPE_CHECKING:
    import torch

    from arithgpt.models.language_model import LanguageModel
    from arithgpt.run import Run
    from arithgpt.training.progress import Progress

PROJECT = "arithgpt"
ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")  # where they are set, trackio would send the run away


class Callback(Protocol):
    """Is told how training goes."""

    def on_train_start(self, run: Run, model: LanguageModel, device: torch.device, progress: Progress) -> None: ...
    def on_step(self, progress: Progress, loss: float) -> None: ...
    def on_validation(self, progress: Progress) -> None: ...
    def on_train_end(self, progress: Progress) -> None: ...


class NullCallback(Callback):
    """Does nothing."""


class Tracker(Protocol):
    """A place that figures are sent to. It is made before training, so that what it needs and lacks is said then."""

    def open(self, run: Run, step: int) -> None:
        """Begin, or go on after a step."""

    def log(self, step: int, values: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    """Event files in the run's folder. MissingExtra without tensorboard."""

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtra("tensorboard") from None
        self.make, self.writer = SummaryWriter, None

    def open(self, run: Run, step: int) -> None:
        self.writer = self.make(str(run.path / "tensorboard"), purge_step=step + 1)  # later steps will be done again

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Trackio:
    """The project `arithgpt` of trackio, in the folder where it keeps things. MissingExtra without trackio."""

    def __init__(self) -> None:
        try:
            import trackio
        except ImportError:
            raise MissingExtra("trackio") from None
        self.trackio, self.run = trackio, None

    def open(self, run: Run, step: int) -> None:
        config = run.recipe.model_dump(mode="json")
        quiet = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        with _on_this_machine(), _silent():
            self.run = self.trackio.init(PROJECT, run.name, config=config, resume="allow" if step else "never", **quiet)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def close(self) -> None:
        if self.run is not None:
            with _silent():
                self.trackio.finish()


TRACKERS: dict[str, Callable[[], Tracker]] = {"tensorboard": TensorBoard, "trackio": Trackio}


def make_trackers(names: str | None) -> dict[str, Tracker]:
    """The trackers of `tensorboard,trackio`; none for None. UserError for another name, or a missing extra."""
    made: dict[str, Tracker] = {}
    for name in dict.fromkeys((names or "").split(",") if names is not None else ()):
        if name not in TRACKERS:
            raise UserError(f"--log {name}: must be {' or '.join(TRACKERS)}, or both as in {','.join(TRACKERS)}")
        try:
            made[name] = TRACKERS[name]()
        except MissingExtra as error:
            raise UserError(f"--log {name}: {error}") from None
    return made


class Tracked:
    """An observer that sends on what another one is told; a tracker that fails is said and left out, and training goes on."""

    def __init__(self, observer: Callback, trackers: Mapping[str, Tracker]) -> None:
        self.observer, self.trackers = observer, dict(trackers)

    def on_train_start(self, run: Run, model: LanguageModel, device: torch.device, progress: Progress) -> None:
        self.observer.on_train_start(run, model, device, progress)
        parts = {} if run.recipe.text else run.recipe.problems.subtasks
        self.tasks = {part.operator: name for name, part in parts.items()}
        self._each(lambda tracker: tracker.open(run, progress.step))

    def on_step(self, progress: Progress, loss: float) -> None:
        self.observer.on_step(progress, loss)
        self._each(lambda tracker: tracker.log(progress.step, {"loss": loss}))

    def on_validation(self, progress: Progress) -> None:
        self.observer.on_validation(progress)
        values = {f"accuracy/{self._named(digits)}": share for digits, share in progress.accuracy.items()}
        values |= {"held_out_loss": progress.loss} if progress.loss is not None else {}
        self._each(lambda tracker: tracker.log(progress.step, values))

    def on_train_end(self, progress: Progress) -> None:
        self.observer.on_train_end(progress)

    def close(self) -> None:
        """End all that was begun, however the run ended."""
        self._each(lambda tracker: tracker.close())

    def _named(self, digits: str) -> str:
        """`*3x2` of a mixture as `mul-3x2`: TensorBoard takes no signs."""
        task = self.tasks.get(digits[0])
        return f"{task}-{digits[1:]}" if task is not None else digits

    def _each(self, tell: Callable[[Tracker], Any]) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                tell(tracker)
            except Exception as error:  # whatever it is, it is not worth a run
                del self.trackers[name]
                print(f"arithgpt: --log {name}: {error}; going on without it", file=sys.stderr)


@contextmanager
def _on_this_machine() -> Iterator[None]:
    """Without the settings that make trackio send what it is told to somewhere else."""
    kept = {name: os.environ.pop(name) for name in ELSEWHERE if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


@contextmanager
def _silent() -> Iterator[None]:
    """Without the greetings that trackio prints."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield

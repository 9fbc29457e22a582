"""What tests need to train: a small recipe, and a callback that prints nothing."""

from arithgpt.training.callbacks import Callback
from arithgpt.training.progress import Progress

SMALL = {
    "task": {"name": "add", "digits": "1-3"},
    "train": {"max_steps": 350, "batch_size": 64, "eval_samples": 64, "eval_every": 50, "target_accuracy": 0.98},
}


class Silent(Callback):
    """A callback that only remembers the validations."""

    def __init__(self) -> None:
        self.accuracies: list[dict[str, float]] = []

    def on_validation(self, progress: Progress) -> None:
        self.accuracies.append(dict(progress.accuracy))

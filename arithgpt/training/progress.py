"""The progress of a run, kept with each checkpoint and written to run.json."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Progress:
    """The progress of a run."""

    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Time of training and validation, over all sessions."""
    validation_seconds: float = 0.0
    """The part of `seconds` that validation took."""
    tokens: int = 0
    """Tokens computed in training, padding included."""
    padding: int = 0
    """The part of `tokens` that lies beyond the end of a page."""
    lowest_accuracies: list[float] = field(default_factory=list)
    """The lowest accuracy of any size, at each of the last two validations."""
    accuracy: dict[str, float] = field(default_factory=dict)
    """Held-out exact match by size at the last validation; empty for a text."""
    loss: float | None = None
    """For a text the held-out cross-entropy per character at the last validation, in nats."""
    proof: str = ""
    """What came of trying to prove the model at the last validation; empty where it was not tried."""
    hard_questions: list[tuple[int, list[str]]] = field(default_factory=list)
    """Problems that show what is not proven, each list with the step from which on it is learned in place of the one before."""
    status: str = "unfinished"
    """unfinished, interrupted, finished (all steps done), reached target or proven."""

    @property
    def training_seconds(self) -> float:
        """Time of training without validation."""
        return self.seconds - self.validation_seconds

    def record_accuracy(self, accuracy: dict[str, float]) -> None:
        """Record what a validation measured by size."""
        self.accuracy = accuracy
        self.lowest_accuracies = [*self.lowest_accuracies[-1:], min(accuracy.values())]

    def learn_from(self, step: int, questions: list[str]) -> None:
        """Record problems that are learned from a step on, and forget lists that no further step learns."""
        now = [entry for entry in self.hard_questions if entry[0] <= self.step]
        later = [entry for entry in self.hard_questions if entry[0] > self.step]
        self.hard_questions = [*now[-1:], *later, (step, questions)]

    def has_reached(self, target: float) -> bool:
        """Whether every size met a target at both of the last two validations."""
        return len(self.lowest_accuracies) == 2 and min(self.lowest_accuracies) >= target

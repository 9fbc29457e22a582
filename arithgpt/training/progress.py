"""How far a run has come; written to run.json and kept with each checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    seconds: float = 0.0
    """Of training and validation, over all sessions."""
    look_seconds: float = 0.0
    """Of those, spent on validation."""
    cells: int = 0
    """Tokens computed in training, padding included."""
    padding: int = 0
    """Of those, beyond the end of their page."""
    worst: list[float] = field(default_factory=list)
    """The exact match of the worst length at the last two validations."""
    accuracy: dict[str, float] = field(default_factory=dict)
    """Held-out exact match by digit length at the last validation; empty for a text."""
    loss: float | None = None
    """For a text the held-out cross-entropy of a character, in nats, at the last validation."""
    status: str = "unfinished"
    """unfinished, interrupted, finished (all steps done) or reached target."""

    def holds(self, target: float) -> bool:
        """Whether both of the last two validations met a target."""
        return len(self.worst) == 2 and min(self.worst) >= target

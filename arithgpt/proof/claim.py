"""What is proven of a run: read from the certificate in its folder, as long as that is for the weights that stand beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    from arithgpt.run_folder import RunFolder

FILE_NAME: Final = "certificate.safetensors"
"""The certificate of a run, in its folder."""


@dataclass(frozen=True)
class Claim:
    """What a certificate says of a run."""

    claim: str
    """What is proven, after "it": "adds any two numbers, of any length"."""
    n_windows: int
    margin: float
    """The margin of the window that is proven least, in nats."""

    def __str__(self) -> str:
        return f"proven: {self.claim} ({self.n_windows:,} windows, least margin {self.margin:.2f})"


def proven_claim(run: RunFolder) -> Claim | None:
    """Return what is proven of a run; None without a certificate, or where it is damaged or for other weights.

    This reads what the certificate says. `arithgpt prove RUN --check FILE` verifies it.
    """
    try:
        with safe_open(run.path / FILE_NAME, framework="np") as file:
            notes = json.loads((file.metadata() or {})["notes"])
        claim = Claim(str(notes["claim"]), int(notes["n_windows"]), float(notes["margin"]))
        return claim if notes["weights_sha256"] == run.weights_sha256 else None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None

"""Prove a run, or find a problem that it gets wrong.

proof = prove(find_run("adder"))
proof.status        # "proven", "refuted" or "open"
proof.to_json()
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from arithgpt.config.recipe import DEFAULT_TASK
from arithgpt.errors import UserError
from arithgpt.inference.numpy_gpt import NumpyGPT
from arithgpt.proof.families.covered import COVERED, coverage, family_of
from arithgpt.proof.margins import Margins, window_margins
from arithgpt.proof.model import check_config
from arithgpt.proof.windows import NotCoveredError, Windows
from arithgpt.run_folder import RunFolder

if TYPE_CHECKING:
    from arithgpt.proof.refute import Counterexample

MAX_SHOWN = 20  # windows that are not proven, in a report


@dataclass(frozen=True)
class OpenWindow:
    """A window that is not proven."""

    window: str
    margin: float
    bound: float


@dataclass(frozen=True)
class Proof:
    """What came of an attempt to prove a run."""

    run: str
    claim: str
    """What is proven, after "it": "adds any two numbers, of any length"."""
    weights_sha256: str
    """SHA-256 of the file of weights."""
    n_windows: int
    n_open: int
    """How many windows are not proven."""
    margin: float
    """The margin of the window that is proven least, in nats."""
    bound: float
    """The bound of that window, in nats."""
    outside: float
    """The largest share of a head's attention that can lie outside of a window."""
    seconds: float
    open_windows: tuple[OpenWindow, ...] = ()
    """The first MAX_SHOWN of them, the least proven one first."""
    counterexample: Counterexample | None = None

    @property
    def status(self) -> Literal["proven", "refuted", "open"]:
        """Whether all windows are proven, a problem is known to go wrong, or neither."""
        if self.n_open == 0:
            return "proven"
        return "open" if self.counterexample is None else "refuted"

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        if self.n_open == 0:
            margin = f"least margin {self.margin:.3f}, bound {self.bound:.3f}"
            return f"proven for every length: {self.claim}; {self.n_windows:,} windows, {margin}"
        what = "refuted" if self.counterexample else "not proven, not refuted"
        return f"{what}: {self.n_open:,} of {self.n_windows:,} windows are not proven"

    def to_json(self) -> dict[str, Any]:
        """Return all fields and the status, as JSON can hold them."""
        return {"status": self.status} | asdict(self)


@dataclass(frozen=True)
class Evidence:
    """A proof with the windows and margins that it rests on."""

    proof: Proof
    windows: Windows
    margins: Margins


def prove(run: RunFolder) -> Evidence:
    """Try to prove a run; windows that are not proven are tried as real problems.

    Raises:
        UserError: the prover does not cover the run, or its weights cannot be read
    """
    began = time.perf_counter()
    try:
        claim = coverage(run.recipe.problems).claim
        check_config(run.recipe.model)
        model = run.load_model("numpy")
        assert isinstance(model, NumpyGPT)
        windows, found = window_margins(run.recipe, model.weights)
    except NotCoveredError as error:
        task = run.recipe.task.name if run.recipe.task.name in COVERED else DEFAULT_TASK
        cure = f"a run that can be proven is trained with: arithgpt train --task {task}"
        raise UserError(f"run {run.name}: {error}; {cure}") from None
    slack = found.margin - found.bound
    rows = np.argsort(slack, kind="stable")[: int((~found.is_proven).sum())].tolist()
    counterexample = None
    if rows:
        from arithgpt.proof.refute import refute  # pandas, for the drawing, takes long to import

        counterexample = refute(run, family_of(run.recipe.problems), windows, rows)
    proof = Proof(
        run=run.name,
        claim=claim,
        weights_sha256=run.weights_sha256,
        n_windows=len(windows),
        n_open=len(rows),
        margin=float(found.margin[slack.argmin()]),
        bound=float(found.bound[slack.argmin()]),
        outside=found.outside,
        seconds=time.perf_counter() - began,
        open_windows=tuple(
            OpenWindow(windows.describe(row), float(found.margin[row]), float(found.bound[row])) for row in rows[:MAX_SHOWN]
        ),
        counterexample=counterexample,
    )
    return Evidence(proof, windows, found)

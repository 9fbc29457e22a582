"""A certificate: a file with every window of a proof, its margin and its bound, for the weights with one hash.

    certificate.safetensors
      notes       JSON in the header: format, version, claim, task, alphabet, weights_sha256, ..., and a digest of all this
      cells       int64 (cells, 5): column and number of each cell, their axes by index, and its step, -1 for every step
      kinds       uint8 (kinds, 2): ASCII of a character and of the mark that opened its number, 0 for none
      contents    int64 (n, cells): the kind in each cell, -1 for nothing          queries    int64 (n,): the kind written last
      wanted      uint8 (n,): ASCII of the right next character                  margin, bound    float64 (n,), in nats

`checker/` verifies such a file from the weights alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from arithgpt.config.tables import task_table
from arithgpt.models.positions.cell_coordinates import CellCoordinates
from arithgpt.proof.prove import Evidence
from arithgpt.proof.windows import Cell
from arithgpt.run_folder import RunFolder
from arithgpt.training.checkpoint import write_atomic

FORMAT: Final = "arithgpt certificate"
VERSION: Final = 1


def write_certificate(path: Path, run: RunFolder, evidence: Evidence) -> None:
    """Write the certificate of a run that is proven.

    Raises:
        UserError: the file cannot be written
    """
    proof, windows, margins = evidence.proof, evidence.windows, evidence.margins
    assert proof.status == "proven"
    tensors: dict[str, NDArray[Any]] = {
        "cells": np.array([_as_numbers(cell) for cell in windows.cells], np.int64),
        "kinds": np.array([[ord(kind.character), ord(kind.mark or "\0")] for kind in windows.kinds], np.uint8),
        "contents": np.ascontiguousarray(windows.contents),
        "queries": np.ascontiguousarray(windows.queries),
        "wanted": np.frombuffer("".join(windows.wanted).encode("ascii"), np.uint8),
        "margin": margins.margin,
        "bound": margins.bound,
    }
    facts = proof.to_json()
    notes = {"format": FORMAT, "version": VERSION, "task": task_table(run.recipe.task), "alphabet": run.recipe.alphabet}
    kept = ("claim", "weights_sha256", "n_windows", "margin", "bound", "outside")
    notes |= {name: facts[name] for name in kept}
    notes["digest"] = digest(notes, tensors)
    write_atomic(path, save(tensors, {"notes": json.dumps(notes)}))


def _as_numbers(cell: Cell) -> list[int]:
    """Return a cell as the file holds it."""
    axes = [CellCoordinates.axes.index(axis) for axis in (cell.column_axis, cell.number_axis)]
    return [cell.column, cell.number, *axes, -1 if cell.step is None else cell.step]


def digest(notes: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of the notes, without a digest, and of the tensors by name."""
    hashed = hashlib.sha256(json.dumps({k: v for k, v in notes.items() if k != "digest"}, sort_keys=True).encode())
    for name in sorted(tensors):
        hashed.update(f"\n{name} {tensors[name].dtype} {tensors[name].shape}\n".encode())
        hashed.update(tensors[name].tobytes())
    return hashed.hexdigest()

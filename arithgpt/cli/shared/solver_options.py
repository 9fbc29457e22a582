"""The options that eval, compare and falsify share: which solver, and what it is asked."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from arithgpt.cli.shared.options import DEVICE_HELP

SHOTS_HELP = "Solved examples that hf: and llm: are shown."

Samples = Annotated[int, typer.Option(min=1, max=1_000_000, help="Different problems of each length, at most.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed asks the same problems.")]
Device = Annotated[str, typer.Option(help=DEVICE_HELP)]
Url = Annotated[Optional[str], typer.Option(help="The endpoint of llm:MODEL, as in http://localhost:8000/v1.")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the Python code in the folder of hf:FOLDER, as an exported run needs.")
]
Shots = Annotated[int, typer.Option(min=0, max=64, help=SHOTS_HELP)]

"""Processes that are forked from one that has imported what commands need, which saves each of them some seconds."""

import multiprocessing

from arithgpt.cli import COMMANDS

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *(f"arithgpt.cli.{command.module}" for command in COMMANDS.values()),
        "arithgpt.training.trainer",
        "torch._dynamo",  # the first optimiser imports it
        "torch.distributed",
        "httpx",
        "matplotlib.figure",
    ]
)

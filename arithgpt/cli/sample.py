"""arithgpt sample: let a GPT write."""

from __future__ import annotations

import math
import sys
from typing import Annotated, Optional

import numpy as np
import typer

from arithgpt.errors import UserError
from arithgpt.inference.sample import encode_prompt, sample_text
from arithgpt.inference.sampler import random_sampler
from arithgpt.run_folder import find_run, newest_run
from tasks import STOP

SHOWN_CHARACTERS = 40
"""Characters of an alphabet in a message."""


def command(
    run: Annotated[Optional[str], typer.Argument(metavar="[RUN]", help="By name or folder. [default: the newest run]")] = None,
    prompt: Annotated[Optional[str], typer.Option(help="The text to continue. [default for a text: a new line]")] = None,
    n: Annotated[
        int, typer.Option("-n", "--characters", min=1, max=10_000_000, help="Maximum number of characters to write.")
    ] = 200,
    temperature: Annotated[float, typer.Option(min=0, max=100, help="0: always the likeliest character.")] = 0.8,
    top_k: Annotated[
        Optional[int], typer.Option("--top-k", min=1, help="Draw from the k likeliest characters. [default: from all]")
    ] = None,
    seed: Annotated[Optional[int], typer.Option(min=0, help="Seed of the sampler. [default: another one each time]")] = None,
) -> None:
    """Continue a prompt, character by character, with any run: of a text, or of a task, whose pages end by themselves.

    The output begins with the prompt. A run of a text, and one with learned positions, sees as many characters at once as a
    page had in training; when these are full it goes on from the last half of them. An encoder-decoder needs a whole question.
    """
    if not math.isfinite(temperature):
        raise UserError(f"--temperature {temperature}: must be a number from 0 to 100")
    source = find_run(run) if run is not None else newest_run()
    model, text = source.load_model("numpy"), source.recipe.text
    if prompt is None and (text is None or "\n" not in model.alphabet):
        characters = model.alphabet[:SHOWN_CHARACTERS] + "..." * (len(model.alphabet) > SHOWN_CHARACTERS)
        raise UserError(f"--prompt: missing; run {source.name} continues a text of the characters {characters!r}")
    prompt = "\n" if prompt is None else prompt
    try:
        ids = encode_prompt(model, prompt, is_page=text is None)
    except UserError as error:
        raise UserError(error.message, "prompt") from None
    window, stop = (text.context, None) if text else (model.max_length, model.alphabet.index(STOP))
    if model.config.reads_question:  # it has no window to move on
        window, n = None, min(n, model.max_length - len(ids)) if model.max_length is not None else n
    sys.stdout.write(prompt)
    sampler = random_sampler(temperature, np.random.default_rng(seed), top_k)
    for token in sample_text(model, ids, n, sampler, window=window, stop=stop):
        if token != stop:
            sys.stdout.write(model.alphabet[token])
            sys.stdout.flush()
    sys.stdout.write("\n")

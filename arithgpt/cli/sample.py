"""arithgpt sample: let a GPT write."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from arithgpt.inference.generate import Model


def command(
    run: Annotated[Optional[str], typer.Argument(metavar="[RUN]", help="By name or folder. [default: the newest run]")] = None,
    prompt: Annotated[Optional[str], typer.Option(help="What it goes on from. [default: a new line, of a text]")] = None,
    n: Annotated[int, typer.Option("-n", "--characters", min=1, max=10_000_000, help="Characters to write at most.")] = 200,
    temperature: Annotated[float, typer.Option(min=0, max=100, help="0: always the likeliest character.")] = 0.8,
    top_k: Annotated[
        Optional[int], typer.Option("--top-k", min=1, help="Draw from so many likeliest. [default: from all]")
    ] = None,
    seed: Annotated[Optional[int], typer.Option(min=0, help="Of what is drawn. [default: another one each time]")] = None,
) -> None:
    """Write on from a prompt, character by character, with any run: of a text, or of a task, whose pages end by themselves.

    The prompt is written first. A run of a text, and one with learned positions, knows so many characters at once as a page had
    in training; when they are full it goes on from the last half of them. An encoder-decoder is given a whole question.
    """
    import math

    import numpy as np

    from arithgpt.data.text import encode
    from arithgpt.errors import UserError
    from arithgpt.inference.sample import sample_text
    from arithgpt.inference.sampler import random_sampler
    from arithgpt.run import find_run, newest_run
    from tasks import STOP

    if not math.isfinite(temperature):
        raise UserError(f"--temperature {temperature}: must be a number from 0 to 100")
    found = find_run(run) if run is not None else newest_run()
    model, text = found.load_model("numpy"), found.recipe.text
    if prompt is None and (text is None or "\n" not in model.alphabet):
        raise UserError(f"--prompt: missing; what run {found.name} shall go on from, of {_few(model.alphabet)}")
    prompt = "\n" if prompt is None else prompt
    if not prompt:
        raise UserError("--prompt: is empty; it needs a character at least")
    try:
        ids = encode(prompt, model.alphabet)
    except UserError as error:
        raise UserError(f"--prompt: {error}") from None
    window = text.context if text else model.max_length
    if model.config.reads_question:
        window, n = None, _fitting(model, prompt, n)
    stop = None if text else model.alphabet.index(STOP)
    if stop is not None and stop in ids:
        raise UserError(f"--prompt: has the character {STOP!r} that ends a page: there is nothing to go on from")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal may not have every character
    say = sys.stdout.write
    say(prompt)
    sampler = random_sampler(temperature, np.random.default_rng(seed), top_k)
    for id in sample_text(model, ids, n, sampler, window=window, stop=stop):
        if id != stop:
            say(model.alphabet[id])
            sys.stdout.flush()
    say("\n")


def _fitting(model: Model, prompt: str, n: int) -> int:
    """How many of n characters an encoder-decoder has room to write after a prompt. UserError where it cannot begin."""
    from arithgpt.errors import UserError

    if model.config.prompt_end not in prompt:
        raise UserError(
            f"--prompt {prompt!r}: an encoder-decoder begins to write after {model.config.prompt_end!r}; there is none in it"
        )
    limit = model.max_length
    if limit is not None and len(prompt) >= limit:
        raise UserError(f"--prompt: has {len(prompt)} characters, and positions end at block_size = {limit}")
    return n if limit is None else min(n, limit - len(prompt))


def _few(alphabet: str) -> str:
    return repr(alphabet if len(alphabet) <= 40 else alphabet[:40] + "...")

"""arithgpt inspect: show what a GPT attends to while it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from arithgpt.cli.shared.attention_view import as_dict, print_reading
from arithgpt.cli.shared.options import output_files
from arithgpt.cli.shared.reports import check_extras
from arithgpt.errors import UserError
from arithgpt.inference.attention import focuses, heads_of, kernels
from arithgpt.inference.inspection import check_has_attention, inspect_page
from arithgpt.models.gpt import GPT
from arithgpt.run_folder import find_run
from arithgpt.training.checkpoint import write_atomic
from eval.reports.figures import png
from tasks import QuestionError

SHOWN = 40
"""Characters of a question that a message shows."""


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run by name or folder; or calculator.")],
    question: Annotated[str, typer.Argument(metavar="EXPR", help='What to ask, as in "123+989"; what to read, for a text.')],
    layer: Annotated[Optional[int], typer.Option(metavar="N", help="Draw the attention of this layer, from 1 on.")] = None,
    head: Annotated[Optional[int], typer.Option(metavar="N", help="Draw only this head of the layer, from 1 on.")] = None,
    png_file: Annotated[Optional[Path], typer.Option("--png", metavar="FILE", help="Write a picture of all heads.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; whole maps only with --layer.")] = False,
) -> None:
    """Ask a GPT, and show what its heads attended to for each character it wrote.

    A run of a text answers no questions: it reads what is given, from the second character on.

    Without --layer it shows the probability of each character with the next likeliest, and for each head the distance on the
    page that it attends to most and its learned kernel. With --layer it draws maps: one row per written character, one column
    per character that can be attended to.
    """
    files = output_files({"--png": png_file})
    check_extras(files)
    source = find_run(run)
    check_has_attention(source)  # before the weights are read
    model: Any = source.load_model("cpu")
    heads = select_heads(model, layer, head)
    try:
        inspection = inspect_page(source, model, question)
    except QuestionError as error:
        raise UserError(f"{question[:SHOWN]!r}: {error}") from None
    selected = [focus for focus in focuses(inspection.reading) if (focus.layer, focus.head) in heads]
    maps = layer is not None
    if as_json:
        print(json.dumps(inspection.about | as_dict(inspection, selected, kernels(model), maps=maps), allow_nan=False))
    else:
        print_reading(inspection, selected, kernels(model), maps=maps)
    if png_file is not None:
        write_atomic(png_file, png(inspection.plot(heads).figures))


def select_heads(model: GPT, layer: int | None, head: int | None) -> list[tuple[int, int]]:
    """Return the heads to show as (layer, head), both counted from 0.

    Args:
        model: the model
        layer: only this layer, from 1 on; None for all
        head: only this head of the layer, from 1 on; None for all

    Raises:
        UserError: there is no such layer or head
    """
    n_heads = heads_of(model)
    if head is not None and layer is None:
        raise UserError(f"--head {head}: needs --layer too")
    if layer is not None and not 1 <= layer <= len(n_heads):
        raise UserError(f"--layer {layer}: must be from 1 to {len(n_heads)}")
    if head is not None and layer is not None and not 1 <= head <= n_heads[layer - 1]:
        raise UserError(f"--head {head}: layer {layer} has heads 1 to {n_heads[layer - 1]}")
    every = [(i, j) for i, n_head in enumerate(n_heads) for j in range(n_head)]
    return [(i, j) for i, j in every if layer in (None, i + 1) and head in (None, j + 1)]

"""arithgpt inspect: show what a GPT attends to while it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np
import typer
from numpy.typing import NDArray

from arithgpt.cli.shared.attention_view import as_dict, print_reading, write_picture
from arithgpt.cli.shared.options import output_files
from arithgpt.cli.shared.reports import check_extras
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.attention import MAX_PAGE, focuses, heads_of, kernels, read_page
from arithgpt.inference.gpt_solver import GPTSolver, Prompted
from arithgpt.models.gpt import GPT
from arithgpt.run_folder import RunFolder, find_run
from tasks import STOP, QuestionError


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
    config = source.recipe.model
    if config.reads_question:
        raise UserError(f"run {source.name}: its model is an encoder-decoder, which has no one page to look at; only a GPT has")
    if not config.attends:
        raise UserError(f"run {source.name}: its model is {config.arch.upper()}, which has no attention to look at")
    model: Any = source.load_model("cpu")
    heads = select_heads(model, layer, head)
    about, ids, prompt_length = _write_page(source, model, question)
    try:
        reading = read_page(model, ids, prompt_length)
    except ValueError as error:
        raise UserError(f"{question[:40]!r}: {error}") from None
    selected = [focus for focus in focuses(reading) if (focus.layer, focus.head) in heads]
    maps = layer is not None
    if as_json:
        reading_dict = as_dict(model, reading, prompt_length, selected, kernels(model), maps=maps)
        print(json.dumps(about | reading_dict, allow_nan=False))
    else:
        print_reading(about, model, reading, selected, kernels(model), maps=maps)
    if png_file is not None:
        write_picture(png_file, f"{source.name}: {about['question']}", model, reading, heads)


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


def _write_page(run: RunFolder, model: Any, typed: str) -> tuple[dict[str, Any], NDArray[np.int64], int]:
    """Let the model answer a question, or take the text to read.

    Returns:
        What is known of the question and its answer, the ids of the page (T,), and how many of them were given.
    """
    if run.recipe.text:
        ids = run.recipe.text.encode(typed)
        if not 2 <= len(ids) <= run.recipe.text.context:
            raise UserError(f"EXPR: must be from 2 to the {run.recipe.text.context} characters of a page, not {len(ids)}")
        return {"run": run.name, "question": typed}, ids, 1
    task = run.recipe.problems
    try:
        question = task.parse(typed)
    except QuestionError as error:
        raise UserError(f"{typed[:40]!r}: {error}") from None
    group = Prompted(task.subtask_of(question), [question], model.max_length)
    [prompt], completion = group.prompts.to_strings(), ""
    for char in GPTSolver(run.name, model, task).stream(group) if len(prompt) < MAX_PAGE else STOP:
        completion += char
        if len(prompt) + len(completion) > MAX_PAGE:
            raise UserError(f"{typed[:40]!r}: needs a page of more than the {MAX_PAGE} characters that can be inspected")
    if not completion:
        raise UserError(f"{typed[:40]!r}: needs a longer page than its positions have room for")
    answer = task.extract(completion.rstrip(STOP), question) if completion.endswith(STOP) else None
    expected = task.answer(question)
    about = {"run": run.name, "question": question, "answer": answer, "expected": expected, "correct": answer == expected}
    ids = Tokenizer(model.alphabet).encode(np.frombuffer((prompt + completion).encode("ascii"), np.uint8))
    return about, ids, len(prompt)

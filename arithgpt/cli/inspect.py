"""arithgpt inspect: what a GPT looks at while it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from arithgpt.inference.attention import Focus, Reading
    from arithgpt.models.gpt import GPT
    from arithgpt.run import Run

SHADES = ((0.75, "█"), (0.5, "▓"), (0.25, "▒"), (0.05, "░"))
BLANK = "∘"
UNSEEN = {" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"}
LABEL = 4  # columns before a row of a map
NO_SAY = 0.005  # a strength below this is not shown
EACH = 22  # columns for one character and the next likeliest


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run by name or folder; or calculator.")],
    question: Annotated[str, typer.Argument(metavar="EXPR", help='What to ask it, as in "123+989"; of a text, what to read.')],
    layer: Annotated[Optional[int], typer.Option(metavar="N", help="Draw the attention of this layer, from 1 on.")] = None,
    head: Annotated[Optional[int], typer.Option(metavar="N", help="Of that layer only this head, from 1 on.")] = None,
    png_file: Annotated[Optional[Path], typer.Option("--png", metavar="FILE", help="Write a picture of all heads.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; whole maps only with --layer.")] = False,
) -> None:
    """Ask a GPT, and show what its heads looked at for each character it wrote.

    A run of a text is asked nothing: it reads what is given, from the second character on.

    Without --layer: the probability of each character with the next likeliest, and for each head the distance on the page that
    it looked at most and the kernel it has learned. With --layer: maps, what was written down and what was looked at across.
    """
    import json

    from arithgpt.cli.options import output_files
    from arithgpt.cli.reports import check_extras
    from arithgpt.errors import UserError
    from arithgpt.inference.attention import focuses, kernels, read_page
    from arithgpt.run import find_run

    files = output_files({"--png": png_file})
    check_extras(files)
    found = find_run(run)
    arch = found.recipe.model.arch
    if found.recipe.model.reads_question:
        raise UserError(f"run {found.name}: its model is an encoder-decoder, which has no one page to look at; only a GPT has")
    if arch != "gpt":
        raise UserError(f"run {found.name}: its model is {arch.upper()}, which has no attention to look at")
    model = found.load_model("cpu")
    chosen = _chosen(model, layer, head)
    said, ids, prompt = _page(found, model, question)
    try:
        reading = read_page(model, ids, prompt)
    except ValueError as error:
        raise UserError(f"{question[:40]!r}: {error}") from None
    looked = [focus for focus in focuses(reading) if (focus.layer, focus.head) in chosen]
    own = kernels(model)
    if as_json:
        print(json.dumps(said | _as_dict(model, reading, prompt, looked, own, maps=layer is not None), allow_nan=False))
    else:
        _tell(said, model, reading, looked, own, maps=layer is not None)
    if png_file is not None:
        _draw(png_file, f"{found.name}: {said['question']}", model, reading, chosen)


def _chosen(model: GPT, layer: int | None, head: int | None) -> list[tuple[int, int]]:
    """The layers and heads to show, from 0 on. UserError where there are no such."""
    from arithgpt.errors import UserError
    from arithgpt.inference.attention import heads_of

    heads = heads_of(model)
    if head is not None and layer is None:
        raise UserError(f"--head {head}: needs --layer too")
    if layer is not None and not 1 <= layer <= len(heads):
        raise UserError(f"--layer {layer}: must be from 1 to {len(heads)}")
    if head is not None and not 1 <= head <= heads[layer - 1]:
        raise UserError(f"--head {head}: layer {layer} has heads 1 to {heads[layer - 1]}")
    every = [(block, number) for block, n_head in enumerate(heads) for number in range(n_head)]
    return [one for one in every if layer in (None, one[0] + 1) and head in (None, one[1] + 1)]


def _page(run: Run, model: GPT, typed: str) -> tuple[dict[str, Any], Any, int]:
    """What is told of the question, the ids of the whole page, and how many of them were given."""
    import numpy as np

    from arithgpt.data.tokenizer import Tokenizer
    from arithgpt.errors import UserError
    from arithgpt.inference.attention import MAX_PAGE
    from arithgpt.inference.gpt_solver import GPTSolver
    from tasks import STOP, QuestionError

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
    problems = task.problems([question])
    prompt = task.prompts(problems).to_strings()[0]
    written = ""
    for char in GPTSolver(run.name, model, task).stream(question) if len(prompt) < MAX_PAGE else STOP:
        written += char
        if len(prompt) + len(written) > MAX_PAGE:
            raise UserError(f"{typed[:40]!r}: needs a page of more than the {MAX_PAGE} characters that can be inspected")
    if not written:
        raise UserError(f"{typed[:40]!r}: needs a longer page than its positions have room for")
    answer = task.extract(written.rstrip(STOP), question) if written.endswith(STOP) else None
    expected = task.answer(question)
    said = {"run": run.name, "question": question, "answer": answer, "expected": expected, "correct": answer == expected}
    ids = Tokenizer(model.alphabet).encode(np.frombuffer((prompt + written).encode("ascii"), np.uint8))
    return said, ids, len(prompt)


def _as_dict(
    model: GPT, reading: Reading, prompt: int, looked: list[Focus], kernels: list[dict[str, Any]], maps: bool
) -> dict[str, Any]:
    heads = []
    for focus in looked:
        said: dict[str, Any] = {"layer": focus.layer + 1, "head": focus.head + 1, "bos": round(focus.bos, 6)}
        said |= {"looks_at": dict(focus.looks_at), "share": round(focus.share, 6)}
        if kernels:
            own = {name: array[focus.head].tolist() for name, array in kernels[focus.layer].items()}
            said["kernel"] = {
                name: value if name == "bos_logit" else dict(zip(reading.axes, value, strict=True))
                for name, value in own.items()
            }
        if maps:
            said["attention"] = [
                [round(share, 6) for share in row] for row in reading.attention[focus.layer][focus.head].tolist()
            ]
        heads.append(said)
    names = ("character", "probability", "next", "next_probability")
    characters = [dict(zip(names, one, strict=True)) for one in _likely(model, reading)]
    page = "".join(model.alphabet[i] for i in reading.ids.tolist())
    return {"page": page, "prompt": page[:prompt], "has_bos": reading.has_bos, "characters": characters, "heads": heads}


def _likely(model: GPT, reading: Reading) -> Iterator[tuple[str, float, str, float]]:
    """Each written character, its probability, and the likeliest other one with its own."""
    for own, shares in zip(reading.written.tolist(), reading.probabilities, strict=True):
        other = next(one for one in shares.argsort()[::-1].tolist() if one != own)
        yield model.alphabet[own], float(shares[own]), model.alphabet[other], float(shares[other])


def _tell(
    said: dict[str, Any], model: GPT, reading: Reading, looked: list[Focus], kernels: list[dict[str, Any]], maps: bool
) -> None:
    from rich.console import Console

    console = Console(highlight=False)

    def say(*lines: str) -> None:
        for line in lines:
            console.print(line, markup=False, soft_wrap=True)

    page = "".join(shown(model.alphabet[i]) for i in reading.ids.tolist())
    if "answer" in said:
        verdict = "right" if said["correct"] else f"wrong: it is {said['expected']}"
        say(f"{said['question']} = {'no answer' if said['answer'] is None else said['answer']}  {verdict}")
    say(page, " " * (len(page) - len(reading.written)) + "^" * len(reading.written) + " written", "")
    if maps:
        for focus in looked:
            say(f"layer {focus.layer + 1}, head {focus.head + 1}: {_legend(reading)}")
            say(*_map(model, reading, focus, console.width), "")
    else:
        say("probability of each character, and the next likeliest:")
        say(*_probabilities(model, reading, console.width), "")
    say("attention by head, over all that was written:")
    console.print(_heads(looked, reading.has_bos))
    if kernels:
        say("kernels: centre ×strength on each axis, and the logit of the bos token:")
        console.print(_kernels(looked, kernels, reading.axes))


def shown(char: str) -> str:
    """A character as one that can be seen."""
    return UNSEEN.get(char, char if char.isprintable() else "�")


def _legend(reading: Reading) -> str:
    blank = f"; {BLANK} is the bos token" if reading.has_bos else ""
    return " ".join(f"{shade} {share:.0%}" for share, shade in SHADES[::-1]) + " or more" + blank


def _map(model: GPT, reading: Reading, focus: Focus, width: int) -> Iterator[str]:
    """A heat map, cut into bands of columns where it is wider than the terminal; in a band, the rows that look at it."""
    columns = [BLANK] * reading.has_bos + [shown(model.alphabet[i]) for i in reading.ids[:-1].tolist()]
    weights = reading.attention[focus.layer][focus.head]
    rows = [shown(model.alphabet[i]) for i in reading.written.tolist()]
    room = max(width - LABEL, 10)
    for start in range(0, len(columns), room):
        yield " " * LABEL + "".join(columns[start : start + room])
        for char, row in zip(rows, weights[:, start : start + room].tolist(), strict=True):
            cells = "".join(next((shade for least, shade in SHADES if share >= least), " ") for share in row).rstrip()
            if cells or len(columns) <= room:
                yield f"{char:>{LABEL - 2}}  {cells}".rstrip()


def _probabilities(model: GPT, reading: Reading, width: int) -> Iterator[str]:
    """Several a line, as many as there is room for."""
    cells = [
        f"{shown(char)} {100 * share:6.2f}%  {shown(other)} {100 * its:5.2f}%".ljust(EACH)
        for char, share, other, its in _likely(model, reading)
    ]
    each = max(1, width // EACH)
    for start in range(0, len(cells), each):
        yield "".join(cells[start : start + each]).rstrip()


def _table(*titles: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title in titles:
        table.add_column(title)
    return table


def _heads(looked: list[Focus], has_bos: bool) -> Table:
    table = _table("head", *["bos"] * has_bos, "share", "most looked at, from the cell to be written")
    for focus in looked:
        where = ", ".join(f"{axis} {_signed(distance)}" for axis, distance in focus.looks_at)
        shares = [f"{focus.bos:.0%}"] * has_bos + [f"{focus.share:.0%}"]
        table.add_row(f"{focus.layer + 1}.{focus.head + 1}", *shares, where or "-")
    return table


def _kernels(looked: list[Focus], kernels: list[dict[str, Any]], axes: tuple[str, ...]) -> Table:
    table = _table("head", "bos", *axes)
    for focus in looked:
        own = {name: array[focus.head].tolist() for name, array in kernels[focus.layer].items()}
        pairs = zip(own["centre"], own["strength"], strict=True)
        cells = [f"{centre:.2f} ×{strength:.2f}" if strength >= NO_SAY else "-" for centre, strength in pairs]
        table.add_row(f"{focus.layer + 1}.{focus.head + 1}", f"{own['bos_logit']:.2f}", *cells)
    return table


def _signed(distance: float) -> str:
    return f"{distance:+g}" if distance else "0"


def _draw(file: Path, title: str, model: GPT, reading: Reading, chosen: list[tuple[int, int]]) -> None:
    from arithgpt.training.checkpoint import write_atomic
    from eval.reports.figures import attention_figure, png

    looked_at = [BLANK] * reading.has_bos + [shown(model.alphabet[i]) for i in reading.ids[:-1].tolist()]
    written = [shown(model.alphabet[i]) for i in reading.written.tolist()]
    maps = {f"layer {layer + 1}, head {head + 1}": reading.attention[layer][head] for layer, head in chosen}
    write_atomic(file, png([attention_figure(title, maps, written, looked_at)]))

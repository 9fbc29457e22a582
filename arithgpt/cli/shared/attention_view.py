"""How `arithgpt inspect` shows what a GPT attends to: as text, and as a dict for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arithgpt.cli.shared.terminal import make_console
from arithgpt.inference.attention import Focus, Reading
from arithgpt.inference.inspection import BOS, Inspection, describe_distances, visible
from eval.reports.layout import TextTable, print_table

SHADES = ((0.75, "█"), (0.5, "▓"), (0.25, "▒"), (0.05, "░"))
"""The least attention that each shade of a map stands for."""
LABEL_WIDTH = 4
"""Columns before a row of a map."""
MIN_STRENGTH = 0.005
"""The least strength of a kernel that is shown."""
PROBABILITY_WIDTH = 22
"""Columns for one character with its probability, and the next likeliest."""


def as_dict(inspection: Inspection, focuses: list[Focus], kernels: list[dict[str, Any]], *, maps: bool) -> dict[str, Any]:
    """Return an inspected page as values that JSON can hold.

    Args:
        inspection: the page, and the attention of all heads
        focuses: the heads to show
        kernels: the learned kernels of each layer; empty where the position scheme has none
        maps: include the whole attention of each head
    """
    reading, heads = inspection.reading, []
    for focus in focuses:
        head: dict[str, Any] = {"layer": focus.layer + 1, "head": focus.head + 1, "bos": round(focus.bos, 6)}
        head |= {"looks_at": dict(focus.looks_at), "share": round(focus.share, 6)}
        if kernels:
            head["kernel"] = {
                name: value if name == "bos_logit" else dict(zip(reading.axes, value, strict=True))
                for name, value in _kernel_of(focus, kernels).items()
            }
        if maps:
            rows = inspection.weights(focus.layer, focus.head).tolist()
            head["attention"] = [[round(share, 6) for share in row] for row in rows]
        heads.append(head)
    names = ("character", "probability", "next", "next_probability")
    characters = [dict(zip(names, entry, strict=True)) for entry in _likeliest(inspection)]
    page = inspection.page
    return {
        "page": page,
        "prompt": page[: inspection.prompt_length],
        "has_bos": reading.has_bos,
        "characters": characters,
        "heads": heads,
    }


def print_reading(inspection: Inspection, focuses: list[Focus], kernels: list[dict[str, Any]], *, maps: bool) -> None:
    """Print an inspected page: with `maps` the attention of each head, else probabilities; then tables of heads and kernels.

    Args:
        inspection, focuses, kernels, maps: as in `as_dict`
    """
    about, reading = inspection.about, inspection.reading
    console = make_console()

    def print_lines(*lines: str) -> None:
        for line in lines:
            console.print(line)

    page = "".join(map(visible, inspection.page))
    if "answer" in about:
        verdict = "right" if about["correct"] else f"wrong: it is {about['expected']}"
        answer = "no answer" if about["answer"] is None else about["answer"]
        print_lines(f"{about['question']} = {answer}  {verdict}")
    n_written = len(inspection.written)
    print_lines(page, " " * (len(page) - n_written) + "^" * n_written + " written", "")
    if maps:
        for focus in focuses:
            print_lines(f"layer {focus.layer + 1}, head {focus.head + 1}: {_legend(reading)}")
            print_lines(*_map(inspection, focus, console.width), "")
    else:
        print_lines("probability of each character, and the next likeliest:")
        print_lines(*_probabilities(inspection, console.width), "")
    print_lines("attention by head, over all that was written, from the cell to be written:")
    print_table(_head_table(focuses, reading.has_bos), console)
    if kernels:
        print_lines("kernels: centre ×strength on each axis, and the logit of the bos token:")
        print_table(_kernel_table(focuses, kernels, reading.axes), console)


def _likeliest(inspection: Inspection) -> Iterator[tuple[str, float, str, float]]:
    """Yield each written character with its probability, and the likeliest other one with its own."""
    reading, alphabet = inspection.reading, inspection.model.alphabet
    for written, probabilities in zip(reading.written.tolist(), reading.probabilities, strict=True):
        other = next(i for i in probabilities.argsort()[::-1].tolist() if i != written)
        yield alphabet[written], float(probabilities[written]), alphabet[other], float(probabilities[other])


def _legend(reading: Reading) -> str:
    """What the shades of a map mean."""
    bos = f"; {BOS} is the bos token, a blank" if reading.has_bos else ""
    return " ".join(f"{shade} {share:.0%}" for share, shade in SHADES[::-1]) + " or more" + bos


def _map(inspection: Inspection, focus: Focus, width: int) -> Iterator[str]:
    """Draw a heat map. A map wider than the terminal is cut into bands of columns; a band shows the rows that attend to it."""
    columns, rows = inspection.attended, inspection.written
    weights = inspection.weights(focus.layer, focus.head)
    band = max(width - LABEL_WIDTH, 10)
    for start in range(0, len(columns), band):
        yield " " * LABEL_WIDTH + "".join(columns[start : start + band])
        for char, row in zip(rows, weights[:, start : start + band].tolist(), strict=True):
            cells = "".join(next((shade for least, shade in SHADES if share >= least), " ") for share in row).rstrip()
            if cells or len(columns) <= band:
                yield f"{char:>{LABEL_WIDTH - 2}}  {cells}".rstrip()


def _probabilities(inspection: Inspection, width: int) -> Iterator[str]:
    """Write the probabilities, as many per line as fit."""
    cells = [
        f"{visible(char)} {100 * share:6.2f}%  {visible(other)} {100 * other_share:5.2f}%".ljust(PROBABILITY_WIDTH)
        for char, share, other, other_share in _likeliest(inspection)
    ]
    per_line = max(1, width // PROBABILITY_WIDTH)
    for start in range(0, len(cells), per_line):
        yield "".join(cells[start : start + per_line]).rstrip()


def _head_table(focuses: list[Focus], has_bos: bool) -> TextTable:
    """Tabulate what each head attends to most."""
    rows = []
    for focus in focuses:
        shares = [f"{focus.bos:.0%}"] * has_bos + [f"{focus.share:.0%}"]
        rows.append([f"{focus.layer + 1}.{focus.head + 1}", *shares, describe_distances(focus)])
    heads = ("head", *["bos"] * has_bos, "share", "most looked at")
    return TextTable(heads, rows, text_columns=range(len(heads)), prose=(len(heads) - 1,))


def _kernel_table(focuses: list[Focus], kernels: list[dict[str, Any]], axes: tuple[str, ...]) -> TextTable:
    """Tabulate the kernels of each head."""
    rows = []
    for focus in focuses:
        kernel = _kernel_of(focus, kernels)
        pairs = zip(kernel["centre"], kernel["strength"], strict=True)
        cells = [f"{centre:.2f} ×{strength:.2f}" if strength >= MIN_STRENGTH else "-" for centre, strength in pairs]
        rows.append([f"{focus.layer + 1}.{focus.head + 1}", f"{kernel['bos_logit']:.2f}", *cells])
    return TextTable(("head", "bos", *axes), rows, text_columns=range(2 + len(axes)))


def _kernel_of(focus: Focus, kernels: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the kernel of a head as lists."""
    return {name: array[focus.head].tolist() for name, array in kernels[focus.layer].items()}

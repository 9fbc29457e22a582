"""Make the pictures of the README: terminals, as SVG files that need no font and nothing else from a network.

    python docs/make_pictures.py              docs/pictures/working.svg, what `arithgpt calc --working` writes now
    python docs/make_pictures.py training     docs/pictures/training.svg too: trains an adder, measures it and proves it

The commands are really run, and what they print is drawn in a terminal of 80 columns. Those of `training` print to
a pipe: the last progress bar of a terminal would stay in the picture.
"""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
import tempfile
from contextlib import suppress
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
WIDTH = 80
SESSIONS = {
    "working": ['arithgpt calc --working "(12+34)*5-6/2" "4837*529" "7.5/1.2"'],
    "training": [
        "arithgpt train --task add --digits 8",
        "arithgpt eval --digits 1-8,100 --samples 200 --suite random",
        "arithgpt calc --run add-8 123+456 99999999999999999999+1",
        "arithgpt prove",
    ],
}
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own template without the font that it fetches from a network."""


def run(command: str, folder: str, in_terminal: bool) -> str:
    """Run a command.

    Args:
        command: as typed; `arithgpt` is the package that this interpreter imports
        folder: where it is run, and where it keeps its runs
        in_terminal: whether it prints to a terminal, with colours, or to a pipe

    Returns:
        What it printed, with the codes of its colours.

    Raises:
        CalledProcessError: its exit status is not 0
    """
    program, *arguments = shlex.split(command)
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "ARITHGPT_RUNS")}
    environment |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    screen, output = pty.openpty() if in_terminal else os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, env=environment
    )
    os.close(output)
    printed = b""
    with suppress(OSError):  # how Linux says that the other end of a terminal is closed
        while piece := os.read(screen, 1 << 16):
            printed += piece
    os.close(screen)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, command, printed)
    return printed.decode().replace("\r\n", "\n").strip("\n")


def draw(name: str, folder: str) -> str:
    """Run the commands of a picture one after the other, and draw the terminal as SVG."""
    console = Console(record=True, width=WIDTH, file=StringIO(), highlight=False)
    for number, command in enumerate(SESSIONS[name]):
        if number:
            console.print()
        console.print(Text(f"$ {command}", "bold"))
        console.print(Text.from_ansi(run(command, folder, in_terminal=name == "working")))
    return console.export_svg(title="arithgpt", code_format=FORMAT, unique_id=name)


def main(names: list[str]) -> None:
    """Make the pictures of these names; training happens in a folder that is removed."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (PICTURES / f"{name}.svg").write_text(draw(name, folder), "utf-8")
            print(PICTURES / f"{name}.svg")


if __name__ == "__main__":
    main(["working", *sys.argv[1:]])

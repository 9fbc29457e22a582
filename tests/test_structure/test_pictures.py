"""The pictures of the documents: each is shown somewhere, needs nothing from a network, and shows what is written now."""

import html
import re
import shlex
from pathlib import Path

import pytest
from helpers.command_line import Call
from helpers.paths import ROOT

from arithgpt.models import build_model
from arithgpt.proof.families.covered import load_provable
from arithgpt.training.callbacks import describe_model, describe_task
from arithgpt.training.init_weights import resolve

PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
MAX_BYTES = 60_000
CHARACTER_WIDTH, LINE_HEIGHT = 12.2, 24.4
"""Units of the picture, at a font size of 20."""
NAMESPACE = "http://www.w3.org/2000/svg"


def lines_of(picture: Path) -> list[str]:
    """The text in the terminal of a picture, line by line; each piece stands in the column of its x."""
    lines: dict[int, str] = {}
    for attributes, text in re.findall(r"<text ([^>]*clip-path[^>]*)>(.*?)</text>", picture.read_text("utf-8")):
        x, y = (float(re.findall(rf'\b{name}="([0-9.]+)"', attributes)[0]) for name in "xy")
        before = lines.get(int(y // LINE_HEIGHT), "")
        lines[int(y // LINE_HEIGHT)] = before.ljust(round(x / CHARACTER_WIDTH)) + html.unescape(text)
    return [lines.get(number, "").replace("\xa0", " ").rstrip() for number in range(max(lines) + 1)]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_a_picture_is_small_and_shown_and_fetches_nothing(picture: Path) -> None:
    text = picture.read_text("utf-8")
    assert len(text) < MAX_BYTES
    assert "url(#" in text
    assert not re.findall(r"@font-face|@import|<image|<script|href|url\((?!#)", text)
    assert "://" not in text.replace(NAMESPACE, "")
    assert any(f"pictures/{picture.name})" in document.read_text("utf-8") for document in DOCUMENTS)


def test_the_working_is_what_the_calculator_writes_now(new_arithgpt: Call) -> None:
    command, *shown = lines_of(ROOT / "docs" / "pictures" / "working.svg")
    dollar, *arguments = shlex.split(command)
    assert (dollar, arguments[:3]) == ("$", ["arithgpt", "calc", "--working"])
    done = new_arithgpt(*arguments[1:])
    assert done.returncode == 0
    written = [line.rstrip() for line in done.stdout.splitlines()]
    assert "\n".join(shown).strip() == "\n".join(written).strip()


def test_the_training_is_that_of_the_recipe_now() -> None:
    command, *shown = lines_of(ROOT / "docs" / "pictures" / "training.svg")
    assert command == "$ arithgpt train --task add --digits 8"
    recipe = resolve(load_provable(task="add", options={"task.digits": "1-8"}))
    n_parameters = build_model(recipe.model, recipe.alphabet, recipe.seed).n_params
    assert shown[:2] == [f"runs/add-8: {describe_task(recipe)}", describe_model(recipe, n_parameters)]
    assert shown[2].startswith(f"{recipe.train.max_steps} steps of {recipe.train.batch_size} problems")

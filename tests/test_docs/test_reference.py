"""docs/reference.md is what docs/make_reference.py makes of the code of today."""

import runpy

from helpers.documents.commands import options
from helpers.paths import ROOT

from arithgpt.cli import COMMANDS
from arithgpt.config.fields import recipe_fields

PAGE = ROOT / "docs" / "reference.md"


def test_the_reference_is_current() -> None:
    render = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["render"]
    assert render() == PAGE.read_text("utf-8"), "run: python docs/make_reference.py"


def test_the_reference_names_every_option_and_every_field() -> None:
    text = PAGE.read_text("utf-8")
    for name in COMMANDS:
        section = text.partition(f"### arithgpt {name}\n")[2].partition("\n### ")[0]
        missing = [option for option in options(name) - {"-h", "--help", "--import"} if f"{option}" not in section]
        assert missing == [], name
    assert [doc.name for doc in recipe_fields() if f"`{doc.name}`" not in text] == []

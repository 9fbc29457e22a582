"""The form of the documentation: marks are known, commands parse, wildcards leave something to check, links lead somewhere."""

import re
from pathlib import Path

import pytest
from helpers.documents.commands import options, parse
from helpers.documents.pages import MARKS, OPTIONS, PAGES, Block, Step, blocks, literal, matches
from helpers.paths import ROOT

from arithgpt.cli import COMMANDS

BLOCKS = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"console", "python", "text", "toml"}
STEPS = [(block, step) for block in BLOCKS if block.language == "console" for step in block.steps]
LEAST = 6
"""Characters of a shown output that are compared as they stand."""


def prose(page: Path) -> str:
    """The text of a page without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_blocks_have_known_languages_and_marks() -> None:
    for block in BLOCKS:
        assert block.language in LANGUAGES, block.place
        assert block.marks <= MARKS, block.place
        assert block.options.keys() <= OPTIONS, block.place
        if "file" in block.options:
            above = block.page.read_text("utf-8").splitlines()[: block.line - 1]
            assert f"`{block.options['file']}`" in "\n".join(above[-6:]), f"{block.place}: the text above names the file"


def test_what_is_no_command_has_none() -> None:
    for block in BLOCKS:
        if block.language in {"text", "toml"}:
            commands = [line for line in block.text.splitlines() if re.match(r"\s*(\$ |arithgpt )", line)]
            assert not commands, f"{block.place}: {commands[0]}: is a command; its block is ```console"


def test_every_command_line_parses() -> None:
    refused = {}
    for block, step in STEPS:
        if step.arguments is not None and block.options.get("status") != "2":
            try:
                parse(step.arguments)
            except Exception as error:  # of typer, or of click below older versions of typer
                refused[f"{block.place}: {step.command}"] = str(error) or repr(error)
    assert refused == {}


def test_output_leaves_something_to_compare() -> None:
    for block, step in STEPS:
        if step.output:
            rest = literal(step.output, "varies" in block.marks)
            assert len(rest) >= min(LEAST, len("".join(step.output.split()))), f"{block.place}: {step.command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_within_sentences_exist(page: Path) -> None:
    for span in re.findall(r"`(arithgpt [^`]+)`", prose(page)):
        _, name, *rest = span.split()
        if re.fullmatch("[a-z][a-z-]*", name):
            assert name in COMMANDS, span
            given = {word.partition("=")[0] for word in rest if re.match("--?[a-z]", word)}
            assert given <= options(name), span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match("[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.relative_to(ROOT)}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.relative_to(ROOT)}: {target}"


def test_a_page_is_read_in_blocks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n\n```console slow status=1\n$ echo a \\\n    b | cat\na b\n$ true\n```\n\n```text\n$\n```\n")
    first, second = blocks(page)
    assert first == Block(page, 3, "console", frozenset({"slow"}), {"status": "1"}, first.text)
    assert first.steps == [Step("echo a b | cat", "a b\n"), Step("true", "")]
    assert (second.language, second.line) == ("text", 10)


def test_commands_are_told_from_shell_lines() -> None:
    assert not Step('arithgpt calc "2*(3+4)" "1|2"', "").needs_shell
    piped = Step("echo 1+2 | arithgpt calc --quiet > out", "")
    assert piped.needs_shell
    assert piped.arguments == ["calc", "--quiet"]
    assert Step("pip list", "").arguments is None


@pytest.mark.parametrize(
    ("shown", "real", "varies", "same"),
    [
        ("a\nb\n", "a  \nb\n\n", False, True),
        ("a\nb\n", "a\n", False, False),
        ("1.5 s\n", "2.5 s\n", False, False),
        ("1.5 s\n", "1,222.75 s\n", True, True),
        ("1.5 s\n", "1.5 ms\n", True, False),
        ("a   10\n", "a  9\n", True, True),
        ("a\n...\nz\n", "a\nb\nc\nz\n", False, True),
        ("a\n...\nz\n", "a\nz\n", False, True),
        ("a\n...\nz\n", "b\nz\n", False, False),
        ("it took ... s\n", "it took 5 s\n", False, True),
        ("it took ... s\n", "it took 5 min\n", False, False),
        ("...\n", "", False, True),
        ("(a) [b]*\n", "(a) [b]*\n", False, True),
    ],
)
def test_output_is_compared_but_for_wildcards(shown: str, real: str, varies: bool, same: bool) -> None:
    assert matches(shown, real, varies) is same


def test_wildcards_do_not_count_as_compared() -> None:
    assert literal("ab 12 ... c", varies=False) == "ab12c"
    assert literal("ab 12 ... c", varies=True) == "abc"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no such command"),
        (["train", "--digts", "8"], "No such option"),
        (["train", "--steps", "many"], "valid int"),
        (["eval", "--samples", "0"], "range|greater"),
        (["calc", "--woking", "1+2"], "no such option: --woking"),
        (["export-data", "mul"], "Missing"),
        (["--bogus"], "--bogus"),
    ],
)
def test_a_wrong_command_line_is_found(arguments: list[str], message: str) -> None:
    with pytest.raises(Exception, match=message):
        parse(arguments)

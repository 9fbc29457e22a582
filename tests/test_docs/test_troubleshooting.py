"""Each message that docs/troubleshooting.md explains is one that the code prints."""

import ast
import re

import pytest
from helpers.documents.pages import PAGES
from helpers.paths import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
OWN_WORDS = {
    "It does not learn",
    "It is slow, or the memory is full",
    "A training loop of your own is slow",
    "No colours, or unreadable characters",
    "Ctrl-C",
    "arithgpt: command not found",
    "You are using a model of type `arithgpt` to instantiate a model of type ``",
}
"""Headings that describe what a person sees, or quote a message of a shell or of transformers."""
HEADINGS = re.findall(r"^### (.*)$", PAGE.read_text("utf-8"), flags=re.M)
MESSAGES = [heading for heading in HEADINGS if heading not in OWN_WORDS]


def texts_of_code() -> list[str]:
    """Every string of the packages; what is filled in is a zero byte, and a sentence may be of several strings."""
    found = []
    for package in ("tasks", "eval", "arithgpt"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    found.append(
                        "".join(
                            str(getattr(part, "value", "")) if isinstance(part, ast.Constant) else "\0" for part in node.values
                        )
                    )
    return found


TEXTS = texts_of_code()


def is_printed(message: str) -> bool:
    """Whether the parts of a message, without what differs, stand in strings of the code."""
    said = re.sub(r"^--[a-z-]+ \S+: ", "", message)  # the option and its value, which the command line adds
    parts = [part.strip(" ;,.:?'[]") for part in re.split(r"\.\.\.|; ", said)]
    return all(any(part in text for text in TEXTS) for part in parts if len(part) > 2)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_of_the_code(message: str) -> None:
    assert is_printed(message)


def test_a_message_that_nobody_prints_is_found() -> None:
    assert not is_printed("hides the module ... of arithgpt; rename it")
    assert PAGE in PAGES
    assert set(HEADINGS) >= OWN_WORDS
    assert len(MESSAGES) > 10

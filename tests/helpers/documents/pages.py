"""The pages of the documentation, their fenced blocks, and how real output is compared with what a page shows.

CONTRIBUTING.md describes the convention for writers.
"""

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from helpers.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXTRAS = {"hf": "transformers", "parquet": "pyarrow", "plot": "matplotlib", "rg": "reasoning_gym"}
"""Marks of blocks that need an extra, with the module it brings."""
MARKS = {"slow", "gpu", "network", "long", "varies", "output", *EXTRAS}
OPTIONS = {"file", "status"}
NUMBER = r"[0-9][0-9,]*(?:\.[0-9]+)?"
SHELL = set("|&;<>")
_FENCE = re.compile(r"^(```+)(.*)$")


@dataclass(frozen=True)
class Step:
    """A command of a block, and the output that the page shows for it."""

    command: str
    output: str

    @cached_property
    def words(self) -> list[str]:
        """The command as a shell reads it; operators such as | are words of their own."""
        lexer = shlex.shlex(self.command, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        return list(lexer)

    @property
    def needs_shell(self) -> bool:
        """Whether this is more than `arithgpt ARGUMENTS`."""
        return self.words[0] != "arithgpt" or any(set(word) <= SHELL for word in self.words)

    @cached_property
    def arguments(self) -> list[str] | None:
        """The arguments of `arithgpt` in this command; None where it does not call it."""
        if "arithgpt" not in self.words:
            return None
        rest = self.words[self.words.index("arithgpt") + 1 :]
        end = next((i for i, word in enumerate(rest) if set(word) <= SHELL), len(rest))
        return rest[:end]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    """The number of the line of the opening fence; the first line of a page is 1."""
    language: str
    marks: frozenset[str]
    options: dict[str, str]
    text: str

    @property
    def place(self) -> str:
        """Where the block is, as an editor reads it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @cached_property
    def steps(self) -> list[Step]:
        """The commands of a console block."""
        steps: list[Step] = []
        lines = iter(self.text.splitlines())
        for line in lines:
            if line.startswith("$ "):
                command = line[2:]
                while command.endswith("\\"):
                    command = command[:-1] + next(lines).strip()
                steps.append(Step(command, ""))
            else:
                assert steps, f"{self.place}: a console block begins with a command, after `$ `"
                steps[-1] = Step(steps[-1].command, f"{steps[-1].output}{line}\n")
        return steps


def blocks(page: Path) -> list[Block]:
    """Read the fenced blocks of a page."""
    found: list[Block] = []
    lines = page.read_text("utf-8").splitlines()
    number = 0
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        if opened is None:
            number += 1
            continue
        language, *info = opened[2].split() or [""]
        end = lines.index(opened[1], number + 1)
        options = dict(word.split("=", 1) for word in info if "=" in word)
        marks = frozenset(word for word in info if "=" not in word)
        text = "".join(f"{line}\n" for line in lines[number + 1 : end])
        found.append(Block(page, number + 1, language, marks, options, text))
        number = end + 1
    return found


def matches(shown: str, real: str, varies: bool = False) -> bool:
    """Compare the output that a page shows with the real one.

    Args:
        shown: a line `...` stands for any lines, and `...` within a line for any characters
        real: what was printed; spaces at ends of lines and empty lines at the end do not count
        varies: every number may be another one, and spaces between words may be more or fewer
    """
    pattern = "".join(_line_pattern(line.rstrip(), varies) for line in shown.rstrip().splitlines())
    got = "".join(f"{line.rstrip()}\n" for line in real.rstrip().splitlines())
    return re.fullmatch(pattern, got) is not None


def literal(shown: str, varies: bool = False) -> str:
    """Return what of an output is compared character by character, without spaces."""
    text = re.sub(NUMBER, "", shown) if varies else shown
    return "".join(text.replace("...", "").split())


def _line_pattern(line: str, varies: bool) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*?"
    return "".join(_part_pattern(part, varies) for part in re.split(r"(\.\.\.)", line)) + r"\n"


def _part_pattern(part: str, varies: bool) -> str:
    if part == "...":
        return ".*?"
    if not varies:
        return re.escape(part)
    pieces = re.split(rf"({NUMBER}|\s+)", part)
    return "".join(NUMBER if re.fullmatch(NUMBER, p) else r"\s+" if p.isspace() else re.escape(p) for p in pieces)

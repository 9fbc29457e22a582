"""Whether one node of a directed graph is reached from another, worked out by how far one gets along all edges at once.

    question    path ab,bc,ca,de:a>c
    page        001232>012042:0=01nnnn,012nnn,0120n2+$        reads yes

Nodes are the letters a to j, on the page the digits 0 to 9. Edges stand in columns: in `001232` from where they lead, in
`012042` to where. The first column is the node asked from and the last the one asked for, as if each led to itself. The node
asked from stands once more after `:`, a row of its own: it is what is reached without any edge.

Each row of the working has a character a column: the node to which it leads, if the node from which it leads stands in the row
before, else `n`. So a node that was reached stays so, as it can be reached again; each character takes one look at its column
and one at the row before; and the last column says whether the node asked for is reached. If it is, the row ends with `+`, else
with `-` if the row is the one before once more, and with `,` if not.

Problem by problem, as each row depends on the one before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np

from tasks import sizes
from tasks.core.named_task import EDGES_SHARE, Line, OneByOne
from tasks.core.options import parse_length_option
from tasks.core.question import Reader
from tasks.core.ragged import Ints
from tasks.core.scratchpad import Row
from tasks.sizes import ProblemSize, SizeRange
from tasks.task import STOP, AnswerKind, Problems

LETTERS = "abcdefghij"
MOST_NODES = len(LETTERS)
NOT, MORE, REACHED, STUCK = "n,+-"
_TO_PAGE, _FROM_PAGE = str.maketrans(LETTERS, "0123456789"), str.maketrans("0123456789", LETTERS)
_WRITTEN = re.compile("(?:[0-9][0-9n]*,)*[0-9][0-9n]*([+-])")


@dataclass(frozen=True)
class Path(OneByOne):
    """Options of `path`. ValueError names a field that is out of range."""

    nodes: str = "3-6"
    """How many nodes a graph in training has."""
    edges: str = "3-8"
    """How many edges; less where there are not as many between so few nodes."""
    long_path_share: float = 0.5
    """Of the problems in training, the share with a way through all nodes, asked from one of its ends to the other."""

    name: ClassVar[str] = "path"
    summary: ClassVar[str] = "whether a node of a directed graph is reached from another, worked out"
    example: ClassVar[str] = "path ab,bc,de:a>c"
    answer_format: ClassVar[str] = "`yes` or `no`"
    answer_kind: ClassVar[AnswerKind] = "text"
    size_names: ClassVar[tuple[str, str]] = ("nodes", "edges")
    piece: ClassVar[str] = "[^,+-]*[,+-]|[^,+-]+"
    version: ClassVar[int] = 2

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        most = MOST_NODES * (MOST_NODES - 1)
        sides = parse_length_option(self, "nodes", "3-6", MOST_NODES), parse_length_option(self, "edges", "3-6", most)
        found = tuple(Graphs(nodes.left, edges.left) for nodes in sides[0] for edges in sides[1])
        if not all(list(box) for box in found):
            raise ValueError(f"edges = {self.edges!r}: {POSSIBLE}, and nodes = {self.nodes!r}")
        return found

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """The largest graphs there are."""
        return [(MOST_NODES, edges) for edges in (MOST_NODES, 2 * MOST_NODES)]

    @property
    def alphabet(self) -> str:
        return "0123456789>:=" + NOT + MORE + REACHED + STUCK + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        cells = [list(box) for box in self.size_ranges]
        chosen = [cells[box][int(rng.random() * len(cells[box]))] for box in rng.integers(0, len(cells), n).tolist()]
        return self.posed([_graph(rng, *cell, long=rng.random() < self.long_path_share) for cell in chosen])

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: a way through all nodes, asked from one of its ends to the other."""
        if not _possible(cell):
            raise ValueError(f"{sizes.format_size(cell)}: {POSSIBLE}")
        return self.posed([_graph(rng, *cell, long=suite == "edges" and rng.random() < EDGES_SHARE) for _ in range(n)])

    def prompt(self, text: str) -> str:
        before, after = map("".join, zip(*_columns(text), strict=True))
        return f"{before}>{after}:{before[0]}="

    def working(self, text: str) -> str:
        columns = _columns(text)
        written, end = "", MORE
        row = columns[0][0].ljust(len(columns), NOT)
        while end == MORE:
            above, row = row, "".join(after if before in row else NOT for before, after in columns)
            end = REACHED if row[-1] != NOT else STUCK if row == above else MORE
            written += row + end
        return written

    def what(self, reader: Reader) -> str:
        edge = f"an edge of two of the nodes {LETTERS[0]} to {LETTERS[-1]}"
        edges = [reader.take(f"[{LETTERS}]{{2}}(?![a-z])", edge)]
        while reader.take("[,:]", ", and one more edge, or : and the question") == ",":
            edges.append(reader.take(f"[{LETTERS}]{{2}}(?![a-z])", edge))
        repeated = next((edge for k, edge in enumerate(edges) if edge in edges[:k] or edge[0] == edge[1]), None)
        if repeated:
            raise reader.fault(f"the edge {repeated} leads nowhere new or comes twice", reader.text.rindex(repeated))
        node = f"a node from {LETTERS[0]} to {LETTERS[-1]}"
        start = reader.take(f"[{LETTERS}]", node)
        reader.take(">", "> and a node")
        return f"{','.join(edges)}:{start}>{reader.take(f'[{LETTERS}]', node)}"

    def extract(self, written: str, question: str) -> str | None:
        match = _WRITTEN.fullmatch(written)
        return {REACHED: "yes", STUCK: "no"}[match[1]] if match else None

    def answer(self, question: str) -> str:
        edges, (start, goal) = self._parsed(question)
        reached = {start}
        for _ in LETTERS:
            reached |= {after for before, after in edges if before in reached}
        return "yes" if goal in reached else "no"

    def lines(self, question: str) -> list[Line]:
        edges, (start, goal) = self._parsed(question)
        ways = [(start, start), *edges, (goal, goal)]
        reached, gone, found = {start}, 1, []
        while True:
            why = f"the edges from {', '.join(sorted(reached))}"
            nodes = [str(LETTERS.index(after)) if before in reached else NOT for before, after in ways]
            can = [after for before, after in ways if before in reached]
            end = REACHED if goal in reached else STUCK if len(can) == gone else MORE
            found.append(Line("".join(nodes) + end, why))
            if end != MORE:
                return found
            reached, gone = {*can}, len(can)

    def _parsed(self, question: str) -> tuple[list[tuple[str, str]], tuple[str, str]]:
        edges, _, asked = self.asks(question).partition(":")
        start, goal = asked.split(">")
        return [(edge[0], edge[1]) for edge in edges.split(",")], (start, goal)

    def rows(self, question: str, written: str) -> list[Row]:
        """The edges from nodes that are reached, each in its column."""
        edges, (_, goal) = self._parsed(question)
        notes = {REACHED: f"{goal} is reached", STUCK: "nothing new"}
        found = []
        for line in self._pieces(written):
            nodes = line.rstrip(MORE + REACHED + STUCK).translate(_FROM_PAGE)
            befores = ["", *(before for before, _ in edges), *[""] * len(nodes)]
            cells = [".." if node == NOT else before + node for before, node in zip(befores, nodes, strict=False)]
            found.append(Row(" ".join(cells), "working", notes.get(line[-1], "")))
        return found

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The nodes that are named, and the edges."""
        text = problems.fields[0].values
        nodes = np.stack([(text == ord(letter)).any(axis=1) for letter in LETTERS]).sum(axis=0)
        return nodes, (text == ord(",")).sum(axis=1) + 1

    def can_hold_out(self, problems: Problems) -> np.ndarray:
        """Three edges and more can be named in many thousand ways."""
        return self.sizes_of(problems)[1] >= 3

    @property
    def split_rule(self) -> str:
        return super().split_rule.replace(f"{self.least_held_out} characters in all", "3 edges")


def _columns(text: str) -> list[tuple[str, str]]:
    """The columns of the page of a question without its name: from where and to where."""
    listed, _, asked = text.translate(_TO_PAGE).partition(":")
    return [(asked[0], asked[0]), *((edge[0], edge[1]) for edge in listed.split(",")), (asked[-1], asked[-1])]


class Graphs(SizeRange):
    """Only those cells of nodes and edges of which there are graphs."""

    def __iter__(self) -> Iterator[ProblemSize]:
        return (cell for cell in super().__iter__() if _possible(cell))

    def spread(self, n: int) -> list[ProblemSize]:
        return [cell for cell in super().spread(n) if _possible(cell)] or list(self)[-n:]


POSSIBLE = f"graphs of n nodes have from n - 1 to n (n - 1) edges, and from 2 to {MOST_NODES} nodes"


def _possible(cell: ProblemSize) -> bool:
    nodes, edges = cell
    return 2 <= nodes <= MOST_NODES and nodes - 1 <= edges <= nodes * (nodes - 1)


def _graph(rng: np.random.Generator, nodes: int, edges: int, *, long: bool) -> str:
    """A graph of just so many nodes and edges, none of them apart, and a question; `long`: along a way through all nodes."""
    order = rng.permutation(MOST_NODES)[:nodes].tolist()
    if long:
        found = list(pairwise(order))
        asked = (order[0], order[-1]) if rng.random() < 0.5 else (order[-1], order[0])
    else:
        pairs = [(order[int(rng.integers(0, k))], order[k]) for k in range(1, nodes)]
        found = [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs]
        asked = tuple(rng.choice(order, 2, replace=False).tolist())
    others = [(a, b) for a in order for b in order if a != b and (a, b) not in found]
    found += [others[k] for k in rng.permutation(len(others))[: edges - len(found)].tolist()]
    listed = ",".join(f"{LETTERS[a]}{LETTERS[b]}" for a, b in (found[k] for k in rng.permutation(len(found)).tolist()))
    return f"{listed}:{LETTERS[asked[0]]}>{LETTERS[asked[1]]}"

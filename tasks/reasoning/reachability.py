"""Tell whether a node of a directed graph is reached from another, worked out by following all edges at once.

    question    path ab,bc,ca,de:a>c
    page        001232>012042:0=01nnnn,012nnn,0120n2+$        reads yes

Nodes are the letters a to j; on the page they are the digits 0 to 9. Edges stand in columns: `001232` is where they start,
`012042` where they lead. The first column is the node asked from and the last the node asked for, as if each led to itself. The
node asked from stands once more after `:`, as a row of its own: it is what is reached without any edge.

Each row of the scratchpad has a character a column: the node to which the edge leads, if the node where it starts stands in the
row before, else `n`. So a node that was reached stays reached, because it can be reached again. Each character depends on its
column and on the row before. The last column says whether the node asked for is reached. If it is, the row ends with `+`. If it
is not, the row ends with `-` where it equals the row before, and with `,` where it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.core.named_task import EDGES_SHARE, PageByPageTask, ScratchpadLine
from tasks.core.question import Reader
from tasks.core.ragged import Ints
from tasks.core.scratchpad import Row
from tasks.page_grammar import COLUMN, DIGITS, EQUALS, NEGATIVE, STOP
from tasks.sizes import ProblemSize, SizeRange, parse_length_option
from tasks.task import AnswerKind, Problems

LETTERS = "abcdefghij"
MAX_NODES = len(LETTERS)
MAX_EDGES = MAX_NODES * (MAX_NODES - 1)
POSSIBLE = f"graphs of n nodes have from n - 1 to n (n - 1) edges, and from 2 to {MAX_NODES} nodes"
NOT_REACHED = NEGATIVE
MORE, REACHED, STUCK = ",+-"
"""The marks after a row: more rows follow; the node asked for is reached; no further node can be reached."""
_TO_PAGE, _FROM_PAGE = str.maketrans(LETTERS, DIGITS), str.maketrans(DIGITS, LETTERS)
_COMPLETION = re.compile("(?:[0-9][0-9n]*,)*[0-9][0-9n]*([+-])")


class Edge(NamedTuple):
    """An edge of a directed graph."""

    start: str
    end: str


@dataclass(frozen=True)
class Path(PageByPageTask):
    """Options of `path`. ValueError names a field that is out of range."""

    nodes: str = "3-6"
    """How many nodes a graph in training has."""
    edges: str = "3-8"
    """How many edges; fewer where so few nodes have fewer."""
    long_path_share: float = 0.5
    """The share of the problems in training with a path through all nodes, asked from one of its ends to the other."""

    name: ClassVar[str] = "path"
    summary: ClassVar[str] = "whether a node of a directed graph is reached from another, worked out"
    example: ClassVar[str] = "path ab,bc,de:a>c"
    answer_format: ClassVar[str] = "`yes` or `no`"
    answer_kind: ClassVar[AnswerKind] = "text"
    size_names: ClassVar[tuple[str, str]] = ("nodes", "edges")
    line_pattern: ClassVar[str] = "[^,+-]*[,+-]|[^,+-]+"
    version: ClassVar[int] = 2

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        nodes = parse_length_option(self, "nodes", "3-6", MAX_NODES)
        edges = parse_length_option(self, "edges", "3-6", MAX_EDGES)
        ranges = tuple(GraphSizes(node.left, edge.left) for node in nodes for edge in edges)
        if not all(list(size_range) for size_range in ranges):
            raise ValueError(f"edges = {self.edges!r}: {POSSIBLE}, and nodes = {self.nodes!r}")
        return ranges

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """The largest graphs there are."""
        return [ProblemSize(MAX_NODES, edges) for edges in (MAX_NODES, 2 * MAX_NODES)]

    @property
    def alphabet(self) -> str:
        return DIGITS + ">" + COLUMN + EQUALS + NOT_REACHED + MORE + REACHED + STUCK + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        sizes_of_range = [list(size_range) for size_range in self.size_ranges]
        chosen = (sizes_of_range[index] for index in rng.integers(0, len(sizes_of_range), n).tolist())
        graph_sizes = [possible[int(rng.random() * len(possible))] for possible in chosen]
        return self.problems_from(
            [_sample_graph(rng, *size, long_path=rng.random() < self.long_path_share) for size in graph_sizes]
        )

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one size; `edges`: most have a path through all nodes, asked from end to end."""
        if not _is_possible(size):
            raise ValueError(f"{sizes.format_size(size)}: {POSSIBLE}")
        is_edges = suite == "edges"
        return self.problems_from(
            [_sample_graph(rng, *size, long_path=is_edges and rng.random() < EDGES_SHARE) for _ in range(n)]
        )

    def prompt_of(self, argument: str) -> str:
        columns = _page_columns(argument)
        starts, ends = "".join(edge.start for edge in columns), "".join(edge.end for edge in columns)
        return f"{starts}>{ends}{COLUMN}{starts[0]}{EQUALS}"

    def scratchpad_of(self, argument: str) -> str:
        columns = _page_columns(argument)
        completion, mark = "", MORE
        row = columns[0].start.ljust(len(columns), NOT_REACHED)
        while mark == MORE:
            above, row = row, "".join(edge.end if edge.start in row else NOT_REACHED for edge in columns)
            mark = REACHED if row[-1] != NOT_REACHED else STUCK if row == above else MORE
            completion += row + mark
        return completion

    def parse_argument(self, reader: Reader) -> str:
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

    def extract(self, completion: str, question: str) -> str | None:
        match = _COMPLETION.fullmatch(completion)
        return {REACHED: "yes", STUCK: "no"}[match[1]] if match else None

    def answer(self, question: str) -> str:
        edges, start, goal = self._graph(question)
        reached = {start}
        for _ in LETTERS:
            reached |= {edge.end for edge in edges if edge.start in reached}
        return "yes" if goal in reached else "no"

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        edges, start, goal = self._graph(question)
        columns = [Edge(start, start), *edges, Edge(goal, goal)]
        reached, n_followed, lines = {start}, 1, []
        while True:
            why = f"the edges from {', '.join(sorted(reached))}"
            row = "".join(str(LETTERS.index(edge.end)) if edge.start in reached else NOT_REACHED for edge in columns)
            followed = [edge.end for edge in columns if edge.start in reached]
            mark = REACHED if goal in reached else STUCK if len(followed) == n_followed else MORE
            lines.append(ScratchpadLine(row + mark, why))
            if mark != MORE:
                return lines
            reached, n_followed = set(followed), len(followed)

    def _graph(self, question: str) -> tuple[list[Edge], str, str]:
        """Return the edges, the node asked from and the node asked for."""
        listed, _, asked = self.argument(question).partition(":")
        start, goal = asked.split(">")
        return [Edge(edge[0], edge[1]) for edge in listed.split(",")], start, goal

    def render_lines(self, question: str, completion: str) -> list[Row]:
        """Draw the edges from nodes that are reached, each in its column."""
        edges, _, goal = self._graph(question)
        notes = {REACHED: f"{goal} is reached", STUCK: "nothing new"}
        rows = []
        for line in self.split_lines(completion):
            nodes = line.rstrip(MORE + REACHED + STUCK).translate(_FROM_PAGE)
            starts = ["", *(edge.start for edge in edges), *[""] * len(nodes)]
            cells = [".." if node == NOT_REACHED else start + node for start, node in zip(starts, nodes, strict=False)]
            rows.append(Row(" ".join(cells), "working", notes.get(line[-1], "")))
        return rows

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The nodes that are named, and the edges."""
        text = problems.fields[0].values
        nodes = np.stack([(text == ord(letter)).any(axis=1) for letter in LETTERS]).sum(axis=0)
        return nodes, (text == ord(",")).sum(axis=1) + 1

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        """Three edges and more can be named in many thousand ways."""
        _, edges = self.sizes_of(problems)
        return edges >= 3

    @property
    def split_rule(self) -> str:
        return super().split_rule.replace(f"{self.min_held_out_length} characters in all", "3 edges")


class GraphSizes(SizeRange):
    """The sizes in a range of nodes and a range of edges for which graphs exist."""

    def __iter__(self) -> Iterator[ProblemSize]:
        return (size for size in super().__iter__() if _is_possible(size))

    def spread(self, n: int) -> list[ProblemSize]:
        return [size for size in super().spread(n) if _is_possible(size)] or list(self)[-n:]


def _is_possible(size: ProblemSize) -> bool:
    nodes, edges = size
    return 2 <= nodes <= MAX_NODES and nodes - 1 <= edges <= nodes * (nodes - 1)


def _page_columns(argument: str) -> list[Edge]:
    """Return the columns of a page, with the digits of the page for nodes."""
    listed, _, asked = argument.translate(_TO_PAGE).partition(":")
    edges = [Edge(edge[0], edge[1]) for edge in listed.split(",")]
    return [Edge(asked[0], asked[0]), *edges, Edge(asked[-1], asked[-1])]


def _sample_graph(rng: np.random.Generator, nodes: int, edges: int, *, long_path: bool) -> str:
    """Sample the argument of a question about a connected graph.

    Args:
        rng: the source of all random numbers
        nodes: how many nodes the graph has
        edges: how many edges it has
        long_path: there is a path through all nodes, and the question is about its ends
    """
    order: list[int] = rng.permutation(MAX_NODES)[:nodes].tolist()
    if long_path:
        pairs = list(pairwise(order))
        start, goal = (order[0], order[-1]) if rng.random() < 0.5 else (order[-1], order[0])
    else:
        tree = [(order[int(rng.integers(0, k))], order[k]) for k in range(1, nodes)]
        pairs = [pair if rng.random() < 0.5 else (pair[1], pair[0]) for pair in tree]
        start, goal = rng.choice(order, 2, replace=False).tolist()
    others = [(a, b) for a in order for b in order if a != b and (a, b) not in pairs]
    pairs += [others[k] for k in rng.permutation(len(others))[: edges - len(pairs)].tolist()]
    shuffled = (pairs[k] for k in rng.permutation(len(pairs)).tolist())
    listed = ",".join(f"{LETTERS[a]}{LETTERS[b]}" for a, b in shuffled)
    return f"{listed}:{LETTERS[start]}>{LETTERS[goal]}"

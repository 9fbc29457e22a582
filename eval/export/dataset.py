"""Problems as a data set: a row for each problem, each problem once, with its answer by Python's integers and its working.

    {"question": "123*45", "answer": "5535", "page": "321*54=5:5160_5160;4!2940_53550$", "prompt": "321*54=",
     "working": "  123\\n * 45\\n-----\\n ...", "metadata": {"task": "mul", "version": 1, "left_digits": 3, "right_digits": 2,
     "suite": "training", "seed": 0}, "split": "train"}

Rows are made a few at a time, so a file of millions needs little memory. A smaller export is the beginning of a larger one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from eval.solver import MissingExtra
from tasks import NO_SIZE, Problems, ProblemSize, Task, drawn
from tasks.core.ragged import Ragged
from tasks.sizes import field_names
from tasks.splits import fingerprint

MAX_ROWS = 10_000_000
CHUNK = 1024
"""Problems that are drawn together."""
ROW_GROUP = 65_536
"""Rows of a Parquet file that are compressed together."""
MAX_IDLE_CHUNKS = 20
"""After so many chunks without a new problem, there are no more."""
TRAINING = "training"
"""The name in place of a suite's, for problems that are drawn as in training."""

Source: TypeAlias = Literal["train", "held-out", "test"]
Row: TypeAlias = dict[str, Any]


@dataclass
class Tally:
    """What has been written so far, for the data card."""

    counts: Counter[tuple[ProblemSize, str]] = field(default_factory=Counter)
    """Rows by size and split."""
    samples: list[Row] = field(default_factory=list)
    """The first row."""
    sha256: Any = field(default_factory=hashlib.sha256)
    """The hash of the file."""
    size: int = 0
    """Bytes of the file."""

    @property
    def rows(self) -> int:
        """How many rows have been written."""
        return sum(self.counts.values())

    def add_row(self, size: ProblemSize, row: Row) -> None:
        """Count a row."""
        self.counts[size, row["split"]] += 1
        if not self.samples:
            self.samples.append(row)

    def add_bytes(self, data: bytes) -> bytes:
        """Count a piece of the file, and return it."""
        self.sha256.update(data)
        self.size += len(data)
        return data


@dataclass(frozen=True)
class Export:
    """Which problems are exported.

    Raises:
        ValueError: a field is out of range; the message names it.
    """

    task: Task
    n: int | None
    """Rows; None: all problems of a suite that comes as a whole."""
    split: Source = "train"
    """"train" and "held-out" are drawn as in training. "test" are the problems of a suite, held out where any can be."""
    suite: str | None = None
    """The suite of "test"; None: random."""
    sizes: Sequence[ProblemSize] | None = None
    """The sizes of "test"; None: those of training."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n is not None and not 1 <= self.n <= MAX_ROWS:
            raise ValueError(f"n = {self.n}: must be from 1 to {MAX_ROWS:,}")
        if self.split not in get_args(Source):
            raise ValueError(f"split = {self.split!r}: must be {', '.join(get_args(Source))}")
        if self.seed < 0:
            raise ValueError(f"seed = {self.seed}: must be at least 0")
        if self.suite is not None and self.split != "test":
            raise ValueError(f"suite = {self.suite!r}: only with the split test; {self.split} is drawn as in training")
        if self.split == "test" and not self._subtasks:
            known = dict.fromkeys(suite for subtask in self.task.subtasks.values() for suite in subtask.suites)
            raise ValueError(f"suite = {self.suite!r}: task {self.task.name} has {', '.join(known)}")
        if self.n is None and not (
            self.split == "test" and all(self.suite in subtask.complete_suites for subtask in self._subtasks)
        ):
            raise ValueError("n is missing: how many problems; only a suite that comes as a whole does without")

    @property
    def _subtasks(self) -> list[Task]:
        """The tasks that have the suite."""
        return [subtask for subtask in self.task.subtasks.values() if (self.suite or "random") in subtask.suites]

    def rows(self, tally: Tally | None = None) -> Iterator[Row]:
        """Yield every row, in order.

        Args:
            tally: Counts the rows.

        Raises:
            ValueError: there are fewer than n different problems; raised after the last one.
        """
        tally, count = tally or Tally(), 0
        left, right = field_names(self.task.size_names)
        for task, problems in self._problems():
            for row in self._rows_of(task, problems):
                metadata = row["metadata"]
                tally.add_row(ProblemSize(metadata[left] or 0, metadata[right] or 0), row)
                yield row
            count += len(problems)
        if self.n is not None and count < self.n:
            raise ValueError(f"n = {self.n}: there are only {count:,} different problems of these lengths")

    def _problems(self) -> Iterator[tuple[Task, Problems]]:
        """Different problems in chunks, each chunk with its task."""
        if self.split == "test":
            yield from self._test_problems()
        else:
            yield from self._training_problems(self.split)

    def _training_problems(self, split: Literal["train", "held-out"]) -> Iterator[tuple[Task, Problems]]:
        """Problems drawn as in training, each once."""
        assert self.n is not None
        known: set[int] = set()
        step = idle = 0
        while len(known) < self.n and idle < MAX_IDLE_CHUNKS:
            try:
                problems = self.task.stream(CHUNK, seed=self.seed, split=split, rank=0, step=step)
            except ValueError:
                raise ValueError(f"split = {self.split!r}: there are no such problems of these lengths") from None
            new = []
            for row, key in enumerate(fingerprint(Ragged.from_strings(self.task.questions(problems))).tolist()):
                if key not in known and len(known) < self.n:
                    known.add(key)
                    new.append(row)
            step, idle = step + 1, 0 if new else idle + 1
            if new:
                yield self.task, problems[np.array(new)]

    def _test_problems(self) -> Iterator[tuple[Task, Problems]]:
        """The problems of `Task.test`, as many of each size; where a short size has too few, longer ones have more."""
        asked = [(subtask, size) for subtask in self._subtasks for size in self._sizes_of(subtask)]
        asked.sort(key=lambda pair: sum(pair[1]))
        missing = self.n
        for index, (subtask, size) in enumerate(asked):
            share = CHUNK if missing is None else -(-missing // (len(asked) - index))
            if share == 0:
                return
            problems = subtask.test(share, size, seed=self.seed, suite=self.suite or "random")
            if missing is not None:
                problems = problems[:share]
                missing -= len(problems)
            for start in range(0, len(problems), CHUNK):
                yield subtask, problems[start : start + CHUNK]

    def _sizes_of(self, subtask: Task) -> Sequence[ProblemSize]:
        """The sizes that a task is asked."""
        if self.sizes is not None:
            return self.sizes
        return list(dict.fromkeys(size for size_range in subtask.size_ranges for size in size_range))

    def _rows_of(self, task: Task, problems: Problems) -> Iterator[Row]:
        """The rows of one chunk. Each page is read back and must give the answer computed from the question."""
        pages, questions = task.pages(problems), task.questions(problems)
        held_out, can_hold_out = task.held_out(problems).tolist(), task.can_hold_out(problems).tolist()
        sizes = zip(*(side.tolist() for side in task.sizes_of(problems)), strict=True)
        suite = (self.suite or "random") if self.split == "test" else TRAINING
        names = field_names(self.task.size_names)
        columns = zip(pages.texts(), pages.prompt.tolist(), questions, sizes, held_out, can_hold_out, strict=True)
        for page, prompt_length, question, size, is_held_out, can_be in columns:
            written, answer = page[prompt_length:-1], task.answer(question)
            assert task.extract(written, question) == answer, (question, page)
            lengths = dict(zip(names, size if size != NO_SIZE else (None, None), strict=True))
            metadata = {"task": task.name, "version": task.version, **lengths, "suite": suite, "seed": self.seed}
            yield {
                "question": task.question_text(question),
                "answer": answer,
                "page": page,
                "prompt": page[:prompt_length],
                "working": drawn(task.render(question, written)),
                "metadata": metadata,
                "split": "held-out" if is_held_out else "train" if can_be else "seen",
            }


def jsonl(export: Export, tally: Tally) -> Iterator[bytes]:
    """Yield the file in pieces, a JSON object on each line.

    Raises:
        ValueError: as from `Export.rows`.
    """
    lines: list[str] = []
    for row in export.rows(tally):
        lines.append(json.dumps(row))
        if len(lines) == CHUNK:
            yield tally.add_bytes("\n".join([*lines, ""]).encode("ascii"))
            lines = []
    if lines:
        yield tally.add_bytes("\n".join([*lines, ""]).encode("ascii"))


def parquet(export: Export, tally: Tally) -> Iterator[bytes]:
    """Yield a Parquet file of the same rows in pieces.

    Raises:
        MissingExtra: pyarrow is not installed.
        ValueError: as from `Export.rows`.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("parquet") from None
    text, number = pa.string(), pa.int64()
    left, right = field_names(export.task.size_names)
    metadata = {"task": text, "version": number, left: number, right: number, "suite": text, "seed": number}
    texts = dict.fromkeys(("question", "answer", "page", "prompt", "working"), text)
    schema = pa.schema(texts | {"metadata": pa.struct(list(metadata.items())), "split": text})
    buffer, rows = _Buffer(), export.rows(tally)
    with pq.ParquetWriter(buffer, schema, compression="zstd") as writer:
        while group := [row for _, row in zip(range(ROW_GROUP), rows, strict=False)]:
            writer.write_table(pa.Table.from_pylist(group, schema))
            yield tally.add_bytes(buffer.take())
    yield tally.add_bytes(buffer.take())


WRITERS = {".jsonl": jsonl, ".parquet": parquet}
"""How a file is written, by its suffix."""


class _Buffer:
    """A file for pyarrow that keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.position = 0

    def write(self, data: bytes) -> int:
        self.written.append(bytes(data))
        self.position += len(self.written[-1])
        return len(self.written[-1])

    def tell(self) -> int:
        return self.position

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        """Return what has been written since the last call."""
        data = b"".join(self.written)
        self.written = []
        return data

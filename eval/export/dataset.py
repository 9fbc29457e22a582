"""Problems as a data set: one row a problem, each once, with its answer by Python's integers and its working.

    {"question": "123*45", "answer": "5535", "page": "321*54=5:5160_5160;4!2940_53550$", "prompt": "321*54=",
     "working": "  123\\n * 45\\n-----\\n ...", "metadata": {"task": "mul", "version": 1, "left_digits": 3, "right_digits": 2,
     "suite": "training", "seed": 0}, "split": "train"}

Rows are made a few at a time, so a file of millions needs little memory. The first rows of a larger export are a smaller one.
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
from tasks import Problems, ProblemSize, Task, drawn, sizes
from tasks.core.ragged import Ragged
from tasks.sizes import NO_SIZE
from tasks.splits import fingerprint

MAX_ROWS = 10_000_000
CHUNK = 1024  # problems drawn together
ROW_GROUP = 65_536  # rows of a Parquet file that are compressed together
MAX_IDLE_CHUNKS = 20
TRAINING = "training"
"""Stands in the place of a suite's name for problems drawn as training draws them."""

Source: TypeAlias = Literal["train", "held-out", "test"]
Row: TypeAlias = dict[str, Any]


@dataclass
class Tally:
    """What has been written so far, for the data card."""

    counts: Counter[tuple[ProblemSize, str]] = field(default_factory=Counter)
    """Rows by lengths and split."""
    samples: list[Row] = field(default_factory=list)
    sha256: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    """Bytes."""

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Export:
    """Which problems. ValueError names a field that is out of range."""

    task: Task
    n: int | None
    """Rows; None takes all of a fixed suite."""
    split: Source = "train"
    """train and held-out: drawn as in training; test: those of a suite, held out where any of their lengths can be."""
    suite: str | None = None
    """Of `test`; None is random."""
    cells: Sequence[ProblemSize] | None = None
    """Of `test`: the lengths to ask; None is those of training."""
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
        if self.split == "test" and not self._parts:
            known = dict.fromkeys(suite for part in self.task.subtasks.values() for suite in part.suites)
            raise ValueError(f"suite = {self.suite!r}: task {self.task.name} has {', '.join(known)}")
        if self.n is None and not (self.split == "test" and all(self.suite in part.complete_suites for part in self._parts)):
            raise ValueError("n is missing: how many problems; only a suite that comes as a whole does without")

    @property
    def _parts(self) -> list[Task]:
        """The tasks that have the suite."""
        return [part for part in self.task.subtasks.values() if (self.suite or "random") in part.suites]

    def rows(self, tally: Tally | None = None) -> Iterator[Row]:
        """Every row, in order. ValueError after the last one where there are fewer different problems than n."""
        tally, found = tally or Tally(), 0
        left, right = sizes.field_names(self.task.size_names)
        for task, problems in self._problems():
            for row in self._as_rows(task, problems):
                about = row["metadata"]
                cell = about[left] or 0, about[right] or 0
                tally.counts[cell, row["split"]] += 1
                if len(tally.samples) < 1:
                    tally.samples.append(row)
                yield row
            found += len(problems)
        if self.n is not None and found < self.n:
            raise ValueError(f"n = {self.n}: there are only {found:,} different problems of these lengths")

    def _problems(self) -> Iterator[tuple[Task, Problems]]:
        yield from self._suite() if self.split == "test" else self._stream()

    def _stream(self) -> Iterator[tuple[Task, Problems]]:
        """As in training, each problem once."""
        assert self.n is not None
        seen: set[int] = set()
        step = idle = 0
        while len(seen) < self.n and idle < MAX_IDLE_CHUNKS:
            try:
                problems = self.task.stream(CHUNK, seed=self.seed, split=self.split, rank=0, step=step)
            except ValueError:
                raise ValueError(f"split = {self.split!r}: there are no such problems of these lengths") from None
            new = []
            for row, key in enumerate(fingerprint(Ragged.from_strings(self.task.questions(problems))).tolist()):
                if key not in seen and len(seen) < self.n:
                    seen.add(key)
                    new.append(row)
            step, idle = step + 1, 0 if new else idle + 1
            if new:
                yield self.task, problems[np.array(new)]

    def _suite(self) -> Iterator[tuple[Task, Problems]]:
        """The problems of `Task.test`, evenly of all lengths; what short ones lack, longer ones give."""
        asked = [(part, cell) for part in self._parts for cell in self._cells(part)]
        asked.sort(key=lambda one: sum(one[1]))
        left = self.n
        for k, (part, cell) in enumerate(asked):
            share = CHUNK if left is None else -(-left // (len(asked) - k))
            if share == 0:
                return
            problems = part.test(share, cell, seed=self.seed, suite=self.suite or "random")
            if left is not None:
                problems = problems[:share]
                left -= len(problems)
            for start in range(0, len(problems), CHUNK):
                yield part, problems[start : start + CHUNK]

    def _cells(self, part: Task) -> Sequence[ProblemSize]:
        return list(dict.fromkeys(cell for box in part.size_ranges for cell in box)) if self.cells is None else self.cells

    def _as_rows(self, task: Task, problems: Problems) -> Iterator[Row]:
        pages, questions = task.pages(problems), task.questions(problems)
        kept, can = task.held_out(problems).tolist(), task.can_hold_out(problems).tolist()
        sides = zip(*(side.tolist() for side in task.sizes_of(problems)), strict=True)
        suite = (self.suite or "random") if self.split == "test" else TRAINING
        columns = zip(pages.texts(), pages.prompt.tolist(), questions, sides, kept, can, strict=True)
        for page, prompt, question, cell, is_kept, can_be in columns:
            written, answer = page[prompt:-1], task.answer(question)
            assert task.extract(written, question) == answer, (question, page)
            about = dict(zip(sizes.field_names(self.task.size_names), cell if cell != NO_SIZE else (None, None), strict=True))
            yield {
                "question": task.question_text(question),
                "answer": answer,
                "page": page,
                "prompt": page[:prompt],
                "working": drawn(task.render(question, written)),
                "metadata": {
                    "task": task.name,
                    "version": task.version,
                    **about,
                    "suite": suite,
                    "seed": self.seed,
                },
                "split": "held-out" if is_kept else "train" if can_be else "seen",
            }


def jsonl(export: Export, tally: Tally) -> Iterator[bytes]:
    """The file in pieces, a JSON object a line. ValueError as from `Export.rows`."""
    lines: list[str] = []
    for row in export.rows(tally):
        lines.append(json.dumps(row))
        if len(lines) == CHUNK:
            yield _counted("\n".join([*lines, ""]).encode("ascii"), tally)
            lines = []
    if lines:
        yield _counted("\n".join([*lines, ""]).encode("ascii"), tally)


def parquet(export: Export, tally: Tally) -> Iterator[bytes]:
    """The same rows as a Parquet file in pieces. MissingExtra without pyarrow; ValueError as from `Export.rows`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("parquet") from None
    text, number = pa.string(), pa.int64()
    left, right = sizes.field_names(export.task.size_names)
    about = {"task": text, "version": number, left: number, right: number, "suite": text, "seed": number}
    texts = dict.fromkeys(("question", "answer", "page", "prompt", "working"), text)
    schema = pa.schema(texts | {"metadata": pa.struct(list(about.items())), "split": text})
    pieces, rows = _Pieces(), export.rows(tally)
    with pq.ParquetWriter(pieces, schema, compression="zstd") as writer:
        while group := [row for _, row in zip(range(ROW_GROUP), rows, strict=False)]:
            writer.write_table(pa.Table.from_pylist(group, schema))
            yield _counted(pieces.taken(), tally)
    yield _counted(pieces.taken(), tally)


FORMS = {".jsonl": jsonl, ".parquet": parquet}
"""How a file is written, by its ending."""


class _Pieces:
    """What pyarrow needs of a file; keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.at = 0

    def write(self, data: bytes) -> int:
        self.written.append(bytes(data))
        self.at += len(self.written[-1])
        return len(self.written[-1])

    def tell(self) -> int:
        return self.at

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def taken(self) -> bytes:
        data = b"".join(self.written)
        self.written = []
        return data


def _counted(piece: bytes, tally: Tally) -> bytes:
    tally.sha256.update(piece)
    tally.size += len(piece)
    return piece

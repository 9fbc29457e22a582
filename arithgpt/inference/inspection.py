"""A page that a run wrote, with all that its heads attended to: what `arithgpt inspect` and `Run.attention` show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference.attention import MAX_PAGE, Focus, Reading, focuses, heads_of, read_page
from arithgpt.inference.gpt_solver import GPTSolver, Prompted
from arithgpt.models.gpt import GPT
from arithgpt.run_folder import RunFolder
from eval.reports.figures import Picture, attention_figure
from tasks import STOP, QuestionError

BOS = "∘"
VISIBLE = {" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"}


def visible(char: str) -> str:
    """Replace a character that cannot be seen."""
    return VISIBLE.get(char, char if char.isprintable() else "�")


def describe_distances(focus: Focus) -> str:
    """Write the distance on the page that a head attends to most, as in "place 0, number -1"; "-" where there is none."""
    return ", ".join(f"{axis} {f'{distance:+g}' if distance else '0'}" for axis, distance in focus.looks_at) or "-"


@dataclass(frozen=True)
class Inspection:
    """A page, and the attention of each head for each character that was written on it."""

    about: dict[str, Any]
    """`run` and `question`; where a question was asked also `answer`, `expected` and `correct`."""
    model: GPT = field(repr=False)
    reading: Reading = field(repr=False)
    prompt_length: int
    """How many characters of the page were given."""

    @property
    def page(self) -> str:
        """The whole page, the prompt first."""
        return "".join(self.model.alphabet[i] for i in self.reading.ids.tolist())

    @property
    def heads(self) -> list[tuple[int, int]]:
        """Every head as (layer, head), both counted from 0."""
        return [(layer, head) for layer, n_head in enumerate(heads_of(self.model)) for head in range(n_head)]

    @property
    def written(self) -> list[str]:
        """The W characters that were written, each as one that can be seen."""
        return [visible(self.model.alphabet[i]) for i in self.reading.written.tolist()]

    @property
    def attended(self) -> list[str]:
        """The K characters that can be attended to, each as one that can be seen; BOS stands for the bos token."""
        return [BOS] * self.reading.has_bos + [visible(self.model.alphabet[i]) for i in self.reading.ids[:-1].tolist()]

    def weights(self, layer: int, head: int) -> NDArray[np.floating]:
        """Return the attention of a head, both counted from 0: (W, K), each row with the sum 1.

        Raises:
            UserError: there is no such head
        """
        if (layer, head) not in self.heads:
            raise UserError(f"layer = {layer!r}, head = {head!r}: must be from 0, 0 to {', '.join(map(str, self.heads[-1]))}")
        return self.reading.attention[layer][head]

    def to_pandas(self) -> pd.DataFrame:
        """Return a row for each head: the distance on the page that it attends to most, and the share of attention there."""
        return pd.DataFrame(
            {
                "head": f"{focus.layer + 1}.{focus.head + 1}",
                "attends to": describe_distances(focus),
                "share": focus.share,
            }
            for focus in focuses(self.reading)
        )

    def plot(self, heads: list[tuple[int, int]] | None = None) -> Picture:
        """Draw a map for each head: a row for each character written, a column for each one that can be attended to.

        Args:
            heads: (layer, head), both counted from 0, one at least; None for all

        Raises:
            UserError: there is no such head
            MissingExtra: matplotlib is not installed
        """
        title = f"{self.about['run']}: {self.about['question']}"
        drawn = self.heads if heads is None else self._check_heads(heads)
        maps = {f"layer {layer + 1}, head {head + 1}": self.weights(layer, head) for layer, head in drawn}
        return Picture([attention_figure(title, maps, self.written, self.attended)])

    def _check_heads(self, heads: Any) -> list[tuple[int, int]]:
        """Return the heads as a list. UserError where there is none, or one that the model has not."""
        pairs = [tuple(pair) if isinstance(pair, Sequence) else pair for pair in heads] if isinstance(heads, Iterable) else []
        if not pairs or not all(pair in self.heads for pair in pairs):
            allowed = f"must be pairs of layer and head, one at least, from (0, 0) to {self.heads[-1]}; None for all"
            raise UserError(allowed, "heads", heads)
        return pairs

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        return self.plot()._repr_png_()


def check_has_attention(run: RunFolder) -> None:
    """Check that the model of a run is a GPT, whose attention is over one page.

    Raises:
        UserError: it is of another architecture
    """
    config = run.recipe.model
    if config.reads_question:
        raise UserError(f"run {run.name}: its model is an encoder-decoder, which has no one page to look at; only a GPT has")
    if not config.attends:
        raise UserError(f"run {run.name}: its model is {config.arch.upper()}, which has no attention to look at")


def inspect_page(run: RunFolder, model: Any, typed: str) -> Inspection:
    """Let a GPT answer a question, or read a text, and record its attention.

    Args:
        run: the folder of the run
        model: its model, a torch module in eval mode
        typed: a question as a person types it; the text to read for a run of a text

    Raises:
        QuestionError: the question cannot be understood, or its page is too long to be inspected
        UserError: the text to read is too short or too long, or the model is not a GPT of torch
    """
    check_has_attention(run)
    if not isinstance(model, GPT):
        raise UserError(f"run {run.name}: attention is recorded with torch only; load the run with device='cpu'")
    about, ids, prompt_length = _write_page(run, model, typed)
    try:
        reading = read_page(model, ids, prompt_length)
    except ValueError as error:
        raise UserError(f"{typed[:40]!r}: {error}") from None
    return Inspection(about, model, reading, prompt_length)


def _write_page(run: RunFolder, model: Any, typed: str) -> tuple[dict[str, Any], NDArray[np.int64], int]:
    """Let the model answer a question, or take the text to read.

    Returns:
        What is known of the question and its answer, the ids of the page (T,), and how many of them were given.
    """
    if run.recipe.text:
        ids = run.recipe.text.encode(typed)
        if not 2 <= len(ids) <= run.recipe.text.context:
            raise UserError(
                f"{typed[:40]!r}: must be from 2 to the {run.recipe.text.context} characters of a page, not {len(ids)}"
            )
        return {"run": run.name, "question": typed}, ids, 1
    task = run.recipe.problems
    question = task.parse(typed)
    group = Prompted(task.subtask_of(question), [question], model.max_length)
    [prompt], completion = group.prompts.to_strings(), ""
    for char in GPTSolver(run.name, model, task).stream(group) if len(prompt) < MAX_PAGE else STOP:
        completion += char
        if len(prompt) + len(completion) > MAX_PAGE:
            raise QuestionError(f"needs a page of more than the {MAX_PAGE} characters that can be inspected", typed, 0)
    if not completion:
        raise QuestionError("needs a longer page than its positions have room for", typed, 0)
    answer = task.extract(completion.rstrip(STOP), question) if completion.endswith(STOP) else None
    expected = task.answer(question)
    about = {"run": run.name, "question": question, "answer": answer, "expected": expected, "correct": answer == expected}
    ids = Tokenizer(model.alphabet).encode(np.frombuffer((prompt + completion).encode("ascii"), np.uint8))
    return about, ids, len(prompt)

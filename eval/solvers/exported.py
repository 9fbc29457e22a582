"""A model that `arithgpt export-hf` wrote, as a solver (the extra `hf`): it is asked with the pages of its task.

    ExportedSolver("exported/add").solve(task, problems)[0]
    prompt      321+654=
    -> Answer(text="579", written="975")

Unlike other language models it is shown no solved problems: it continues the exact prompts that it was trained on. To load it
runs the code in the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from eval.solver import Answer
from eval.solvers.loading import load_local, read_settings
from tasks import Problems, Task

MODEL_TYPE: Final = "arithgpt"
"""What config.json of an exported folder calls the kind of model."""


def is_exported(folder: str | Path) -> bool:
    """Tell whether `arithgpt export-hf` wrote a folder. No code is run."""
    return read_settings(folder).get("model_type") == MODEL_TYPE


@dataclass(frozen=True)
class ExportedSolver:
    """Continues the prompts of pages greedily up to the stop. The model is loaded when it is first asked, and kept.

    Raises:
        ValueError: batch_size is below 1.
    """

    folder: str | Path
    batch_size: int = 256
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size = {self.batch_size}: must be at least 1")

    @property
    def name(self) -> str:
        """The name of the folder."""
        return Path(self.folder).resolve().name

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """The tokeniser and the model; raises as `load_local` does."""
        return load_local(self.folder, self.device, trust_remote_code=True)

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answer problems in order; one that the positions have no room for is unfinished.

        Raises:
            MissingExtra: transformers is not installed.
            ValueError: no model can be loaded.
        """
        _, model = self.loaded
        questions, prompts, limits = (
            task.questions(problems),
            task.prompts(problems).to_strings(),
            task.max_new_tokens(problems),
        )
        lengths = np.array([len(prompt) for prompt in prompts])
        if (room := model.config.max_position_embeddings) is not None:
            limits = np.minimum(limits, room - lengths)
        answers = [Answer(None, finished=False)] * len(prompts)
        for length in np.unique(lengths):  # prompts of one length need no padding
            rows = np.flatnonzero((lengths == length) & (limits >= 1))
            for start in range(0, len(rows), self.batch_size):
                chosen = rows[start : start + self.batch_size].tolist()
                completions = self._complete([prompts[row] for row in chosen], limits[chosen].tolist())
                for row, (text, ended) in zip(chosen, completions, strict=True):
                    answers[row] = Answer(task.extract(text, questions[row]) if ended else None, text, ended)
        return answers

    def _complete(self, prompts: Sequence[str], limits: Sequence[int]) -> list[tuple[str, bool]]:
        """Continue prompts of one length: for each what was written, and whether the stop was reached within its limit."""
        import torch

        tokenizer, model = self.loaded
        ids = torch.tensor([tokenizer(prompt).input_ids for prompt in prompts], device=self.device)
        mask = torch.ones_like(ids)
        with torch.inference_mode():
            rows = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=max(limits))
        completions, [stop] = [], model.generation_config.eos_token_id
        for row, limit in zip(rows[:, ids.shape[1] :].tolist(), limits, strict=True):
            written = row[:limit]
            ended = stop in written
            completions.append((tokenizer.decode(written[: written.index(stop)] if ended else written), ended))
        return completions

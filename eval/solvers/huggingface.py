"""A causal language model in a local folder, in the format of Hugging Face, as a solver (the extra `hf`).

    HFSolver("models/gpt2").solve(task, problems)[0]
    prompt      12+34=46            solved problems of training, then the one that is asked
                123+456=
    -> Answer(text="579", written="579", ...)

Nothing is fetched from the network. Code in the folder is run only where `trust_remote_code` is set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.solver import Answer
from eval.solvers.loading import load_local
from eval.solvers.prompting import completion_prompt, draw_shots
from eval.solvers.replies import read_reply, reread_for_task
from tasks import Problems, Task

if TYPE_CHECKING:
    import torch

MARGIN = 16
"""An answer has at most this many characters more than its question: "division by zero" has as many."""


@dataclass(frozen=True)
class HFSolver:
    """Continues a few-shot prompt greedily up to the end of its line. The model is loaded when it is first asked, and kept.

    Raises:
        ValueError: `folder` is no folder, or shots or batch_size is out of range.
    """

    folder: str | Path
    shots: int = 4
    """Solved problems before the one that is asked."""
    seed: int = 0
    """The seed of the shots."""
    batch_size: int = 16
    device: str = "cpu"
    trust_remote_code: bool = False
    """Whether code in the folder may be run."""

    def __post_init__(self) -> None:
        if not Path(self.folder).is_dir():
            raise ValueError(f"{self.folder}: no such folder")
        for name, least in {"shots": 0, "batch_size": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)}: must be at least {least}")

    @property
    def name(self) -> str:
        """The name of the folder."""
        return Path(self.folder).resolve().name

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answer problems in order. An answer is unfinished where the model's context is too short for it.

        Raises:
            MissingExtra: transformers is not installed.
            ValueError: no model can be loaded, or the task has too few problems to show as shots.
        """
        tokenizer, _ = self.loaded
        shots = draw_shots(task, self.shots, self.seed)
        questions = task.questions(problems)
        asked = [task.question_text(question) for question in questions]
        prompts = [tokenizer(completion_prompt(shots, text, task.answer_kind)).input_ids for text in asked]
        answers = []
        for start in range(0, len(prompts), self.batch_size):
            rows = slice(start, start + self.batch_size)
            answers += self._complete(prompts[rows], [len(text) + MARGIN for text in asked[rows]])
        return [reread_for_task(task, question, answer) for question, answer in zip(questions, answers, strict=True)]

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """The tokeniser and the model; raises as `load_local` does."""
        return load_local(self.folder, self.device, trust_remote_code=self.trust_remote_code)

    def _complete(self, prompts: list[list[int]], max_new_tokens: list[int]) -> list[Answer]:
        """Continue each prompt by at most as many tokens as its limit."""
        import torch

        tokenizer, model = self.loaded
        config = model.generation_config
        width, longest = max(map(len, prompts)), max(max_new_tokens)
        context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        if context is not None and width + longest > context:
            if len(prompts) == 1:
                return [Answer(None, finished=False, page=False)]
            alone = (self._complete([row], [limit]) for row, limit in zip(prompts, max_new_tokens, strict=True))
            return [answer for answers in alone for answer in answers]  # some prompts may fit
        tokens = torch.tensor([[config.pad_token_id] * (width - len(row)) + row for row in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=self.device)
        with torch.inference_mode():
            rows = model.generate(
                tokens,
                attention_mask=mask,
                do_sample=False,
                max_new_tokens=longest,
                stopping_criteria=[_line_ended(tokenizer, width)],
            )
        answers = []
        for row, limit in zip(rows[:, width:].tolist(), max_new_tokens, strict=True):
            row = row[:limit]
            end = next((index for index, token in enumerate(row) if token in (config.eos_token_id or ())), None)
            written, newline, _ = tokenizer.decode(row[:end]).partition("\n")
            answers.append(read_reply(written, finished=bool(newline) or end is not None))
        return answers


def _line_ended(tokenizer: Any, width: int) -> Callable[..., torch.Tensor]:
    """A stopping criterion: a row ends where a line feed stands after its first `width` tokens."""
    import torch

    def line_ended(ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        return torch.tensor(["\n" in text for text in tokenizer.batch_decode(ids[:, width:])], device=ids.device)

    return line_ended

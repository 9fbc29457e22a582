"""A causal language model in a local folder, in the format of Hugging Face, as a solver (the extra `hf`).

    HFSolver("models/gpt2").solve(task, problems)[0]
    prompt      12+34=46            solved problems of training, then the one that is asked
                123+456=
    -> Answer(text="579", written="579", ...)

Nothing is ever looked for on the network, and no code that lies in the folder is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from eval.solver import Answer, MissingExtra
from eval.solvers import prompting as fewshot
from tasks import Problems, Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ROOM = 16
"""An answer has no more characters than its question and these: "division by zero" has so many."""


@dataclass(frozen=True)
class HFSolver:
    """Continues a few-shot prompt greedily up to the end of its line. ValueError where `folder` is no folder.

    The model is loaded when it is first asked, and kept.
    """

    folder: str | Path
    shots: int = 4
    """Solved problems in front of the one that is asked."""
    seed: int = 0
    """Of the shots."""
    batch_size: int = 16
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not Path(self.folder).is_dir():
            raise ValueError(f"{self.folder}: no such folder")
        for name, least in {"shots": 0, "batch_size": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)}: must be at least {least}")

    @property
    def name(self) -> str:
        return Path(self.folder).resolve().name

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answers in order; one that the model has no room for is cut off.

        MissingExtra without transformers; ValueError where no model can be loaded or the task has not so many shots.
        """
        tokenizer, _ = self._loaded
        given = fewshot.shots(task, self.shots, self.seed)
        questions = task.questions(problems)
        asked = [task.asked(question) for question in questions]
        prompts = [tokenizer(fewshot.prompt(given, one, free_text=task.free_text)).input_ids for one in asked]
        answers = []
        for start in range(0, len(prompts), self.batch_size):
            rows = slice(start, start + self.batch_size)
            answers += self._continued(prompts[rows], [len(one) + ROOM for one in asked[rows]])
        return [fewshot.resolve(task, question, answer) for question, answer in zip(questions, answers, strict=True)]

    @cached_property
    def _loaded(self) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
        """The tokeniser and the model, whose own settings for sampling, penalties and the like are dropped."""
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
        except ImportError:
            raise MissingExtra("hf") from None
        try:
            here = {"local_files_only": True, "trust_remote_code": False}
            tokenizer = AutoTokenizer.from_pretrained(str(self.folder), **here)
            model = AutoModelForCausalLM.from_pretrained(str(self.folder), **here).to(self.device)
        except Exception as error:  # whatever a file that is no model can set off
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            raise ValueError(f"{self.folder}: no causal language model can be loaded: {why}") from None
        ends = model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        ends = [end for end in dict.fromkeys([*ends, tokenizer.eos_token_id]) if end is not None]
        padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (ends or [0])[0]
        model.generation_config = GenerationConfig(eos_token_id=ends or None, pad_token_id=padding)
        return tokenizer, model

    def _continued(self, prompts: list[list[int]], max_new_tokens: list[int]) -> list[Answer]:
        """Each prompt continued by at most as many tokens as its budget."""
        import torch

        tokenizer, model = self._loaded
        config = model.generation_config
        width, longest = max(map(len, prompts)), max(max_new_tokens)
        room = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        if room is not None and width + longest > room:
            if len(prompts) == 1:
                return [Answer(None, finished=False, page=False)]
            alone = (self._continued([row], [budget]) for row, budget in zip(prompts, max_new_tokens, strict=True))
            return [answer for answers in alone for answer in answers]  # some may fit
        tokens = torch.tensor([[config.pad_token_id] * (width - len(row)) + row for row in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=self.device)

        def line_ended(ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
            return torch.tensor(["\n" in text for text in tokenizer.batch_decode(ids[:, width:])], device=ids.device)

        with torch.inference_mode():
            rows = model.generate(
                tokens, attention_mask=mask, do_sample=False, max_new_tokens=longest, stopping_criteria=[line_ended]
            )
        answers = []
        for row, budget in zip(rows[:, width:].tolist(), max_new_tokens, strict=True):
            row = row[:budget]
            end = next((at for at, token in enumerate(row) if token in (config.eos_token_id or ())), None)
            written, newline, _ = tokenizer.decode(row[:end]).partition("\n")
            answers.append(fewshot.answered(written, finished=bool(newline) or end is not None))
        return answers

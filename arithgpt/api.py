"""Train, load, measure and ask runs from Python, as the command line does.

    run = arithgpt.train("add", digits="1-8", steps=500, seed=0)      # or arithgpt.load("mine")
    run.ask("123+456").answer                                        # '579'
    run.evaluate(digits="1-10", samples=500).plot()
    logits = run.model(ids)                                          # a torch.nn.Module

Bad arguments raise UserError with one line that names the argument, what is wrong with it and what is allowed. A question that
cannot be read raises QuestionError, a ValueError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from arithgpt.arguments import check_texts, check_types, check_whole, read_lengths
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.evaluation import evaluate_resolved
from arithgpt.inference.backend import Model
from arithgpt.inference.calculator import Calculator, CalculatorAnswer
from arithgpt.inference.generate import generate
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.inference.inspection import Inspection, inspect_page
from arithgpt.inference.sample import encode_prompt, sample_text
from arithgpt.inference.sampler import random_sampler
from arithgpt.proof.claim import proven_claim
from arithgpt.proof.families.covered import load_provable
from arithgpt.run_folder import RunFolder, find_run, new_run, shipped_run
from arithgpt.runtime import configure, resolve_device, resolve_precision
from arithgpt.solvers import ResolvedSolver
from arithgpt.training.callbacks import Callback, CallbackList, NullCallback, TerminalProgress, describe_task
from arithgpt.training.init_weights import resolve
from arithgpt.training.trainer import Trainer
from eval.result import EvalResult
from eval.spec import EvalSpec
from tasks import sizes
from tasks.core.ragged import Ragged


class Run:
    """A trained run: its model, its answers and its measurements.

    Args:
        folder: the run on disk
        device: where the model computes, as that of `load`
    """

    def __init__(self, folder: RunFolder, device: str = "cpu") -> None:
        self.folder, self.device = folder, device

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.folder.path

    @property
    def recipe(self) -> Recipe:
        """All settings from which the run was made; `.to_toml()` writes them."""
        return self.folder.recipe

    @property
    def proof(self) -> str | None:
        """What is proven of these weights, as `adds any two numbers, of any length; ...`; None where nothing is."""
        claim = proven_claim(self.folder)
        return str(claim) if claim else None

    @property
    def history(self) -> pd.DataFrame:
        """What training logged: a row for each entry of metrics.jsonl, with columns such as `step`, `loss` and `accuracy.8`."""
        return pd.json_normalize(list(self.folder.metrics()))

    @cached_property
    def model(self) -> Model:
        """The model in eval mode: a torch.nn.Module, or a NumpyGPT where the run was loaded with device="numpy".

        Raises:
            UserError: its weights are missing or damaged
        """
        return self.folder.load_model(self.device)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Characters to the ids that the model reads, and back.

        Raises:
            UserError: it is a run of a text, whose characters are `model.alphabet`
        """
        self._check_is_of_a_task("tokenizer")
        return Tokenizer(self.model.alphabet)

    def ask(self, question: str, *, decimals: int | None = None, remainder: bool = False) -> CalculatorAnswer:
        """Ask a question as a person types it. Its answer and its working are checked exactly.

        Args:
            question: as in "123+456"
            decimals, remainder: as those of Calculator

        Raises:
            QuestionError: the question cannot be read; a ValueError, no UserError
            UserError: it is a run of a text
        """
        self._check_is_of_a_task("ask")
        check_types(question=(question, str), required=True)
        return Calculator(self.folder, self.device, model=self.model)(question, decimals=decimals, remainder=remainder)

    def generate(
        self,
        prompts: Sequence[str],
        max_new_tokens: int = 200,
        *,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> list[str]:
        """Write on after each prompt, until the character that ends a page or until max_new_tokens characters.

        Args:
            prompts: the beginnings of pages or of a text, in the model's alphabet, none empty: ["21+43="] for 12+34
            max_new_tokens: characters to write after each prompt, at most
            temperature: 0 takes the likeliest character each time
            top_k: draw from the k likeliest characters only; None for all
            seed: of the draws

        Returns:
            What was written after each prompt, without the character that ends a page.

        Raises:
            UserError: a prompt is empty or has a character that is not in the alphabet, or a number is out of range
        """
        check_texts("prompts", prompts, example="21+43=")
        check_whole("max_new_tokens", max_new_tokens, 1)
        check_whole("seed", seed, 0)
        if top_k is not None:
            check_whole("top_k", top_k, 1)
        try:
            sampler = random_sampler(temperature, np.random.default_rng(seed), top_k)
        except (TypeError, ValueError) as error:
            raise UserError(f"temperature = {temperature!r}, top_k = {top_k!r}: {error}") from None
        ids = []
        for prompt in prompts:
            try:
                ids.append(encode_prompt(self.model, prompt, is_page=self.recipe.text is None))
            except UserError as error:
                raise UserError(error.message, "prompts") from None
        if self.recipe.text:
            window, alphabet = self.recipe.text.context, self.model.alphabet
            texts = [sample_text(self.model, one, max_new_tokens, sampler, window=window) for one in ids]
            return ["".join(alphabet[i] for i in text) for text in texts]
        room = np.array([(self.model.max_length or np.inf) - len(one) for one in ids])
        if len(ids) and room.min() < 1:
            raise UserError(f"prompts: the model has room for {self.model.max_length} characters, and one prompt fills it")
        limits = np.minimum(room, max_new_tokens).astype(np.int64)
        return generate(self.model, self.tokenizer, Ragged.from_strings(prompts), limits, sampler=sampler).text.to_strings()

    def evaluate(
        self,
        digits: str | int | None = None,
        *,
        samples: int = 1000,
        task: str | None = None,
        suites: Sequence[str] | None = None,
        seed: int = 1,
    ) -> EvalResult:
        """Ask problems that were never trained on, and count the exactly right answers by length.

        Args:
            digits: lengths to ask: "8" is exactly 8, "1-8" each from 1 to 8, "1-6x1-6" a grid; None for those of training
            samples: different problems of each length, at most
            task: ask only this task of a mixture; None for all
            suites: kinds of problems, as in ["random", "edges"]; None for all but the slow ones
            seed: the same seed asks the same problems

        Raises:
            UserError: an argument is out of range, or it is a run of a text
        """
        self._check_is_of_a_task("evaluate")
        check_whole("samples", samples, 1)
        check_whole("seed", seed, 0)
        if suites is not None:
            check_texts("suites", suites, example="random")
        problems = self.recipe.problems
        resolved = ResolvedSolver(GPTSolver(self.name, self.model, problems), problems, self.folder)
        return evaluate_resolved(
            resolved, resolved.tasks_to_ask(task), EvalSpec(_sizes(digits), suites, samples, seed), name=self.name
        )

    def attention(self, question: str) -> Inspection:
        """Ask a question, and record what each head attended to for each character it wrote.

        Args:
            question: as in "123+456"; the text to read, for a run of a text

        Returns:
            An inspection, which a notebook shows as a picture. `.to_pandas()` is a table of the heads.

        Raises:
            QuestionError: the question cannot be read, or its page is too long; a ValueError, no UserError
            UserError: the model is not a GPT
        """
        check_types(question=(question, str), required=True)
        return inspect_page(self.folder, self.model, question)

    def __repr__(self) -> str:
        """The name, what was learned, and what is proven."""
        parts = [describe_task(self.recipe), f"{self.model.n_params:,} parameters", self.proof or ""]
        return f"<Run {self.name}: {'; '.join(filter(None, parts))}>"

    def _check_is_of_a_task(self, what: str) -> None:
        """Raise UserError for a run of a text, which answers no questions."""
        if self.recipe.text:
            raise UserError(f"{what}: run {self.name} learned a text, which has no questions; generate and attention work")


def train(
    task: str | None = None,
    *,
    digits: str | int | None = None,
    steps: int | None = None,
    seed: int | None = None,
    recipe: Recipe | Path | str | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    quiet: bool = False,
    callback: Callback | None = None,
) -> Run:
    """Train a new run. Ctrl-C, or the stop button of a notebook, ends training after the current step with a checkpoint.

    Like the command line, it configures the process for training (`arithgpt.runtime.configure`).

    Args:
        task: name of the task; None for `add`, or for the task of the recipe
        digits: lengths of training: "8" is exactly 8, "1-8" each length from 1 to 8; those of each part of a mixture; None for
            those of the recipe
        steps: steps of training, at most; None for those of the recipe
        seed: of the initial weights and of the problems; None for that of the recipe
        recipe: a recipe or the path of a recipe file; None for the task's built-in recipe
        options: dotted field -> value, as in {"model.n_layer": 3}
        name: folder of the run under the runs folder; None makes one from the task
        device: auto, cpu or cuda
        precision: auto, float32 or bf16
        quiet: show no progress
        callback: is told how training goes

    Returns:
        The run, with its weights on disk.

    Raises:
        UserError: an argument is out of range, the name is taken, or the data cannot be had
    """
    check_types(task=(task, str), recipe=(recipe, Recipe | Path | str), options=(options, Mapping), name=(name, str))
    check_types(callback=(callback, Callback))
    if not all(isinstance(field, str) for field in options or ()):
        raise UserError('must be a dict of fields and values, as in {"model.n_layer": 3}', "options", options)
    given = {"task.digits": read_lengths(digits), "train.max_steps": steps, "seed": seed}
    changes = dict(options or {}) | {field: value for field, value in given.items() if value is not None}
    typed = {"task.digits": f"digits = {digits!r}", "train.max_steps": f"steps = {steps!r}", "seed": f"seed = {seed!r}"}
    if isinstance(recipe, Recipe):
        if task is not None and task != recipe.task.name:
            raise UserError(f"the recipe is for task {recipe.task.name!r}", "task", task)
        plan = recipe.with_fields(changes, typed) if changes else recipe
    elif recipe is not None:
        plan = load_recipe(task=task, file=Path(recipe), options=changes, typed=typed)
    else:
        plan = load_provable(task=task, options=changes, typed=typed)
    plan = resolve(plan)
    where = configure(device)
    chosen = resolve_precision(precision, where)
    folder = new_run(name, plan)
    progress = NullCallback() if quiet else TerminalProgress(plan, from_python=True)
    callbacks = CallbackList(progress, callback or NullCallback())
    try:
        Trainer(plan, folder, device=where, precision=chosen, callback=callbacks).fit()
    except BaseException:
        folder.discard()
        raise
    finally:
        progress.close()
    return Run(folder, str(where))


def load(run: str | Path | None = None, device: str = "cpu") -> Run:
    """Load a run.

    Args:
        run: name or path of a run; None for the calculator that ships
        device: auto, cpu or cuda; or numpy for a NumpyGPT, which needs no torch

    Raises:
        UserError: there is no such run, its recipe cannot be read, or its task is of a file that is not imported
    """
    folder = find_run(str(run)) if run is not None else shipped_run()
    assert folder.recipe  # raises now, and not where the run is first shown
    if not folder.has_weights:
        raise UserError(f"run {folder.name}: has no weights yet; train it first")
    return Run(folder, device if device == "numpy" else str(resolve_device(device)))


def _sizes(digits: object) -> list[sizes.ProblemSize] | None:
    """Read the lengths to ask."""
    text = read_lengths(digits)
    try:
        return sizes.parse_sizes(text) if text is not None else None
    except ValueError as error:
        raise UserError(str(error), "digits", digits) from None

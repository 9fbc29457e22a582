"""Callbacks of a run: the methods that the trainer calls, and the progress shown in the terminal.

    Trainer(recipe, run, device=device, callback=CallbackList(TerminalProgress(recipe), TrackerCallback(trackers)))

Trackers such as TensorBoard are in trackers.py.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from arithgpt.config.imported import command_line
from arithgpt.config.recipe import Recipe
from arithgpt.data.cot_removal import ScratchpadRemoval
from arithgpt.data.text import bits
from eval.reports.format import by_length
from tasks import sizes
from tasks.registration import GYM_PREFIX

if TYPE_CHECKING:
    import torch

    from arithgpt.models.language_model import LanguageModel
    from arithgpt.run_folder import RunFolder
    from arithgpt.training.progress import Progress

NO_LENGTH = sizes.format_size(sizes.NO_SIZE)
"""What stands for the length of problems that have none."""


class Callback:
    """What the trainer calls; a subclass overrides what it needs. A callback watches a run and changes nothing."""

    def on_train_start(self, run: RunFolder, model: LanguageModel, device: torch.device, progress: Progress) -> None:
        """Called before the first step, also of a resumed run."""

    def on_step(self, progress: Progress, loss: float) -> None:
        """Called every few steps, when the loss is read off."""

    def on_validation(self, progress: Progress) -> None:
        """Called after each validation."""

    def on_train_end(self, progress: Progress) -> None:
        """Called when the steps are done, the target is reached or the run is interrupted; not after an error."""

    def close(self) -> None:
        """Called once by whoever made the callback, however the run ended."""


class NullCallback(Callback):
    """Does nothing."""


class CallbackList(Callback):
    """Calls several callbacks in order."""

    def __init__(self, *callbacks: Callback) -> None:
        self.callbacks = callbacks

    def on_train_start(self, run: RunFolder, model: LanguageModel, device: torch.device, progress: Progress) -> None:
        for callback in self.callbacks:
            callback.on_train_start(run, model, device, progress)

    def on_step(self, progress: Progress, loss: float) -> None:
        for callback in self.callbacks:
            callback.on_step(progress, loss)

    def on_validation(self, progress: Progress) -> None:
        for callback in self.callbacks:
            callback.on_validation(progress)

    def on_train_end(self, progress: Progress) -> None:
        for callback in self.callbacks:
            callback.on_train_end(progress)

    def close(self) -> None:
        for callback in self.callbacks:
            callback.close()


class TerminalProgress(Callback):
    """Shows a run as lines of text, with a moving bar below them in a terminal, and in a notebook with ipywidgets.

    Args:
        recipe: the recipe of the run
        console: where to print; standard output if None
        from_python: name what to do next in Python, not on the command line
    """

    def __init__(self, recipe: Recipe, console: Console | None = None, *, from_python: bool = False) -> None:
        self.recipe, self.from_python = recipe, from_python
        self.console = console or Console(highlight=False, force_jupyter=False)  # a notebook joins lines of plain text
        self.loss = float("nan")
        self.widths: dict[str, int] | None = None
        notebook = Console()
        in_notebook = console is None and notebook.is_jupyter and find_spec("ipywidgets") is not None
        self.bar = ProgressBar(
            TextColumn("step {task.completed}/{task.total}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            console=notebook if in_notebook else self.console,
            transient=True,
            disable=not (self.console.is_terminal or in_notebook),
        )

    def on_train_start(self, run: RunFolder, model: LanguageModel, device: torch.device, progress: Progress) -> None:
        self.run = run
        self._print(f"[bold]{escape(str(run.path))}[/]: {escape(describe_task(self.recipe))}")
        self._print(describe_model(self.recipe, model.n_params))
        for line in describe_training(self.recipe, device.type):
            self._print(line)
        if progress.step:
            self._print(f"going on from step {progress.step}")
        self.first_step, self.first_seconds = progress.step, _training_seconds(progress)  # the pace is that of this session
        self.line = self.bar.add_task("", total=self.recipe.train.max_steps, completed=progress.step, pace="")
        self.bar.start()

    def on_step(self, progress: Progress, loss: float) -> None:
        self.loss = loss
        seconds = max(_training_seconds(progress) - self.first_seconds, 1e-9)
        speed = (progress.step - self.first_step) * self.recipe.train.batch_size / seconds
        self.bar.update(self.line, completed=progress.step, pace=f"loss {loss:.4f}  {speed:,.0f} examples/s")

    def on_validation(self, progress: Progress) -> None:
        examples, seconds = progress.step * self.recipe.train.batch_size, _training_seconds(progress)
        start = f"{progress.step:>6}{examples:>10,}{seconds:>9.1f}"
        if progress.loss is not None:
            if self.widths is None:
                self.widths = {}
                self._print("loss in nats per character, and that of held-out text also in bits:")
                self._print("  step     pages  seconds    loss  held out   bits")
            self._print(f"{start}{self.loss:>8.4f}{progress.loss:>10.4f}{bits(progress.loss):>7.3f}")
            return
        if self.widths is None:
            names = {digits: "all" if digits == NO_LENGTH else digits for digits in progress.accuracy}
            self.widths = {digits: max(5, len(name) + 1) for digits, name in names.items()}
            titles = "".join(f"{name:>{self.widths[digits]}}" for digits, name in names.items())
            by = by_length(self.recipe.problems.subtasks, names)
            self._print(f"held-out exact match in %, {', '.join(filter(None, ['rounded down', by]))}:")
            self._print(f"  step  examples  seconds    loss{titles}")
        percents = "".join(f"{int(100 * share):>{self.widths[digits]}}" for digits, share in progress.accuracy.items())
        self._print(f"{start}{self.loss:>8.4f}{percents}")
        if progress.proof:
            self._print(f"{progress.step:>6}  {progress.proof}")

    def on_train_end(self, progress: Progress) -> None:
        self.close()
        examples = progress.step * self.recipe.train.batch_size
        outcome = {
            "reached target": f"[green]{self.recipe.train.target_accuracy:.4g} or more at every length, twice in a row[/]",
            "finished": "all steps done",
            "proven": "[green]proven for every length[/]",
            "interrupted": "[yellow]stopped[/]",
        }[progress.status]
        seconds = f"{_training_seconds(progress):.1f} s ({progress.seconds:.1f} s with validation)"
        self._print(f"{outcome}: step {progress.step}, {examples:,} examples, {seconds}")
        padding = progress.padding / max(progress.tokens, 1)
        self._print(f"{progress.tokens:,} characters computed, {padding:.1%} of them padding")
        self._print(escape(self._next_step(progress)))

    def close(self) -> None:
        self.bar.stop()

    def _next_step(self, progress: Progress) -> str:
        """The commands that a user may want now."""
        name = self.run.name
        if progress.status == "interrupted":
            return f"go on with: {command_line('train', '--resume', '--name', name)}"
        if self.from_python:
            return _next_in_python(self.recipe)
        measure = f"measure it: {command_line('eval', name)}"
        if self.recipe.text:
            return f"{measure}    let it write: {command_line('sample', name)}"
        task = self.recipe.problems
        question = "#1" if task.name.startswith(GYM_PREFIX) else task.example
        return f"{measure}    ask it: {command_line('calc', '--run', name, question)}"

    def _print(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)


def _next_in_python(recipe: Recipe) -> str:
    """The calls that a user may want after training."""
    if recipe.text:
        return "let it write: run.generate"
    return f'measure it: run.evaluate()    ask it: run.ask("{recipe.problems.example}")'


def describe_task(recipe: Recipe) -> str:
    """Describe what a run learns, in one line such as "addition of two natural numbers, 1-8 digits"."""
    if recipe.text:
        text = recipe.text
        characters = f"{len(text.characters)} different characters"
        return f"{text.path}, {characters}, the last {text.val_share:.4g} held out, pages of {text.context}"
    task = recipe.problems
    low, high = task.size_span
    return task.summary + (f", {low}-{high} {task.size_names[0].removeprefix('left ')}" if high else "")


def describe_model(recipe: Recipe, n_params: int) -> str:
    """Describe the architecture and size of the model in one line."""
    config = recipe.model
    layers = f"{config.n_layer} layer{'s' * (config.n_layer != 1)}{' in each half' * config.reads_question}"
    heads = ", ".join(map(str, config.heads if isinstance(config.n_head, tuple) else config.heads[:1]))
    before, after = (f", {heads} head{'s' * (heads != '1')}", f", {config.positions} positions") if config.attends else ("", "")
    return f"{config.arch.upper()} of {n_params:,} parameters: {layers}{before}, width {config.n_embd}{after}"


def describe_training(recipe: Recipe, device: str) -> list[str]:
    """Describe the length of training, its data and its initial weights in a few lines."""
    config, size = recipe.train, recipe.data.train_size
    examples = "pages" if recipe.text else "problems"
    repeated = f", out of {size:,} different ones" if size else ""
    lines = [f"{config.max_steps} steps of {config.batch_size} {examples} on {device}{repeated}, seed {recipe.seed}"]
    if recipe.cot_removal.every:
        last = ScratchpadRemoval(recipe.problems, recipe.cot_removal, recipe.seed).last_step
        after = ", after the last" if last >= config.max_steps else ""
        lines.append(f"the working is taken away until step {last}{after}")
    if recipe.init.run:
        lines.append(f"begins with the weights of run {escape(recipe.init.run)}, {recipe.init.weights[:12]}")
    return lines


def _training_seconds(progress: Progress) -> float:
    """Seconds spent on training, without validation."""
    return progress.training_seconds

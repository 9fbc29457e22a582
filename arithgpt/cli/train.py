"""arithgpt train: teach a GPT from nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from arithgpt.config.recipe import Recipe
    from arithgpt.models.language_model import LanguageModel
    from arithgpt.run import Run
    from arithgpt.training.callbacks import Tracker
    from arithgpt.training.distributed import ProcessGroup
    from arithgpt.training.progress import Progress

EXIT_INTERRUPTED = 130


def command(
    task: Annotated[Optional[str], typer.Option(help="What to learn; see: arithgpt tasks; or rg:NAME. [default: add]")] = None,
    digits: Annotated[
        Optional[str],
        typer.Option(metavar="LENGTHS", help="8: operands of 1 to 8 digits; 8-8: always 8; or size_ranges as in 1-6,1-10x1-2."),
    ] = None,
    recipe: Annotated[Optional[Path], typer.Option(help="A recipe file instead of the task's built-in recipe.")] = None,
    name: Annotated[Optional[str], typer.Option(help="The run's folder under runs/. [default: made from the task]")] = None,
    overrides: Annotated[
        Optional[list[str]],
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a recipe's field, as in model.n_layer=3."),
    ] = None,
    origin: Annotated[
        Optional[str],
        typer.Option("--from", metavar="RUN", help="Begin with the weights of this run, of the same model shape."),
    ] = None,
    steps: Annotated[Optional[int], typer.Option(help="Steps at most.")] = None,
    target: Annotated[
        Optional[float], typer.Option(help="Stop when held-out exact match is this at every length, twice in a row.")
    ] = None,
    seed: Annotated[Optional[int], typer.Option(help="Of the first weights and the problems.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="Of the products on a GPU: auto, float32 or bf16. On a CPU all is float32.")
    ] = "auto",
    log: Annotated[
        Optional[str],
        typer.Option(metavar="TRACKERS", help="Log to tensorboard, trackio or both too, as in tensorboard,trackio."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with --name, or with the newest unfinished run.")] = False,
) -> None:
    """Train a GPT on fresh random problems, and look at held-out ones on the way.

    Ctrl-C stops after the step with a checkpoint; --resume goes on from it. On several GPUs, or machines, each step is shared:
    torchrun --nproc-per-node 4 -m arithgpt train
    """
    from arithgpt.training.distributed import joined

    budget = {"train.max_steps": steps, "train.target_accuracy": target}
    trackers: dict[str, Tracker] = {}

    def begin() -> tuple[Run, Recipe]:
        from arithgpt.run import new_run
        from arithgpt.runtime import configure, resolve_precision
        from arithgpt.training.callbacks import make_trackers

        if resume:
            fixed = {"task": task, "digits": digits, "recipe": recipe, "from": origin, "seed": seed}
            run, plan = _resumed(name, fixed, overrides or [], budget)
        else:
            plan = _new(task, digits, recipe, overrides or [], {"init.run": origin, "seed": seed} | budget)
        resolve_precision(precision, configure(device))
        trackers.update(make_trackers(log))
        return (run if resume else new_run(name, plan)), plan

    with joined(device) as ranks:
        run, plan = ranks.first(begin)
        status = _train(plan, run, device, precision, trackers, resume, ranks)
    if status == "interrupted":
        raise typer.Exit(EXIT_INTERRUPTED)


def _train(
    recipe: Recipe, run: Run, device: str, precision: str, trackers: dict[str, Tracker], resume: bool, ranks: ProcessGroup
) -> str:
    """Train, told to the terminal and to trackers; returns how it ended."""
    from arithgpt.errors import UserError
    from arithgpt.runtime import configure, resolve_precision
    from arithgpt.training.callbacks import Tracked
    from arithgpt.training.trainer import Trainer

    observer = _observer(recipe)
    tracked = Tracked(observer, trackers)
    try:
        where = configure(device)
        how = resolve_precision(precision, where)
        return Trainer(recipe, run, device=where, precision=how, callback=tracked, processes=ranks).fit(resume=resume).status
    except UserError:
        if not resume and ranks.rank == 0:
            run.discard()
        raise
    finally:
        observer.close()
        tracked.close()


def _new(task: str | None, digits: str | None, file: Path | None, overrides: list[str], options: dict[str, object]) -> Recipe:
    """The recipe of a new run."""
    from arithgpt.config.recipe import load_recipe
    from arithgpt.errors import UserError
    from arithgpt.training.init_weights import resolve
    from tasks import sizes

    if digits is not None:
        try:
            sizes.parse_ranges(digits)
        except ValueError as error:
            raise UserError(f"--digits {digits}: {error}") from None
        digits = f"1-{digits}" if re.fullmatch("[0-9]+", digits) else digits
    return resolve(load_recipe(task=task, file=file, overrides=overrides, options={"task.digits": digits} | options))


def _resumed(name: str | None, fixed: dict[str, object], overrides: list[str], budget: dict[str, object]) -> tuple[Run, Recipe]:
    """The run to go on with, and its recipe with more budget if that is asked for."""
    from arithgpt.config.recipe import load_recipe
    from arithgpt.errors import UserError
    from arithgpt.run import all_runs, find_run

    given = [f"--{option}" for option, value in fixed.items() if value is not None]
    if given:
        raise UserError(f"{given[0]}: a resumed run keeps its own; only --steps, --target and how often it looks can change")
    if name is not None:
        run = find_run(name)
    else:
        unfinished = [run for run in all_runs() if run.info.get("status", "unfinished") in ("unfinished", "interrupted")]
        if not unfinished:
            raise UserError("--resume: no unfinished run here; --name says which run to go on with")
        run = unfinished[0]
    plan = load_recipe(file=run.path / "recipe.toml", overrides=overrides, options=budget)
    if plan.resume_identity != run.recipe.resume_identity:
        raise UserError("--set: a resumed run keeps its own recipe; only --steps, --target and how often it looks can change")
    return run, plan


def _observer(recipe: Recipe) -> _Lines:
    from rich.console import Console

    console = Console(highlight=False)
    return _Live(recipe, console) if console.is_terminal else _Lines(recipe, console)


def _learned(recipe: Recipe) -> str:
    """What a run learns, in a line."""
    if recipe.text:
        text = recipe.text
        held_out, characters = f"the last {text.val_share:.4g} held out", f"{len(text.characters)} different characters"
        return f"{text.path}, {characters}, {held_out}, pages of {text.context}"
    task = recipe.problems
    low, high = task.size_span
    return task.summary + (f", {low} to {high} {task.size_names[0].removeprefix('left ')}" if high else "")


class _Lines:
    """Tells of a run in plain lines."""

    def __init__(self, recipe: Recipe, console: Console) -> None:
        self.recipe = recipe
        self.console = console
        self.loss = float("nan")

    def say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)

    def on_train_start(self, run: Run, model: LanguageModel, device: torch.device, progress: Progress) -> None:
        from rich.markup import escape

        self.run, self.headed = run, False
        shape, limits = self.recipe.model, self.recipe.train
        heads = ", ".join(map(str, shape.heads if isinstance(shape.n_head, tuple) else shape.heads[:1]))
        self.say(f"[bold]{escape(str(run.path))}[/]: {escape(_learned(self.recipe))}")
        attends = (f", {heads} heads", f", {shape.positions} positions") if shape.attends else ("", "")
        layers = f"{shape.n_layer} layers in each half" if shape.reads_question else f"{shape.n_layer} layers"
        said = f"{shape.arch.upper()} of {model.n_params:,} parameters: {layers}"
        self.say(f"{said}{attends[0]}, width {shape.n_embd}{attends[1]}")
        what = "pages" if self.recipe.text else "problems"
        size = self.recipe.data.train_size
        again = f", out of {size:,} again and again" if size else ""
        self.say(f"{limits.max_steps} steps of {limits.batch_size} {what} on {device.type}{again}, seed {self.recipe.seed}")
        if self.recipe.cot_removal.every:
            from arithgpt.data.cot_removal import Removals

            gone = Removals(self.recipe.problems, self.recipe.cot_removal, self.recipe.seed).last_step
            self.say(f"the working is taken away until step {gone}" + (", after the last" if gone >= limits.max_steps else ""))
        init = self.recipe.init
        if init.run:
            self.say(f"begins with the weights of run {escape(init.run)}, {init.weights[:12]}")
        if progress.step:
            self.say(f"going on from step {progress.step}")

    def on_step(self, progress: Progress, loss: float) -> None:
        self.loss = loss

    def on_validation(self, progress: Progress) -> None:
        if progress.loss is not None:
            self._looked_at_text(progress, progress.loss)
            return
        if not self.headed:
            self.headed = True
            self.say("held-out exact match in %, rounded down, by digit length:")
            self.widths = {digits: max(5, len(digits) + 1) for digits in progress.accuracy}
            sizes = "".join(f"{digits:>{width}}" for digits, width in self.widths.items())
            self.say(f"  step  examples  seconds    loss{sizes}")
        shares = "".join(f"{int(100 * share):>{self.widths[digits]}}" for digits, share in progress.accuracy.items())
        training = progress.seconds - progress.look_seconds
        examples = progress.step * self.recipe.train.batch_size
        self.say(f"{progress.step:>6}{examples:>10,}{training:>9.1f}{self.loss:>8.4f}{shares}")

    def _looked_at_text(self, progress: Progress, loss: float) -> None:
        from arithgpt.data.text import bits

        if not self.headed:
            self.headed = True
            self.say("loss in nats a character, and that of held-out text in bits:")
            self.say("  step     pages  seconds    loss  held out   bits")
        training, pages = progress.seconds - progress.look_seconds, progress.step * self.recipe.train.batch_size
        shown = f"{loss:>10.4f}{bits(loss):>7.3f}"
        self.say(f"{progress.step:>6}{pages:>10,}{training:>9.1f}{self.loss:>8.4f}{shown}")

    def on_train_end(self, progress: Progress) -> None:
        examples, train_config = progress.step * self.recipe.train.batch_size, self.recipe.train
        training = progress.seconds - progress.look_seconds
        did = {
            "reached target": f"[green]{train_config.target_accuracy:.4g} or more at every length, twice running[/]",
            "finished": "all steps done",
            "interrupted": "[yellow]stopped[/]",
        }[progress.status]
        self.say(f"{did}: step {progress.step}, {examples:,} examples, {training:.1f} s ({progress.seconds:.1f} s with looks)")
        self.say(f"{progress.cells:,} characters computed, {progress.padding / max(progress.cells, 1):.1%} of them padding")
        if progress.status == "interrupted":
            self.say(f"go on with: arithgpt train --resume --name {self.run.name}")
        elif self.recipe.text:
            self.say(f"measure it: arithgpt eval {self.run.name}    let it write: arithgpt sample {self.run.name}")
        else:
            task = self.recipe.problems
            question = f'"{task.example}"' if task.example else "123+456" if task.size_span[1] else "#1"
            self.say(f"measure it: arithgpt eval {self.run.name}    ask it: arithgpt calc --run {self.run.name} {question}")

    def close(self) -> None:
        """Leave the terminal as it was, however the run ended."""


class _Live(_Lines):
    """The same with a moving bar, for a terminal."""

    def __init__(self, recipe: Recipe, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(recipe, console)
        self.bar = Progress(
            TextColumn("step {task.completed}/{task.total}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def on_train_start(self, run: Run, model: LanguageModel, device: torch.device, progress: Progress) -> None:
        super().on_train_start(run, model, device, progress)
        self.first = progress.step, progress.seconds - progress.look_seconds  # the pace is that of this session
        self.line = self.bar.add_task("", total=self.recipe.train.max_steps, completed=progress.step, pace="")
        self.bar.start()

    def on_step(self, progress: Progress, loss: float) -> None:
        super().on_step(progress, loss)
        step, seconds = self.first
        seconds = max(progress.seconds - progress.look_seconds - seconds, 1e-9)
        speed = (progress.step - step) * self.recipe.train.batch_size / seconds
        self.bar.update(self.line, completed=progress.step, pace=f"loss {loss:.4f}  {speed:,.0f} examples/s")

    def on_train_end(self, progress: Progress) -> None:
        self.close()
        super().on_train_end(progress)

    def close(self) -> None:
        self.bar.stop()

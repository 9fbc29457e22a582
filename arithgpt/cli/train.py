"""arithgpt train: train a GPT from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Optional

import typer

from arithgpt.cli.shared.lengths import Lengths, lengths_option
from arithgpt.cli.shared.options import DEVICE_HELP
from arithgpt.config.fields import to_commented_toml
from arithgpt.config.imported import command_line
from arithgpt.config.kept import describe_kept
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.errors import UserError
from arithgpt.proof.families.covered import load_provable
from arithgpt.run_folder import RunFolder, all_runs, find_run, new_run, new_run_path
from arithgpt.runtime import configure, resolve_precision
from arithgpt.training.callbacks import CallbackList, TerminalProgress
from arithgpt.training.distributed import launched_processes
from arithgpt.training.init_weights import resolve
from arithgpt.training.trackers import Tracker, TrackerCallback, make_trackers
from arithgpt.training.trainer import Trainer

EXIT_INTERRUPTED = 130
EXIT_NOT_PROVEN = 1
CHANGEABLE = "only --steps, --target and how often it validates can change"
DRY_RUN = "# What training would learn. To learn it from a file with these lines:\n#"
RECIPE_HELP = f"Not the task's built-in recipe but a file, or a kept recipe: {describe_kept(sweeps=False)}."
RESUMABLE = ("unfinished", "interrupted")


def command(
    task: Annotated[Optional[str], typer.Option(help="What to learn; see: arithgpt tasks; or rg:NAME. [default: add]")] = None,
    digits: Annotated[Optional[Lengths], lengths_option(default="those of the recipe")] = None,
    recipe: Annotated[Optional[str], typer.Option(metavar="RECIPE", help=RECIPE_HELP)] = None,
    name: Annotated[Optional[str], typer.Option(help="The run's folder under runs/. [default: made from the task]")] = None,
    overrides: Annotated[
        Optional[list[str]],
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the recipe, as in model.n_layer=3."),
    ] = None,
    init_run: Annotated[
        Optional[str],
        typer.Option("--from", metavar="RUN", help="Begin with the weights of this run, of the same model shape."),
    ] = None,
    steps: Annotated[Optional[int], typer.Option(help="Maximum number of steps.")] = None,
    target: Annotated[
        Optional[float], typer.Option(help="Stop when held-out exact match reaches this at every length, twice in a row.")
    ] = None,
    until_proven: Annotated[
        bool,
        typer.Option("--until-proven", help="Stop when the run is proven for every length. Exit status 1 where it is not."),
    ] = False,
    seed: Annotated[Optional[int], typer.Option(help="Seed of the initial weights and of the problems.")] = None,
    device: Annotated[str, typer.Option(help=DEVICE_HELP)] = "auto",
    precision: Annotated[
        str, typer.Option(help="Of matrix products on a GPU: auto, float32 or bf16. A CPU always uses float32.")
    ] = "auto",
    log: Annotated[
        Optional[str],
        typer.Option(metavar="TRACKERS", help="Log to tensorboard, trackio or both too, as in tensorboard,trackio."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with --name, or with the newest unfinished run.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing; print the recipe that would be used, with what each field means.")
    ] = False,
) -> None:
    """Train a GPT on fresh random problems, and validate it on held-out ones on the way.

    --digits 8 trains on every length from 1 to 8; the first line of the output says "1-8 digits". Ctrl-C stops after the
    current step with a checkpoint; --resume goes on from it. To share each step among several GPUs or machines:
    torchrun --nproc-per-node 4 -m arithgpt train
    """
    limits = {"train.max_steps": steps, "train.target_accuracy": target, "train.until_proven": until_proven or None}
    options = {"task.digits": digits and digits.of_training, "init.run": init_run, "seed": seed} | limits
    typed = {
        "task.digits": f"--digits {digits}",
        "train.max_steps": f"--steps {steps}",
        "train.target_accuracy": f"--target {target}",
        "seed": f"--seed {seed}",
    }
    trackers: dict[str, Tracker] = {}

    def begin() -> tuple[RunFolder, Recipe]:
        """Check all options, and make the folder of a new run. Only the first of several processes does this."""
        if resume:
            fixed = {"task": task, "digits": digits, "recipe": recipe, "from": init_run, "seed": seed}
            run, plan = _resumed(name, fixed, overrides or [], limits, typed)
        else:
            changes: dict[str, Any] = {"overrides": overrides or [], "options": options, "typed": typed}
            loaded = load_provable(task=task, **changes) if recipe is None else load_recipe(task=task, file=recipe, **changes)
            plan = resolve(loaded)
            run = RunFolder(new_run_path(name, plan))
        resolve_precision(precision, configure(device))
        trackers.update(make_trackers(log))
        return (run if resume or dry_run else new_run(run.name, plan)), plan

    with launched_processes(device) as group:
        run, plan = group.first(begin)
        where = configure(device)
        callback = CallbackList(TerminalProgress(plan), TrackerCallback(trackers))
        try:
            trainer = Trainer(
                plan,
                run,
                device=where,
                precision=resolve_precision(precision, where),
                callback=callback,
                processes=group,
            )
            if dry_run:
                trainer.gradients.close()
                if group.rank == 0:
                    print(f"{DRY_RUN} {command_line('train', '--recipe', 'FILE')}\n\n{to_commented_toml(plan)}", end="")
                return
            progress = trainer.fit(resume=resume)
        except UserError:
            if not (resume or dry_run) and group.rank == 0:
                run.discard()
            raise
        finally:
            callback.close()
    if progress.status == "interrupted":
        raise typer.Exit(EXIT_INTERRUPTED)
    if until_proven and progress.status != "proven":
        raise typer.Exit(EXIT_NOT_PROVEN)


def _resumed(
    name: str | None, fixed: Mapping[str, object], overrides: list[str], limits: dict[str, Any], typed: dict[str, str]
) -> tuple[RunFolder, Recipe]:
    """Find the run to resume, and its recipe with the limits that were asked for.

    Args:
        name: of the run; None for the newest one that is not finished
        fixed: options that a resumed run cannot change, by name; None where not given
        overrides: the values of --set
        limits: dotted field -> value of the options that may change
        typed: dotted field -> option of the command line, for messages
    """
    given = [f"--{option}" for option, value in fixed.items() if value is not None]
    if given:
        raise UserError(f"{given[0]}: a resumed run keeps its own; {CHANGEABLE}")
    if name is not None:
        run = find_run(name)
    else:
        unfinished = [run for run in all_runs() if run.info.get("status", "unfinished") in RESUMABLE]
        if not unfinished:
            raise UserError("--resume: no unfinished run here; --name says which run to go on with")
        run = unfinished[0]
    plan = load_recipe(file=run.path / "recipe.toml", overrides=overrides, options=limits, typed=typed)
    if plan.resume_identity != run.recipe.resume_identity:
        raise UserError(f"--set: a resumed run keeps its own recipe; {CHANGEABLE}")
    return run, plan

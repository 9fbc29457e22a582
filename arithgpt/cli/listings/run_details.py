"""All that a run's folder says of it, for `arithgpt runs show`: as text, and as values for JSON."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from rich.console import Console

from arithgpt.config.fields import differing_fields
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.errors import UserError
from arithgpt.proof.claim import proven_claim
from arithgpt.proof.families.covered import COVERED, load_provable
from arithgpt.run_folder import RunFolder, RunSummary
from eval.reports.format import percent
from eval.reports.layout import TextTable, print_record, print_table

NO_CHOICE = ("init.weights", "data.pages_sha256", "task.sha256", "task.characters")
"""Fields that are filled in when a run begins, from another field."""


class Details:
    """What is known of a run. Files are read when they are asked for; one that is damaged tells nothing.

    Args:
        run: the run

    Raises:
        UserError: the recipe cannot be read
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.recipe: Recipe = run.recipe
        self.summary = RunSummary.of(run)
        self.claim = proven_claim(run)

    @cached_property
    def built_in(self) -> tuple[str, Recipe] | None:
        """The built-in recipe of the task that is nearest to the run's, and what it is called; None where there is none."""
        name = self.recipe.task.name
        try:
            known = {f"built-in recipe of {name}": load_recipe(task=name)}
            if name in COVERED:
                known[f"built-in recipe of {name} that is proven"] = load_provable(task=name)
        except UserError:
            return None
        return min(known.items(), key=lambda entry: len(differing_fields(entry[1], self.recipe)))

    @cached_property
    def differences(self) -> dict[str, tuple[Any, Any]]:
        """The fields that differ from the built-in recipe, each with both values."""
        if self.built_in is None:
            return {}
        found = differing_fields(self.built_in[1], self.recipe)
        return {field: values for field, values in found.items() if field not in NO_CHOICE}

    @property
    def evaluated_weights(self) -> str:
        """Whether the evaluation is of the weights that are there now."""
        is_same = self.run.has_weights and self.run.evaluation.get("weights_sha256") == self.run.weights_sha256
        return "of these weights" if is_same else "of other weights than those that are here now"

    @cached_property
    def files(self) -> dict[str, int]:
        """Bytes of each file, by its name in the folder."""
        found = sorted(file for file in self.run.path.rglob("*") if file.is_file())
        return {str(file.relative_to(self.run.path)): file.stat().st_size for file in found}

    @property
    def made_on(self) -> dict[str, Any]:
        """The machine, the versions and the commit that run.json names; None where it names none."""
        return {name: self.run.info.get(name) for name in ("device", "platform", "versions", "commit")}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        info = self.run.info
        return {
            "name": self.run.name,
            "path": str(self.run.path),
            "task": self.recipe.task.name,
            "status": self.summary.status,
            "proof": str(self.claim) if self.claim else None,
            "recipe": self.recipe.model_dump(mode="json"),
            "built_in_recipe": self.built_in[0] if self.built_in else None,
            "differences": {field: {"built_in": theirs, "run": ours} for field, (theirs, ours) in self.differences.items()},
            "parameters": self.summary.parameters or None,
            "step": self.summary.step,
            "examples": self.summary.step * self.recipe.train.batch_size,
            "seconds": info.get("seconds"),
            "validation_seconds": info.get("validation_seconds"),
            "accuracy": self.summary.accuracy,
            "loss": self.summary.loss,
            "evaluation": self.run.evaluation or None,
            "made_on": self.made_on,
            "files": self.files,
        }

    def print(self, console: Console) -> None:
        """Print everything for a person."""
        console.print(f"{self.run.path}: {self.recipe.task.summary}\n")
        print_record(self._facts(), console, prose=("proof", "made on"))
        self._print_differences(console)
        if self.summary.accuracy:
            console.print("\nheld-out exact match in the last validation:")
            rows = [[digits, percent(share)] for digits, share in self.summary.accuracy.items()]
            print_table(TextTable(("digits", "exact"), rows), console)
        self._print_evaluation(console)
        console.print("\nfiles:")
        rows = [[name, format_bytes(size)] for name, size in self.files.items()]
        print_table(TextTable(("file", "size"), rows, text_columns=(0,)), console)

    def _facts(self) -> dict[str, str]:
        """What is told in a line each."""
        summary, recipe = self.summary, self.recipe
        made_on = self.made_on
        versions = made_on["versions"] if isinstance(made_on["versions"], dict) else {}
        machine = [made_on["device"], made_on["platform"], *(f"{name} {version}" for name, version in versions.items())]
        return {
            "status": summary.status,
            "proof": str(self.claim) if self.claim else "",
            "parameters": f"{summary.parameters:,}" if summary.parameters else "",
            "steps": f"{summary.step:,} of at most {recipe.train.max_steps:,}",
            "examples": f"{summary.step * recipe.train.batch_size:,}",
            "training": self._training_time(),
            "loss": "" if summary.loss is None else f"{summary.loss:.4f} nats per character, held out",
            "begins with": f"run {recipe.init.run}" if recipe.init.run else "",
            "made on": ", ".join(str(part) for part in machine if part),
            "commit": str(made_on["commit"] or ""),
        }

    def _training_time(self) -> str:
        """How long training took; empty where run.json does not say."""
        seconds, validation = (self.run.info.get(name) for name in ("seconds", "validation_seconds"))
        if not isinstance(seconds, int | float) or not isinstance(validation, int | float):
            return ""
        return f"{seconds - validation:,.1f} s ({seconds:,.1f} s with validation)"

    def _print_differences(self, console: Console) -> None:
        """Print how the recipe differs from the built-in one."""
        if self.built_in is None:
            return
        title = self.built_in[0]
        if not self.differences:
            console.print(f"\nrecipe: the {title}")
            return
        console.print(f"\nrecipe: the {title}, but for:")
        rows = [[field, *map(_value, values)] for field, values in self.differences.items()]
        print_table(TextTable(("field", "built-in", "this run"), rows, text_columns=(0, 1, 2)), console)

    def _print_evaluation(self, console: Console) -> None:
        """Print what the last evaluation on disk found, a row for each task and suite."""
        found = self.run.evaluation
        if not found:
            return
        console.print(f"\neval.json, {self.evaluated_weights}:")
        if "loss" in found:
            console.print(f"held-out loss {found['loss']} nats a character, perplexity {found.get('perplexity')}")
        if found.get("results"):
            try:
                print_table(_suite_table(found["results"]), console)
            except (KeyError, TypeError, ValueError):
                console.print("it is damaged: its rows cannot be read")
        if found.get("partial"):
            console.print(f"PARTIAL: {found['partial']}")


def _suite_table(results: list[dict[str, Any]]) -> TextTable:
    """Sum up the rows of eval.json: a row for each task and suite, with the worst length."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in results:
        groups.setdefault((str(row["task"]), str(row["suite"])), []).append(row)
    rows = []
    for (task, suite), lengths in groups.items():
        n, right = (sum(row[name] for row in lengths) for name in ("n", "correct"))
        worst = min(lengths, key=lambda row: row["accuracy"] if row["accuracy"] is not None else 2)
        share = percent(right / n) if n else "-"
        digits = lengths[0]["digits"] if len(lengths) == 1 else f"{lengths[0]['digits']} to {lengths[-1]['digits']}"
        worst_share = "-" if worst["accuracy"] is None else f"{worst['digits']}: {percent(worst['accuracy'])}"
        rows.append([task, suite, digits, f"{n:,}", f"{right:,}", share, worst_share])
    return TextTable(("task", "suite", "digits", "n", "right", "exact", "worst"), rows, text_columns=(0, 1), keys=2)


def format_bytes(size: int) -> str:
    """Format a number of bytes: 512 B, 12.5 kB, 3.1 MB."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size} B"


def _value(value: Any) -> str:
    """A field's value, as JSON; `-` where a recipe has no such field."""
    return "-" if value is None else json.dumps(value)

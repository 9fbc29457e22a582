"""The model card of an exported run, as Markdown with a header that model hubs read. All of it is made from the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from arithgpt.huggingface.measured import measured
from arithgpt.huggingface.sample_use import sample_use
from arithgpt.proof.claim import proven_claim
from arithgpt.provenance import commit
from arithgpt.run_folder import RunSummary
from arithgpt.version import __version__
from eval.reports.format import percent

if TYPE_CHECKING:
    from arithgpt.data.text import Text
    from arithgpt.inference.backend import Model
    from arithgpt.run_folder import RunFolder
    from tasks import Task

SECTIONS = ("task", "model", "optim", "train", "data", "cot_removal")
"""The sections of the recipe that the card shows."""


def model_card(run: RunFolder, model: Model, folder: str) -> str:
    """Write the card.

    Args:
        run: what is exported
        model: its model, on a CPU
        folder: the name of the exported folder
    """
    text = run.recipe.text
    sections = {
        "Use": sample_use(run.recipe.task, model, folder),
        "Training": _text_data(run, text) if text else _task_data(run, run.recipe.problems),
        "Recipe": _recipe(run),
        "Measured": measured(run),
        "Proof": _proof(run),
        "Limits": _text_limits(run, text) if text else _task_limits(run, run.recipe.problems),
        "Origin": _origin(run),
    }
    if text:
        del sections["Proof"]
    parts = [_header(run), _summary(run), *(f"## {title}\n\n{content}" for title, content in sections.items())]
    return "\n\n".join(parts) + "\n"


def _header(run: RunFolder) -> str:
    tags = ["arithgpt", "custom_code", "character-level" if run.recipe.text else "arithmetic"]
    fields = ["license: mit", "library_name: transformers", "pipeline_tag: text-generation", "tags:"]
    return "\n".join(["---", *fields, *(f"- {tag}" for tag in tags), "---"])


def _summary(run: RunFolder) -> str:
    recipe, model = run.recipe, run.recipe.model
    what = "continues a text" if recipe.text else f"was trained on one task: {recipe.problems.summary}"
    shape = (
        f"{model.n_layer} {'layer' if model.n_layer == 1 else 'layers'}, width {model.n_embd}, positions `{model.positions}`"
    )
    return f"# {run.name}\n\nA GPT of {_count(run, 'parameters')} parameters ({shape}) that {what}. A token is one character."


def _task_data(run: RunFolder, task: Task) -> str:
    """What the run learned from."""
    recipe = run.recipe
    steps = run.info.get("step")
    examples = f"{steps * recipe.train.batch_size:,}" if isinstance(steps, int) else "an unknown number of"
    if recipe.data.train_size:
        source = f"drawn again and again from {recipe.data.train_size:,} different problems"
    else:
        source = "made on the fly, each drawn anew"
    lines = [
        f"Task `{task.name}`: {task.summary}. {_lengths(task)}The options stand in the recipe below.",
        f"Training took {_count(run, 'step')} steps of {recipe.train.batch_size} problems: {examples} examples, {source}."
        f"{_begun_with(run)}",
        task.split_rule.replace("\n", " "),
        _last_validation(run),
        _machine(run),
    ]
    if recipe.data.pages:
        lines.insert(2, f"{percent(recipe.data.pages_share)} of each batch came from a file of pages that a run wrote itself.")
    return "\n\n".join(filter(None, lines))


def _lengths(task: Task) -> str:
    """The sizes of training: `Left digits: 1 to 8, right digits: 1 to 8.` for each subtask; empty where problems have none."""
    sentences = []
    for name, subtask in task.subtasks.items():
        if subtask.size_span.high:
            ranges = "; or ".join(
                f"{_span(subtask.size_names[0], size.left)}, {_span(subtask.size_names[1], size.right)}"
                for size in subtask.size_ranges
            )
            sentences.append(f"Lengths of `{name}`: {ranges}. ")
    return "".join(sentences)


def _span(name: str, span: tuple[int, int]) -> str:
    """`left digits 1 to 8`."""
    low, high = span
    return f"{name} {low} to {high}" if low < high else f"{name} {low}"


def _text_data(run: RunFolder, text: Text) -> str:
    lines = [
        f"The text `{Path(text.path).name}`: {len(text.characters)} different characters, SHA-256 `{text.sha256}`. The last "
        f"{percent(text.val_share)} were held out.",
        f"Training took {_count(run, 'step')} steps of {run.recipe.train.batch_size} pages of {text.context} characters, drawn "
        f"at random places.{_begun_with(run)}",
        _machine(run),
    ]
    return "\n\n".join(lines)


def _begun_with(run: RunFolder) -> str:
    weights = run.recipe.init.weights
    return f" It began with the weights of another run (SHA-256 `{weights}`)." if weights else ""


def _last_validation(run: RunFolder) -> str:
    summary = RunSummary.of(run)
    accuracy = summary.accuracy
    if not accuracy:
        return ""
    worst = min(accuracy, key=lambda length: accuracy[length])
    of_all = "at every length" if accuracy[worst] == 1 else f"at the worst length, {worst}"
    return (
        f"In the last validation of training, on {run.recipe.train.eval_samples:,} held-out problems a length, the exact match "
        f"was {percent(accuracy[worst])} {of_all}. Training ended with the status `{summary.status}`."
    )


def _machine(run: RunFolder) -> str:
    seconds = run.info.get("seconds")
    took = f"{seconds:,.0f} s on " if isinstance(seconds, int | float) else ""
    versions = run.info.get("versions")
    named = ", ".join(f"{name} {number}" for name, number in versions.items()) if isinstance(versions, dict) else "unknown"
    return f"Seed {run.recipe.seed}; {took}{run.info.get('device') or 'an unknown machine'}. Versions: {named}."


def _recipe(run: RunFolder) -> str:
    """The recipe as TOML, without the folders in which its files stood."""
    fields: dict[str, Any] = run.recipe.model_dump(mode="json", include={*SECTIONS, "seed"})
    for section, name in (("task", "path"), ("data", "pages")):
        if fields[section].get(name):
            fields[section][name] = Path(fields[section][name]).name
    return f"```toml\n{tomli_w.dumps(fields)}```"


def _proof(run: RunFolder) -> str:
    claim = proven_claim(run)
    if claim is None:
        return "Nothing is proven of this model."
    return (
        f"A certificate says that it {claim.claim}: {claim.n_windows:,} windows, least margin {claim.margin:.2f}. The proof is "
        "about greedy decoding in float32 or better with a key-value cache, which `generate` uses by default. It is about "
        f"the weights of the run, SHA-256 `{run.weights_sha256}`, which stand in this folder under other names. `arithgpt "
        f"prove {run.name} --check FILE` verifies the certificate of the run. docs/proof.md of arithgpt states what is assumed."
    )


def _task_limits(run: RunFolder, task: Task) -> str:
    beyond = ""
    if task.size_span.high:
        beyond = "About problems longer than those of training only the table and a proof say anything. "
    return (
        "- It reads pages of its task in the exact form shown above, and nothing else: no words, no other operations.\n"
        "- 100% in a table means that no mistake was among the problems asked. It does not mean that there is none: the "
        "interval says how often mistakes can still occur among random problems, where rare kinds of problems are rare.\n"
        f"- {beyond}{_room(run)}\n"
        "- An answer can be wrong without any sign of it. Check what matters with exact arithmetic."
    )


def _text_limits(run: RunFolder, text: Text) -> str:
    return (
        f"- It was trained on pages of {text.context} characters. What it writes beyond as many was not measured.\n"
        f"- {_room(run)}\n"
        "- It writes what resembles its text; none of it is checked.\n"
        "- The code in this folder is under the MIT licence. What may be done with the weights also depends on the text."
    )


def _room(run: RunFolder) -> str:
    longest = run.recipe.model.max_length
    if longest is None:
        return "Its positions have no limit of length."
    return f"Its positions end at {longest} characters of a page; longer ones raise an error."


def _origin(run: RunFolder) -> str:
    source = commit()
    at = f", commit {source}" if source else ""
    trained = f", trained at commit {run.info['commit']}" if run.info.get("commit") else ""
    return (
        f"Run `{run.name}`{trained}, exported by `arithgpt export-hf` of arithgpt {__version__}{at}. To cite it, name "
        f"arithgpt with this version, the run and the SHA-256 of its weights: `{run.weights_sha256}`. Licence: MIT."
    )


def _count(run: RunFolder, name: str) -> str:
    """A whole number of run.json, `13,712`."""
    number = run.info.get(name)
    return f"{number:,}" if isinstance(number, int) else "an unknown number of"

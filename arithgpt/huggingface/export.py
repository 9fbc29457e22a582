"""A run as a folder that transformers loads: weights, config, tokeniser, the source of the model, and a card.

    model.safetensors  config.json  generation_config.json  tokenizer.json  tokenizer_config.json  *.py  README.md  LICENSE

The folder needs transformers and torch, and nothing of arithgpt. Writing it does not need transformers.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safetensors.torch import save

from arithgpt.config.tables import task_table
from arithgpt.errors import UserError, Wording
from arithgpt.huggingface.card import model_card
from arithgpt.huggingface.in_place import written_beside
from arithgpt.huggingface.source_files import exported_sources
from arithgpt.huggingface.tokenizer_files import tokenizer_files
from arithgpt.models.positions.names import SCHEMES
from arithgpt.training.checkpoint import load_tensors
from arithgpt.version import __version__
from eval.solvers.exported import MODEL_TYPE, is_exported
from tasks import STOP

if TYPE_CHECKING:
    from arithgpt.run_folder import RunFolder

MAX_NEW_TOKENS: Final = 4096
"""The most characters that `generate` writes where nothing else is said; the longest page of training has fewer."""
CLASSES: Final = {
    "AutoConfig": "configuration_arithgpt.ArithGPTConfig",
    "AutoModelForCausalLM": "modeling_arithgpt.ArithGPTForCausalLM",
}
SHAPE: Final = (
    *("n_layer", "n_embd", "heads", "kv_heads", "head_size", "mlp_ratio", "positions", "block_size", "kernel_strength"),
    *("kernel_heads", "norm", "activation", "tied", "loops", "inject", "dropout"),
)
"""The fields and properties of a ModelConfig that config.json has under the same names."""


def export_run(run: RunFolder, folder: Path, *, force: bool = False) -> None:
    """Write the folder in one step: it appears whole, or not at all.

    Args:
        run: what to export
        folder: a new or empty folder; with `force` also one of an earlier export, which is replaced
        force: whether an earlier export may be replaced

    Raises:
        UserError: the model is no GPT with a built-in position scheme, its weights cannot be used, or the folder cannot be made
    """
    _check_can_export(run)
    _check_folder(folder, force)
    model = run.load_model("cpu")
    target = folder.resolve()
    files = exported_sources() | {name: _json(values) for name, values in _settings(run, model.alphabet).items()}
    files |= {"README.md": model_card(run, model, target.name), **_licence()}
    try:
        with written_beside(target) as made:
            for name, text in files.items():
                (made / name).write_text(text, "utf-8")
            weights = {f"gpt.{name}": tensor for name, tensor in load_tensors(run.path / "weights.safetensors")[0].items()}
            (made / "model.safetensors").write_bytes(save(weights, {"format": "pt"}))
            made.chmod(0o755)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror}") from None


def _check_can_export(run: RunFolder) -> None:
    """UserError where the model is no GPT with a built-in position scheme."""
    model = run.recipe.model
    if model.arch != "gpt":
        raise UserError(f"run {run.name}: model.arch = {model.arch!r}: only a gpt can be exported")
    if not isinstance(SCHEMES[model.positions].scheme, str):
        raise UserError(
            f"run {run.name}: model.positions = {model.positions!r}: only built-in position schemes can be exported"
        )


def _check_folder(folder: Path, force: bool) -> None:
    """UserError where the folder cannot be made, or holds something that must not be replaced."""
    try:
        if not folder.resolve().parent.is_dir():
            raise UserError(f"DIR {folder}: the folder {folder.parent} does not exist")
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UserError(f"DIR {folder}: is there already and no plain folder")
        if folder.resolve() == Path.cwd():
            raise UserError(f"DIR {folder}: is the working directory, which cannot be replaced; name a folder in it")
        if not folder.exists() or not any(folder.iterdir()):
            return
    except (OSError, ValueError) as error:
        raise UserError(f"DIR {folder}: {getattr(error, 'strerror', None) or error}") from None
    if not is_exported(folder):
        raise UserError(f"DIR {folder}: is there already, with files of another kind; take another name")
    if not force:
        message = f"DIR {folder}: is there already, from an earlier export; "
        raise UserError(Wording(f"{message}force=True replaces it", f"{message}--force replaces it"))


def _settings(run: RunFolder, alphabet: str) -> dict[str, Any]:
    """The content of the JSON files, by name."""
    recipe, text, longest = run.recipe, run.recipe.text, run.recipe.model.max_length
    stop = alphabet.index(STOP) if text is None else None
    ends = {} if stop is None else {"eos_token_id": stop, "pad_token_id": stop}
    config = {
        "model_type": MODEL_TYPE,
        "architectures": ["ArithGPTForCausalLM"],
        "auto_map": CLASSES,
        "arithgpt_version": __version__,
        "alphabet": alphabet,
        "vocab_size": len(alphabet),
        "max_position_embeddings": longest,
        "task": None if text else task_table(recipe.problems),
        **{name: getattr(recipe.model, name) for name in SHAPE},
        **ends,
    }
    limit = {} if longest else {"max_new_tokens": text.context if text else MAX_NEW_TOKENS}  # else `generate` knows the limit
    generation = {"do_sample": False, **limit, **ends}
    tokenizer = tokenizer_files(alphabet, stop=None if text else STOP)
    return {"config.json": config, "generation_config.json": generation, **tokenizer}


def _json(values: Any) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _licence() -> dict[str, str]:
    """The licence of the source files, as it was installed; empty where the installation lacks it."""
    try:
        text = distribution("arithgpt").read_text("licenses/LICENSE")
    except PackageNotFoundError:
        text = None
    beside = Path(__file__).parents[2] / "LICENSE"  # in a checkout
    text = text or (beside.read_text("utf-8") if beside.is_file() else None)
    return {} if text is None else {"LICENSE": text}

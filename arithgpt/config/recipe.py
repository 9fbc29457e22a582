"""A run in one frozen, validated object: what is learned, by which model, how, and for how long.

    [task]
    name = "add"
    digits = "1-8"
    [model]
    n_embd = 48
    [train]
    max_steps = 600

Every field not named has the default below. The name of a task alone makes its built-in recipe (arithgpt/recipes/).
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import hashlib
import tomllib
from collections.abc import Mapping, Sequence, Set
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from arithgpt.data.text import Text
from arithgpt.errors import UserError
from tasks import TASKS, Task, find
from tasks.adapters.reasoning_gym import PREFIX

SWEEP = "sweep"  # the table that a file has beside those of a recipe where it is a grid of them (sweep.py)

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


def _counted(heads: object) -> object:
    """Checked here, so that one clear line says what is allowed in place of what each kind would take."""
    each = list(heads) if isinstance(heads, list | tuple) else [heads]
    if not each or not all(type(n) is int and 1 <= n <= 64 for n in each):
        raise ValueError("must be a whole number from 1 to 64, or a list of one for each block")
    return heads


Heads = Annotated[int | tuple[int, ...], BeforeValidator(_counted)]


Positions = Literal[
    *("page", "expression_page", "learned", "sinusoidal", "randomized", "randomized-sinusoidal"),
    *("abacus", "coupled", "rope", "alibi", "t5", "fire", "none"),
]

EMBEDDED = ("sinusoidal", "learned", "randomized", "randomized-sinusoidal", "abacus", "coupled", "none")
"""Schemes that are embeddings and nothing else."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class ModelConfig(Section):
    """The size and shape of the model."""

    arch: Literal["gpt", "encoder-decoder", "rnn", "lstm", "gru"] = "gpt"
    """The GPT (model.py), an encoder for the question and a decoder for the rest (encoder_decoder.py), or a recurrent net
    (recurrent.py), for which n_layer, n_embd, tied and dropout say all."""
    n_layer: Annotated[int, Field(ge=1, le=64)] = 2
    """Transformer blocks, of the encoder and of the decoder each, or recurrent layers."""
    n_head: Heads = 4
    """Attention heads a block, or of each block where they differ: [28, 16, 8]; must divide n_embd where head_dim is 0."""
    n_embd: Annotated[int, Field(ge=8, le=4096)] = 32
    """Width of the residual stream, or of a recurrent layer."""
    head_dim: Annotated[int, Field(ge=0, le=512)] = 0
    """Width of a head; 0 is n_embd / n_head."""
    mlp_ratio: Annotated[int, Field(ge=1, le=16)] = 4
    """Width of the hidden layer of a block's MLP, in units of n_embd."""
    positions: Positions = "page"
    """The position scheme (positions/). An encoder-decoder takes those that are embeddings, and sinusoidal if none is named."""
    block_size: Annotated[int, Field(ge=8, le=65536)] = 128
    """The longest page in characters that learned and randomized positions cover; for abacus and coupled, the most places of a
    number. Other schemes have no limit."""
    norm: Literal["rms", "layer"] = "rms"
    """RMSNorm or LayerNorm, either with a learned scale and no shift."""
    activation: Literal["gelu", "relu2", "swiglu"] = "gelu"
    """Of the MLP: GELU, the square of ReLU (2109.08668), or SwiGLU (2002.05202), which has a third matrix."""
    tied: bool = False
    """Whether the embeddings of characters, made smaller by sqrt(n_embd), are also the head."""
    n_kv_head: Annotated[int, Field(ge=0, le=64)] = 0
    """Heads of keys and values, each for a group of heads (2305.13245); 0 is as many as heads."""
    loops: Annotated[int, Field(ge=1, le=64)] = 1
    """How many times the blocks are applied, one after the other (2409.15647)."""
    inject: bool = False
    """Whether the embeddings are added again before each loop but the first."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of features that training sets to zero, of the embeddings and of what each part of a block adds."""
    prompt_end: Annotated[str, Field(min_length=1, max_length=16)] = "="
    """What the question of a page ends with, where an encoder reads it: the first on the page is meant."""

    @model_validator(mode="before")
    @classmethod
    def _positions_of_2017(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("arch") == "encoder-decoder":
            return {"positions": "sinusoidal"} | given
        return given

    @model_validator(mode="after")
    def _positions_fit(self) -> ModelConfig:
        if self.reads_question and self.positions not in EMBEDDED:
            raise ValueError(f"positions = {self.positions!r}: arch = 'encoder-decoder' takes {', '.join(EMBEDDED)}")
        return self

    @model_validator(mode="after")
    def _heads_fit(self) -> ModelConfig:
        if not self.attends:
            return self
        if isinstance(self.n_head, tuple):
            if len(self.n_head) != self.n_layer:
                raise ValueError(f"n_head = {list(self.n_head)}: must be one number, or {self.n_layer}: one for each block")
            if self.head_dim == 0:
                raise ValueError(f"n_head = {list(self.n_head)}: head_dim must say how wide heads are whose numbers differ")
        elif self.head_dim == 0 and self.n_embd % self.n_head:
            raise ValueError(f"n_embd = {self.n_embd}: must be a multiple of n_head = {self.n_head}")
        if any(n_head % n_kv_head for n_head, n_kv_head in zip(self.heads, self.kv_heads, strict=True)):
            raise ValueError(f"n_kv_head = {self.n_kv_head}: must divide n_head = {self.n_head}")
        return self

    @property
    def attends(self) -> bool:
        """Whether it attends, so that heads and positions have a say."""
        return self.arch in ("gpt", "encoder-decoder")

    @property
    def reads_question(self) -> bool:
        """Whether it reads a question up to its prompt_end before it writes anything."""
        return self.arch == "encoder-decoder"

    @property
    def heads(self) -> tuple[int, ...]:
        """The attention heads of each block."""
        return self.n_head if isinstance(self.n_head, tuple) else (self.n_head,) * self.n_layer

    @property
    def kv_heads(self) -> tuple[int, ...]:
        """The heads of keys and values of each block."""
        return (self.n_kv_head,) * self.n_layer if self.n_kv_head else self.heads

    @property
    def head_size(self) -> int:
        """The width of a head."""
        return self.head_dim or self.n_embd // self.heads[0]


class OptimConfig(Section):
    """How the weights are changed."""

    name: Literal["muon", "adamw"] = "muon"
    """muon: Muon for the matrices of the blocks and AdamW for the rest; adamw: AdamW for all."""
    muon_lr: Annotated[float, Field(gt=0, le=1)] = 0.03
    """Peak learning rate of Muon."""
    adamw_lr: Annotated[float, Field(gt=0, le=1)] = 5e-3
    """Peak learning rate of AdamW."""
    weight_decay: Share = 0.0
    """Decoupled weight decay, on matrices only."""
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    """Steps over which the learning rate rises from zero."""
    cooldown_fraction: Share = 0.5
    """Share of all steps, at the end, over which the learning rate falls linearly."""
    grad_clip: Annotated[float, Field(gt=0)] = 1.0
    """The largest norm of the gradient; a larger one is scaled down to it."""


class TrainConfig(Section):
    """How long to train and how often to look."""

    batch_size: Annotated[int, Field(ge=1, le=1 << 20)] = 64
    """Problems a step."""
    max_steps: Annotated[int, Field(ge=1, le=100_000_000)] = 500
    """Steps at most."""
    target_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.999
    """The share of held-out problems that must be right at every length of training."""
    stop_early: bool = True
    """Stop as soon as the target holds at two looks in a row."""
    eval_every: Positive = 40
    """Steps between two looks at held-out problems."""
    eval_samples: Positive = 256
    """Held-out problems a length at each look."""
    checkpoint_every: Positive = 200
    """Steps between two checkpoints."""


class Data(Section):
    """What training meets where it is no endless stream (training_set.py)."""

    train_size: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Different problems to train on, met again and again, shuffled anew each time; 0: an endless stream."""
    pages: str = ""
    """A file of pages to be learned beside the task's (own_pages.py), as `arithgpt improve` writes it; empty: none."""
    pages_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Their share of each step."""
    pages_sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    """Their hash, put in when the run begins; another file is then refused."""


class Removal(Section):
    """The working that training writes and takes away, from its start on, until only the answer is left (removal.py)."""

    every: Annotated[int, Field(ge=0)] = 0
    """Steps until more of the working is left out; 0: none is written to begin with. Needs task.scratchpad = false."""
    characters: Positive = 1
    """How many are left out at a time."""
    after: Annotated[int, Field(ge=0)] = 0
    """Steps before that with the whole working."""
    smoothing: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Above 0 each page may lose o characters more, with a chance in proportion to exp(-smoothing * o)."""
    reset: bool = True
    """Forget what the optimiser remembers each time."""


class Start(Section):
    """The weights that training begins with (start.py)."""

    run: str = ""
    """The run whose weights they are; empty: random ones, by the seed."""
    weights: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    """Their hash, put in when the run begins; another run of the same name is then refused."""


class Recipe(Section):
    """Everything that decides what a run learns."""

    task: dict[str, Any]
    """name and options of the task (tasks/)."""
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    data: Data = Data()
    cot_removal: Removal = Removal()
    start: Start = Start()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the initial weights and of the stream of problems."""

    @model_validator(mode="after")
    def _sections_fit(self) -> Recipe:
        if self.text and self.data != Data():
            raise ValueError("data: a text has no problems and no pages beside its own; it is finite as it is")
        if self.cot_removal.every and (self.text or self.problems.worked is None):
            why = "task.scratchpad = false, as training writes the working and takes it away"
            raise ValueError(f"cot_removal.every = {self.cot_removal.every}: needs a task with a working, and {why}")
        return self

    @cached_property
    def problems(self) -> Task:
        """The task with its options. UserError where the run learns a text, which has no problems."""
        if isinstance(self._learned, Text):
            raise UserError("task text: a text has no problems and no answers; eval, sample and inspect take a run of it")
        return self._learned

    @property
    def text(self) -> Text | None:
        """The text with its options, where the run learns one."""
        return self._learned if isinstance(self._learned, Text) else None

    @property
    def alphabet(self) -> str:
        """The characters of the model; empty for a text whose file has not been read (start.py)."""
        if self.text:
            return self.text.characters
        return self.problems.worked.alphabet if self.cot_removal.every else self.problems.alphabet

    @cached_property
    def _learned(self) -> Task | Text:
        options = {key: value for key, value in self.task.items() if key != "name"}
        return _task_adapter(self.task["name"]).validate_python(options)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of everything that decides what a run learns, the number of steps included.

        It leaves out how often a checkpoint is written, and the names of files and runs whose content is known by a hash.
        """
        return self._hash({"checkpoint_every"})

    @cached_property
    def resume_identity(self) -> str:
        """The identity without the limits that `train --resume` may change; weights and checkpoints carry it."""
        return self._hash(TrainConfig.model_fields.keys() - {"batch_size"})

    def _hash(self, ignored: Set[str]) -> str:
        """SHA-256 of all fields, without those of `train` that are ignored."""
        fields = self.model_dump(mode="json")
        fields["train"] = {name: value for name, value in fields["train"].items() if name not in ignored}
        if self.text and self.text.sha256:
            del fields["task"]["path"]
        if self.start.weights:
            del fields["start"]["run"]
        if self.data.pages_sha256:
            del fields["data"]["pages"]
        return hashlib.sha256(tomli_w.dumps(fields).encode()).hexdigest()

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(mode="json"))

    @staticmethod
    def from_dict(data: Mapping[str, Any], source: str) -> Recipe:
        """Validate. UserError names the source, the field, the value and what is allowed."""
        try:
            if not isinstance(data.get("task", {}), dict):
                raise UserError(f"{source}: task = {data['task']!r}: must be a table with a name")
            name = data.get("task", {}).get("name")
            if name is None:
                raise UserError(f"{source}: task.name is missing")
            check_task_name(name, f"{source}: task.name = ")
            given = _task_adapter(name).validate_python({k: v for k, v in data["task"].items() if k != "name"})
            options = TypeAdapter(type(given)).dump_python(given, mode="json")
            task = {"name": name} | {key: value for key, value in options.items() if key not in given.idle}
            return Recipe(**{**data, "task": task})
        except ValidationError as error:
            raise UserError(f"{source}: {_first_fault(error, _kind(name))}") from None

    @staticmethod
    def from_toml(text: str, source: str) -> Recipe:
        """Parse and validate. UserError for text that is no TOML or no recipe."""
        return Recipe.from_dict(_parse(text, source), source)


def load_recipe(
    *,
    task: str | None = None,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Recipe:
    """A task's built-in recipe or a file's, with `overrides` such as "model.n_layer=3" and then `options` on top.

    options: dotted field -> value; None values are left out
    Raises UserError for an unknown task, an unreadable file, or a field that is unknown or out of range.
    """
    if file is not None:
        data, source = read_tables(file, f"--recipe {file}"), str(file)
        if SWEEP in data:
            raise UserError(f"--recipe {file}: has a table [{SWEEP}], which makes it many recipes: arithgpt sweep {file}")
        named = data["task"].get("name") if isinstance(data.get("task"), dict) else None
        if task is not None and task != named:
            raise UserError(f"--task {task}: the recipe {file} is for task {named!r}")
    else:
        name = check_task_name(task or "add")
        data, source = _parse(_built_in(name), name), "recipe"
        data["task"]["name"] = name
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise UserError(f"--set {override}: must be FIELD=VALUE, as in model.n_layer=3")
        _put(data, key.strip(), toml_value(value.strip()))
    for key, value in (options or {}).items():
        if value is not None:
            _put(data, key, value)
    return Recipe.from_dict(data, source)


def read_tables(file: Path, where: str) -> dict[str, Any]:
    """What a TOML file says, unchecked. UserError, beginning with `where`, for one that cannot be read or is no TOML."""
    try:
        return _parse(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def changed(data: Mapping[str, Any], values: Mapping[str, Any], source: str) -> Recipe:
    """The recipe that tables make with some fields changed; `values` are by dotted field. UserError as from `from_dict`."""
    own = copy.deepcopy(dict(data))
    for key, value in values.items():
        _put(own, key, value)
    return Recipe.from_dict(own, source)


def check_task_name(name: object, where: str = "--task ") -> str:
    """The name, if a task has it; else a UserError that says where it stands and suggests a near one."""
    try:
        return _kind(name).name
    except ValueError as error:
        raise UserError(f"{where}{error}; and {Text.name} for a file of text") from None


def _built_in(name: str) -> str:
    """The built-in recipe of a task as TOML; all datasets of reasoning-gym share one."""
    file = "rg.toml" if name.startswith(PREFIX) else f"{name}.toml"
    return resources.files("arithgpt.config.presets").joinpath(file).read_text("utf-8")


def _kind(name: object) -> type[Task] | type[Text]:
    """What is learned, by name. ValueError as from `tasks.find`."""
    return Text if name == Text.name else find(name)


def _task_adapter(name: str) -> TypeAdapter[Task | Text]:
    for task in (*TASKS.values(), _kind(name)):  # a mixture has others as its fields
        task.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]  the contract of a stdlib dataclass
    return TypeAdapter(_kind(name))


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: not TOML: {error}") from None
    return data


def toml_value(text: str) -> Any:
    """What a value on the command line means: TOML where it is TOML (3, 0.5, true, [1, 8]), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _put(data: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for key in path:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise UserError(f"--set {dotted}: {key} is no table")
    data[last] = value


def _first_fault(error: ValidationError, task: type[Task] | type[Text]) -> str:
    fault = error.errors(include_url=False)[0]
    place = [str(part) for part in fault["loc"]]
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        fields = _fields(place[:-1], task if error.title == task.__name__ else None)
        near = difflib.get_close_matches(place[-1], fields, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"{'.'.join(place)}: no such field; {hint}there are: {', '.join(fields)}"
    message = fault["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if not place:
        return message
    return f"{'.'.join(place)} = {fault['input']!r}: {message}"


def _fields(path: list[str], task: type[Task] | type[Text] | None) -> list[str]:
    """The fields of the section an error is about: of a task, or of the recipe where it is None."""
    if task is not None:
        for part in path:  # the tasks of a mixture are fields of it
            task = get_type_hints(task)[part]
        return [*([] if path else ["name"]), *(field.name for field in dataclasses.fields(task))]
    section: type[BaseModel] = Recipe
    for part in path:
        section = section.model_fields[part].annotation  # type: ignore[assignment]
    return list(section.model_fields)

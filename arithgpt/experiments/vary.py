"""The variants of a recipe: what `--vary FIELD=VALUES` means.

    parse_variants(base, ["positions=page,rope", "n_layer=2,3"])
    baseline          page, 2 layers
    positions rope    rope, 2 layers
    n_layer 3         page, 3 layers

The baseline has the first value of each field, or the recipe's own value. Every other variant changes one field.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arithgpt.config.recipe import Recipe, toml_value
from arithgpt.errors import UserError
from tasks.core.near import near_names

COMMA = re.compile(r""",(?![^\[]*\])(?=(?:[^"]*"[^"]*")*[^"]*$)""")
"""A comma outside of brackets and quotes."""


@dataclass(frozen=True)
class Variant:
    """A name, and the value of every field that varies."""

    name: str
    values: Mapping[str, Any]
    """Dotted field -> value."""


def parse_variants(base: Recipe, varied: Sequence[str], *, own_baseline: bool) -> list[Variant]:
    """Parse what varies.

    Args:
        base: the recipe that is varied
        varied: one text for each field, as in "positions=page,rope"
        own_baseline: whether the baseline has the recipe's own values; otherwise it has the first value of each field

    Returns:
        The baseline, and a variant for each other value of each field.

    Raises:
        UserError: a field is unknown, ambiguous, given twice or may not vary, or its values are not different.
    """
    fields: dict[str, list[Any]] = {}
    for text in varied:
        field, values = _parse_field(text, base)
        if field in fields:
            raise UserError(f"--vary {text}: {field} is varied twice")
        if own_baseline:
            own = _get(base.model_dump(mode="json"), field)
            if own is None:
                raise UserError(f"--vary {text}: the recipe does not say its own {field}; leave --baseline out")
            values = [own, *(value for value in values if value != own)]
        if any(values.count(value) > 1 for value in values):
            raise UserError(f"--vary {text}: has a value twice")
        if len(values) < 2 and own_baseline:
            raise UserError(f"--vary {text}: has no other value than the recipe's own")
        if len(values) < 2:
            raise UserError(f"--vary {text}: has one value; --baseline compares it with the recipe's own")
        fields[field] = values
    if not fields:
        raise UserError("ablate: needs a field to vary, as in --vary positions=page,rope")
    return _make_variants(fields)


def find_field(name: str, recipe: Recipe) -> str:
    """Find the dotted name of a field, such as `model.positions` for positions.

    Args:
        name: a dotted name, or the last part of one
        recipe: the recipe that is varied

    Raises:
        UserError: the field is unknown, ambiguous, or may not vary.
    """
    known = [*_dotted_fields(recipe)]
    found = [name] if name in known else [field for field in known if field.endswith(f".{name}")]
    if len(found) > 1:
        raise UserError(f"--vary {name}: may be {' or '.join(found)}; name it in full")
    if not found:
        last_parts = [field.rpartition(".")[2] for field in known]
        near = near_names(name, [*known, *last_parts])
        raise UserError(f"--vary {name}: no such field{f'; did you mean {near[0]}?' if near else ''}")
    [field] = found
    if field == "seed":
        raise UserError("--vary seed: every variant has the same seeds, as many as --seeds says")
    if field.startswith("train.") and field != "train.batch_size":
        raise UserError(f"--vary {name}: every variant has the same budget; --set {field}=VALUE changes it for all")
    return field


def _parse_field(text: str, base: Recipe) -> tuple[str, list[Any]]:
    """Parse `positions=page,rope` into the dotted field and its values."""
    name, equals, listed = text.partition("=")
    values = [toml_value(value.strip()) for value in COMMA.split(listed)]
    if not equals or not name.strip() or "" in values:
        raise UserError(f"--vary {text}: must be FIELD=VALUE,VALUE,..., as in positions=page,rope")
    return find_field(name.strip(), base), values


def _make_variants(fields: Mapping[str, list[Any]]) -> list[Variant]:
    """Make the baseline from the first values, and a variant for each other value."""
    baseline = {field: values[0] for field, values in fields.items()}
    others = [(field, value) for field, values in fields.items() for value in values[1:]]
    if len(fields) == 1:
        variants = [Variant(_format(value), baseline | {field: value}) for field, value in others]
        return [Variant(_format(*baseline.values()), baseline), *variants]
    variants = [Variant(f"{_short(field, fields)} {_format(value)}", baseline | {field: value}) for field, value in others]
    return [Variant("baseline", baseline), *variants]


def _format(value: Any) -> str:
    """Write a value as part of a name."""
    return value if isinstance(value, str) and value else json.dumps(value)


def _short(field: str, fields: Mapping[str, Any]) -> str:
    """Shorten a dotted name to its last part, where this is unique."""
    last = field.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in fields) == 1 else field


def _get(tables: Mapping[str, Any], field: str) -> Any:
    """Get the value of a dotted field; None where there is none."""
    value: Any = tables
    for key in field.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _dotted_fields(recipe: Recipe) -> Iterator[str]:
    """List every field of a recipe, including the options of its task and of the tasks that this one mixes."""

    def options(of: Any, prefix: str) -> Iterator[str]:
        for option in dataclasses.fields(of):
            value = getattr(of, option.name)
            yield f"{prefix}.{option.name}"
            if dataclasses.is_dataclass(value):
                yield from options(value, f"{prefix}.{option.name}")

    for section in ("model", "optim", "train", "init"):
        yield from (f"{section}.{field}" for field in type(getattr(recipe, section)).model_fields)
    yield from options(recipe.problems, "task")
    yield "seed"

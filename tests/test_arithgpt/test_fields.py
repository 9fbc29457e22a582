"""The description of every field of a recipe, and the commented TOML that is made from it."""

import tomllib
from dataclasses import dataclass
from typing import ClassVar

import pytest
from helpers.paths import MAXIMUM_TASK

from arithgpt.config.fields import FieldDoc, attribute_docs, recipe_fields, section_types, task_fields, to_commented_toml
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.data.text import Text
from arithgpt.errors import UserError
from arithgpt.proof.families.covered import COVERED
from tasks.outside import load_task_file
from tasks.registration import BUILT_IN, unregister

TASKS = sorted([*BUILT_IN, Text.name])


def by_name(docs: list[FieldDoc]) -> dict[str, FieldDoc]:
    return {doc.name: doc for doc in docs}


def leaves(table: dict[str, object], prefix: str = "") -> set[str]:
    """The dotted names of all values."""
    found = set()
    for key, value in table.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


@pytest.mark.parametrize("task", TASKS)
def test_every_field_of_a_recipe_is_described_with_its_default(task: str) -> None:
    docs = by_name([*recipe_fields(), *task_fields(task)])
    recipe = Recipe.from_dict({"task": {"name": task}}, "here")
    assert leaves(recipe.model_dump(mode="json")) == docs.keys() | {"task.name"}
    assert [doc.name for doc in docs.values() if not doc.meaning or "\n" in doc.meaning or not doc.type] == []
    defaults = {name: doc.default for name, doc in docs.items() if doc.default is not None}
    assert recipe.with_fields(defaults) == recipe


def test_types_are_described_in_words() -> None:
    docs = by_name([*recipe_fields(), *task_fields("add"), *task_fields("arith")])
    assert docs["model.n_layer"][1:3] == ("whole number from 1 to 64", 2)
    assert docs["model.dropout"].type == "number from 0 and below 1"
    assert docs["train.target_accuracy"].type == "number above 0 and up to 1"
    assert docs["data.pages_share"].type == "number above 0 and below 1"
    assert docs["train.batch_size"].type == "whole number from 1 to 1,048,576"
    assert docs["seed"].type == "whole number from 0 and below 2**63"
    assert docs["optim.name"][1:5:3] == ("muon or adamw", ("muon", "adamw"))
    assert docs["model.tied"].choices == ("true", "false")
    assert docs["model.n_head"].type == "whole number or list of whole numbers"
    assert docs["task.weights"].type == "list of numbers"
    assert "task.mul.scratchpad" in docs


@pytest.mark.parametrize("doc", [doc for doc in recipe_fields() if doc.choices], ids=lambda doc: doc.name)
def test_a_choice_has_all_values_and_no_other(doc: FieldDoc) -> None:
    for choice in doc.choices:
        try:
            said = str(load_recipe(task="mul", overrides=[f"{doc.name}={choice}"]).to_toml())
        except UserError as error:  # another field may forbid it
            said = str(error)
        assert f"{doc.name} = {choice!r}: " not in said
    with pytest.raises(UserError, match=f"{doc.name} = "):
        load_recipe(task="mul", overrides=[f"{doc.name}=nothing-like-it"])


@pytest.mark.parametrize("task", TASKS)
def test_commented_toml_is_the_same_recipe(task: str) -> None:
    for proven in {False, task in COVERED}:
        recipe = load_recipe(task=task, options={"seed": 7}, proven=proven)
        text = to_commented_toml(recipe)
        assert Recipe.from_toml(text, "here") == recipe
        assert tomllib.loads(text) == tomllib.loads(recipe.to_toml())
        lines = text.splitlines()
        for doc in [*recipe_fields(), *task_fields(task)]:
            first = doc.meaning.split()[0]
            assert any(line.startswith(f"# {first}") for line in lines), doc
        for number, line in enumerate(lines):
            if " = " in line and line[0] not in "# ":
                assert lines[number - 1].startswith("# "), line


def test_text_that_looks_like_toml_stays_as_it_is() -> None:
    awkward = '[model]\nseed = 3\n# "x" = \t\\'
    recipe = load_recipe(task="text", options={"task.path": awkward, "task.characters": "# =\n[]\"'"})
    assert Recipe.from_toml(to_commented_toml(recipe), "here") == recipe


def test_sections_say_what_they_are_about() -> None:
    assert list(section_types()) == ["model", "optim", "train", "data", "cot_removal", "init"]
    assert all(kind.__doc__ for kind in section_types().values())


def test_a_task_of_a_file_is_described_from_its_source() -> None:
    (maximum,) = load_task_file(MAXIMUM_TASK)
    unregister(maximum.name)
    assert [doc[:3] for doc in task_fields(maximum)] == [("task.longest", "whole number", 5)]
    assert task_fields(maximum)[0].meaning


def test_docstrings_of_fields_are_inherited() -> None:
    @dataclass
    class Base:
        first: int = 1
        """What is
        first."""
        second: int = 2

    @dataclass
    class Derived(Base):
        second: int = 3
        """What is second."""
        third: ClassVar[int] = 3

    assert attribute_docs(Derived) == {"first": "What is first.", "second": "What is second."}
    assert attribute_docs(type("Made", (), {"__annotations__": {"x": int}})) == {}


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UserError, match="nope: no such task"):
        task_fields("nope")

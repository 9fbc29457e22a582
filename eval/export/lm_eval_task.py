"""A task for lm-evaluation-harness: the problems that `eval` asks, as a folder that it reads without the network.

arithgpt_mul.yaml     how to ask and how to score: generate_until, exact_match of a strict and of a lenient reading
arithgpt_mul.jsonl    {"question": "123*45", "answer": "5535", "left_digits": 3, "right_digits": 2}
data.py               reads that file, wherever the folder lies
README.md             what it is and how to run it

prompt      12*34=408           solved examples of training, none with an answer that is asked for
            123*45=
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from eval.export.card import MARK
from eval.export.dataset import Export, Row
from tasks import ProblemSize, Task
from tasks.sizes import field_names

MAX_PROBLEMS, MAX_SHOTS = 100_000, 64
MAX_DRAWS, BATCH = 200, 64
"""Draws of so many problems each, in search of solved examples."""
STRICT = r"^\s*(-?[0-9]+(?: r -?[0-9]+)?|division by zero)\s*$"
LENIENT = "(-?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?: r -?[0-9]+)?|division by zero)"
"""How a reply is read: strictly it must be an answer, leniently it contains one, perhaps with commas between thousands."""
REMAINDER, FRACTION = "(?: r -?[0-9]+)?", r"(?:\.[0-9]+)?"
"""What may follow the whole number of an answer; FRACTION where the task has decimals."""

DATA = '''\
"""Reads the problems beside this file: {"question": "123*45", "answer": "5535", ...} a line."""

import json
from pathlib import Path

import datasets


def load(**_):
    lines = Path(__file__).with_name("NAME.jsonl").read_text("utf-8").splitlines()
    return {"test": datasets.Dataset.from_list([json.loads(line) for line in lines])}
'''


def lm_eval_task(
    task: Task,
    *,
    n: int,
    sizes: Sequence[ProblemSize] | None,
    suite: str | None,
    shots: int,
    seed: int,
    command: str,
    version: str,
) -> dict[str, str]:
    """Make the files of the folder.

    Args:
        task: The task.
        n: Problems, shared evenly by the sizes.
        sizes: The sizes to ask; None: those of training.
        suite: The suite to ask; None: random.
        shots: Solved examples before each question.
        seed: The same seed gives the same files.
        command: The command that made it, for the README.
        version: The version of arithgpt, and of what else decides the problems.

    Returns:
        The texts of the files by their names.

    Raises:
        ValueError: a number is out of range, the task has no such suite, too few different problems, or free-text answers.
    """
    for name, value, least, most in (("n", n, 1, MAX_PROBLEMS), ("shots", shots, 0, MAX_SHOTS)):
        if not least <= value <= most:
            raise ValueError(f"{name} = {value}: must be from {least} to {most:,}")
    if task.answer_kind == "text":
        raise ValueError(f"task {task.name}: its answers are free text, which exact_match cannot judge")
    rows = list(Export(task, n, "test", suite, sizes, seed).rows())
    name = f"arithgpt_{task.name}"
    lines = [json.dumps(_line(task, row)) + "\n" for row in rows]
    return {
        f"{name}.jsonl": "".join(lines),
        f"{name}.yaml": _yaml(task, name, _shots(task, shots, seed, rows)),
        "data.py": DATA.replace("NAME", name),
        "README.md": _readme(task, name, suite or "random", len(rows), command, version),
    }


def _line(task: Task, row: Row) -> dict[str, str | int]:
    """What the data file says of one problem."""
    lengths = {side: row["metadata"][side] for side in field_names(task.size_names)}
    return {"question": row["question"], "answer": row["answer"]} | lengths


def _shots(task: Task, k: int, seed: int, rows: Sequence[Row]) -> list[dict[str, str]]:
    """k different problems of training, without those whose answers are asked for: so no prompt gives one away."""
    asked = {row["answer"] for row in rows}
    examples: dict[str, str] = {}
    rng = np.random.default_rng([seed, 1])
    for _ in range(MAX_DRAWS):
        problems = task.sample(rng, BATCH)
        for question in task.questions(problems[~task.held_out(problems)]):
            if len(examples) == k:
                return [{"question": task.question_text(question), "answer": answer} for question, answer in examples.items()]
            if (answer := task.answer(question)) not in asked:
                examples[question] = answer
    raise ValueError(f"shots = {k}: only {len(examples)} problems are left whose answers are not asked for")


def _yaml(task: Task, name: str, shots: list[dict[str, str]]) -> str:
    """The YAML file. Texts are quoted as JSON, which YAML reads alike."""
    samples = "".join(f"\n    - {json.dumps(shot)}" for shot in shots)
    fewshot = (
        f"num_fewshot: {len(shots)}\nfewshot_config:\n  sampler: first_n\n  samples:{samples}\n"
        if shots
        else "num_fewshot: 0\n"
    )
    has_decimals = task.answer_kind == "decimal"
    strict, lenient = (text.replace(REMAINDER, FRACTION) if has_decimals else text for text in (STRICT, LENIENT))
    return f"""\
# {task.summary[0].upper()}{task.summary[1:]}
task: {name}
tag: arithgpt
custom_dataset: !function data.load
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}="
doc_to_target: "{{{{answer}}}}"
target_delimiter: ""
fewshot_delimiter: "\\n"
{fewshot}generation_kwargs:
  until: ["\\n"]
  do_sample: false
  temperature: 0.0
  max_gen_toks: 256
filter_list:
  # strict: the whole reply is an answer
  - name: strict
    filter:
      - function: regex
        regex_pattern: {json.dumps(strict)}
      - function: take_first
  # lenient: the last number of the reply, with its {"decimals" if has_decimals else "remainder"}
  - name: lenient
    filter:
      - function: regex
        group_select: -1
        regex_pattern: {json.dumps(lenient)}
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    regexes_to_ignore: [","]
metadata:
  version: {task.version}
"""


def _readme(task: Task, name: str, suite: str, n: int, command: str, version: str) -> str:
    """The README."""
    assert MARK in command
    quotient, decimals = "A quotient with its remainder is `142 r 7`.", "Zeros at the end of decimals are dropped."
    answer_form = decimals if task.answer_kind == "decimal" else quotient
    return f"""\
# {name}: {n:,} problems for lm-evaluation-harness

{task.summary[0].upper()}{task.summary[1:]}; suite `{suite}`. Needs no network:

    lm_eval --model hf --model_args pretrained=MODEL --include_path FOLDER --tasks {name}

where FOLDER is this folder. It asks `123*45=` after solved examples, and scores `exact_match` twice: `strict`, where the whole
reply has to be the answer, and `lenient`, which takes the last number of the reply. {answer_form}
No example is held out of arithgpt's training, and none has an answer that is asked for.

Made by arithgpt {version} with

    {command}

Every answer was computed from its question by Python's own arithmetic. Licence: MIT
"""

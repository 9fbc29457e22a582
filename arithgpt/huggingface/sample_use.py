"""The code sample of a model card, with what it prints: the run's own completions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from arithgpt.data.text import Text, encode
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.huggingface.digit_order import digit_order
from arithgpt.inference.generate import stream
from arithgpt.inference.sample import sample_text
from arithgpt.inference.sampler import greedy
from tasks import STOP, Task

if TYPE_CHECKING:
    from arithgpt.config.tables import TaskOrText
    from arithgpt.inference.backend import Model
    from tasks import Problems

CHARACTERS: Final = 16
"""What a model writes in the example of a text."""
MAX_NEW_TOKENS: Final = 512
"""The most that a model of a task writes in the example."""
PAGE: Final = 24
"""The example asks problems with pages of about as many characters."""
DRAWN: Final = 256
MIN_PROMPTS, MAX_PROMPTS = 2, 6

TEMPLATE: Final = """\
Needs `pip install transformers torch`, and nothing of arithgpt. Run this where the folder stands:

```python
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

folder = {folder}
tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
prompts = tokenizer({prompts}, return_tensors="pt"{padding})
written = model.generate(**prompts, max_new_tokens={limit})
for row in written[:, prompts.input_ids.shape[1] :]:
    print(repr(tokenizer.decode(row, skip_special_tokens=True)))
```

It prints

```
{printed}
```

{notes}

Good to know:

- `trust_remote_code=True` runs the Python files of the folder: the source of the model, for you to read.
- Keep the weights in float32. Half precision does not hold places on a page, and raises an error.
- A character that the vocabulary lacks raises an error."""
BATCHES: Final = """
- Prompts of a batch may have different lengths, padded on the left with their `attention_mask`, as the tokeniser does it.
  Padding on the right raises an error."""


def sample_use(task: TaskOrText, model: Model, folder: str) -> str:
    """Write the sample.

    Args:
        task: what the model was trained on
        model: on a CPU
        folder: the name of the exported folder
    """
    if isinstance(task, Text):
        prompts, limit, notes = [_first_words(model.alphabet)], CHARACTERS, _text_notes(task, model)
        ids = sample_text(model, encode(prompts[0], model.alphabet), limit, greedy)
        completions, padding, batches = ["".join(model.alphabet[id] for id in ids)], "", ""
    else:
        prompts, notes = _problems(task)
        room = MAX_NEW_TOKENS if model.max_length is None else model.max_length - max(map(len, prompts))
        limit, padding, batches = min(MAX_NEW_TOKENS, room), ", padding=True", BATCHES
        written = ("".join(stream(model, Tokenizer(model.alphabet), prompt, limit)) for prompt in prompts)
        completions = [text.removesuffix(STOP) for text in written]
    values = {"folder": json.dumps(folder), "prompts": json.dumps(prompts), "padding": padding, "limit": limit}
    return TEMPLATE.format(**values, printed="\n".join(map(repr, completions)), notes=notes) + batches


def _problems(task: Task) -> tuple[list[str], str]:
    """Prompts of a problem of each subtask, at least two, and a list of what they ask."""
    rng = np.random.default_rng(0)
    prompts, lines = [], []
    subtasks = list(task.subtasks.values())
    for subtask in (subtasks * MIN_PROMPTS)[: max(MIN_PROMPTS, min(len(subtasks), MAX_PROMPTS))]:
        problem = _of_middling_length(subtask, rng)
        [question], [prompt] = subtask.questions(problem), subtask.prompts(problem).to_strings()
        prompts.append(prompt)
        shown, right = (repr(text)[1:-1] for text in (prompt, subtask.answer(question)))
        lines.append(f"- `{shown}` asks {_in_words(subtask, question)}; the right answer is `{right}`.")
    order = digit_order(task)
    return prompts, "\n".join(
        [
            f"A prompt is the beginning of a page. The model writes the rest, up to the stop `{STOP}`. `arithgpt tasks` shows",
            "the pages of all tasks. Here:",
            "",
            *lines,
            *(["", order] if order else []),
        ]
    )


def _in_words(task: Task, question: str) -> str:
    """Quote a question, and say the form of its answer in words: `6*0 to 0` becomes 6*0, quoted, rounded to 0 decimals."""
    short, said = task.expression_only(question), task.question_text(question)
    if not said.startswith(short):  # a question with a text of its own
        short, said = question, question
    return f"`{repr(short)[1:-1]}`{said.removeprefix(short)}"


def _of_middling_length(task: Task, rng: np.random.Generator) -> Problems:
    """Draw one problem whose page is neither trivial nor long."""
    problems = task.sample(rng, DRAWN)
    nearest = int(np.abs(task.pages(problems).total - PAGE).argmin())
    return problems[nearest : nearest + 1]


def _text_notes(text: Text, model: Model) -> str:
    end = f"up to {model.max_length} characters in all" if model.max_length else f"for {text.context} characters"
    return f"Nothing ends a text: without `max_new_tokens` it goes on {end}."


def _first_words(alphabet: str) -> str:
    """A prompt for a text: `The `, or where the alphabet lacks a character of it the first one of the alphabet."""
    return "The " if set("The ") <= set(alphabet) else alphabet[0]

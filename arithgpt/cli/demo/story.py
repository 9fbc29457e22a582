"""What the demo tells: each step with its text, the command that it runs, and what to say of the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

ADDER, LEARNED = "adder", "learned"
"""The names of the two runs."""

SHORTENED: Final = ("--steps", "20", "--set", "train.eval_every=20", "--set", "train.eval_samples=4")
"""Options of training that make a demo of seconds, in which nothing is learned."""


class Step(NamedTuple):
    """A command of the demo."""

    title: str
    text: str
    arguments: tuple[str, ...]
    """What is typed after `arithgpt`."""
    after: Mapping[int, str]
    """What is said by the exit status; another status is a failure."""


def story(quick: bool) -> list[Step]:
    """Return the steps in their order.

    Args:
        quick: train for a moment only, and ask few problems
    """
    shortened = SHORTENED if quick else ()
    few = "5" if quick else "100"
    return [
        Step(
            "An adder learns from nothing",
            "A GPT with random weights learns to add numbers of 1 to 8 digits. Problems are made on the way, and those of the "
            "table are held out: they are never trained on. Its heads read fixed cells of the page, such as the digit above, "
            "so that training can go on until a proof says that it is right at every length.",
            ("train", "--task", "add", "--digits", "8", *shortened, "--name", ADDER),
            {0: "All of it is in one folder: the recipe, the weights, the log; and a certificate where it is proven."},
        ),
        Step(
            "How far can it be trusted?",
            "It has seen 8 digits at most. The table measures it on other problems, each length with a 95% interval, and goes "
            "on to 100 digits, far beyond training. The suites below ask what is hard: carries through every column, 99...9+1.",
            ("eval", ADDER, "--digits", "1-8,20,100", "--samples", few),
            {0: "A table can only say how often the model was right so far. The next two steps show why that is not enough."},
        ),
        Step(
            "A model that looks right",
            "This one learns itself where its heads look. Training stops when it gets all held-out problems right at each "
            "length, or 99.9% of them, twice in a row.",
            ("train", "--task", "add", "--digits", "8", "--set", "model.kernel_strength=0", *shortened, "--name", LEARNED),
            {0: "Many would stop here, and publish the last line of that table."},
        ),
        Step(
            "The smallest wrong sum",
            "Is it right? falsify searches for a sum that goes wrong, and makes it as small as it can.",
            ("falsify", LEARNED),
            {
                1: "It writes a wrong sum, and the drawing shows the column. Held-out problems are drawn at random, and sums "
                "like this one are rare among them. Exit status 1 says that it was falsified.",
                0: "No wrong sum was found this time, which is no proof. Another one (train --seed 1) may have one.",
            },
        ),
        Step(
            "A proof",
            "The first model needs no search. Each digit that it writes depends on a few cells of the page, so all the cases "
            "can be enumerated; prove bounds each of them, whatever else stands on the page.",
            ("prove", ADDER),
            {
                0: "So it adds any two numbers, of any length. docs/proof.md says what is assumed.",
                1: "It is not proven: it was trained for too short a time. prove shows what is missing.",
            },
        ),
        Step(
            "Ask it",
            "Every answer is written by the GPT, character by character, and then checked with Python's integers.",
            ("calc", "--run", ADDER, "123+456", "99999999+1", f"{'9' * 40}+{'1' * 40}"),
            {
                0: "Numbers of 40 digits, after training on 8.",
                1: "Some answers are wrong: it was trained for too short a time.",
            },
        ),
        Step(
            "The calculator that ships",
            "A larger GPT, trained in the same way, comes with the package. It works whole expressions out on the page: here a "
            "long multiplication, line by line.",
            ("calc", "--working", "123*45"),
            {0: "That is all. Without an expression, `arithgpt calc` asks you for one.", 1: "Its answer was wrong."},
        ),
    ]

"""Few-shot prompts with numbers as people write them, and the reading of replies in free text.

    prompt      12+34=46            for base models, to be continued
                7391/52=142 r 7
                123+456=
    messages    a system line with the form of an answer, each shot as a user's and an assistant's turn, the question
    reply       The answer is **1,579**.        strict: None; lenient: 1579
                142 r 7                         both: 142 r 7

Thoughts, <think>...</think>, come before a reply and are not read as part of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from eval.solver import Answer
from tasks import Task
from tasks.arithmetic.division import BY_ZERO
from tasks.core.question import OPERATORS

Shot: TypeAlias = tuple[str, str]
"""A question as it is put to an outside model, and its true answer."""

SYSTEM = (
    "You calculate. Reply with the answer only and nothing else: a whole number such as 579 or -7; a quotient with its "
    f"remainder as 142 r 7, an exact one as 142, cut towards zero; and where the divisor is zero: {BY_ZERO}"
)
DECIMALS_SYSTEM = (
    "You calculate. Reply with the answer only and nothing else: a number such as 579, -7 or 0.125, rounded to 10 decimals if "
    f"nothing else is said; and where a divisor is zero: {BY_ZERO}"
)
DRAWN = 64  # at a time, whatever k: so fewer shots are the first of more
MAX_DRAWS = 100
TEXT_SYSTEM = "Solve the problem. Reply with the answer only, in the form that is asked for, and nothing else."

_INTEGER = "-?[1-9][0-9]*|0"
_STRICT = re.compile(rf"(?:{_INTEGER})(?: r -?[1-9][0-9]*)?|{BY_ZERO}")

_STRICT_DECIMAL = re.compile(rf"(?:{_INTEGER})|-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]|{BY_ZERO}")

_SEPARATORS = ",_'’\u00a0\u2009\u202f"  # no common space: "12 345" may be two numbers
_GROUPED = re.compile(rf"(?<![0-9])(?<![0-9][{_SEPARATORS}])[0-9]{{1,3}}(?:[{_SEPARATORS}][0-9]{{3}})++(?![0-9])")
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_SPACE = re.compile(r"\\[,;:! ]")
_MARKUP = re.compile(r"\*\*|__|[`$]|\\[()\[\]]")
_BARE = re.compile(r"(?<![A-Za-z0-9.])\.(?=[0-9])")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_TAGGED = re.compile(r"<answer>([^<>]*)</answer>")
_LEAD = re.compile(r"^\s*(?:(?:the|my)\s+)?(?:final\s+)?answer\s*(?:is|:)\s*:?|\.\s*$", re.IGNORECASE)
# Possessive throughout: a hostile reply of a million characters is read in linear time.
_NUMBER = "-?[0-9]++"
_TOKEN = re.compile(
    rf"""
    (?P<by_zero> \b divi(?:sion|ded?|ding) \ by \ (?:zero|0) (?![A-Za-z0-9]) | \b undefined \b )
    | (?<![A-Za-z0-9]) (?:
        {_NUMBER} (?: [ \t]*+ [-+*/] [ \t]*+ {_NUMBER} )++
        | (?P<quotient> {_NUMBER} ) [\s,;.]*+ (?: (?:with|and) \s++ )? (?: (?:a|the) \s++ )?
          (?: remainder | rem | r ) [\s.:=]*+ (?: (?:of|is) \s++ )? (?P<rest> {_NUMBER} )
        | (?P<whole> {_NUMBER} ) \. 0++
        | (?P<decimal> {_NUMBER} [.,] [0-9]++ )
        | (?P<number> {_NUMBER} )
    ) (?![A-Za-z0-9])
    """,
    re.VERBOSE | re.IGNORECASE,
)


def shots(task: Task, k: int, seed: int) -> list[Shot]:
    """k different questions from the task's training, with their answers. The same seed gives the same.

    None is held out, so none is a test problem of lengths of which some are held out. ValueError where there are not k of them.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, str] = {}
    for _ in range(MAX_DRAWS):
        problems = task.draw(rng, DRAWN)
        for question in task.questions(problems[~task.held_out(problems)]):
            if len(found) >= k:
                return list(found.items())
            found.setdefault(task.asked(question), task.answer(question))
    raise ValueError(f"k = {k}: task {task.name} has only {len(found)} different problems to show")


def prompt(task_shots: Sequence[Shot], question: str, *, free_text: bool = False) -> str:
    """Lines `question=answer` and the question, to be continued. A shot that is the question itself is left out.

    free_text: as tasks have it; an answer then stands on a line of its own, `Answer: 46`, and an empty line after it
    """
    equals, end = ("\nAnswer: ", "\n\n") if free_text else ("=", "\n")
    shown = "".join(f"{asked}{equals}{answer}{end}" for asked, answer in task_shots if asked != question)
    return shown + (question + equals).rstrip(" ")


def messages(
    task_shots: Sequence[Shot], question: str, *, free_text: bool = False, decimals: bool = False
) -> list[dict[str, str]]:
    """The same as a chat, with the form of an answer told first."""
    turns = [("system", TEXT_SYSTEM if free_text else DECIMALS_SYSTEM if decimals else SYSTEM)]
    for asked, answer in task_shots:
        if asked != question:
            turns += [("user", asked), ("assistant", answer)]
    return [{"role": role, "content": content} for role, content in [*turns, ("user", question)]]


def answered(written: str, *, finished: bool) -> Answer:
    """What was written in free text as an Answer. Thoughts (`<think>...</think>`) before the answer are not read."""
    reply = _after_thoughts(written)
    return Answer(strict(reply), written, finished, lenient(reply), page=False)


def resolve(task: Task, question: str, answer: Answer) -> Answer:
    r"""An answer of `answered` as one to a plain question of this task: what free text means, the task says.

    Of free text the strict answer is the whole reply, the lenient one what stands in <answer>...</answer>, in the last
    \boxed{}, or else, bare of markup and of "The answer is", on the last line.
    """
    if answer.failed is not None or not (task.free_text or task.decimals):
        return answer
    reply = _after_thoughts(answer.written).strip()
    if task.decimals:
        return replace(answer, text=strict(reply, decimals=True), lenient=lenient(reply, decimals=True))
    if not reply:
        return replace(answer, text=None, lenient=None)
    said = task.recognised(question, _said(reply))
    return replace(answer, text=task.recognised(question, reply), lenient=said)


def strict(reply: str, *, decimals: bool = False) -> str | None:
    """The answer if the whole reply is one, written as Task.truth does: `-7`, `142 r 7`, `division by zero`; else None.

    decimals: as tasks have it; `0.125` is then an answer, and `142 r 7` none
    """
    text = reply.strip()
    return text if (_STRICT_DECIMAL if decimals else _STRICT).fullmatch(text) else None


def lenient(reply: str, *, decimals: bool = False) -> str | None:
    r"""The answer a tolerant reader finds in a text, as Task.truth writes it: in the last \boxed{}, or else the last at all.

    It sees through Markdown and LaTeX, thousands separators, other minus signs, leading zeros, "142 remainder 7" and "5.0". Not
    answers are sums (the 12 and 34 of "12+34"), decimals if `decimals` does not say so, and numbers within words. None where
    nothing is left.
    """
    text = _BARE.sub("0.", _plain(reply)) if decimals else _plain(reply)
    if size_ranges := _BOXED.findall(text):
        text = size_ranges[-1]
    found = None
    for token in _TOKEN.finditer(text):
        if token["by_zero"]:
            found = BY_ZERO
        elif number := token["number"] or token["whole"]:
            found = _canonical(number)
        elif token["decimal"]:
            found = _canonical_decimal(token["decimal"]) if decimals and "." in token["decimal"] else found
        elif token["quotient"]:
            quotient, rest = _canonical(token["quotient"]), _canonical(token["rest"])
            found = quotient if rest == "0" else f"{quotient} r {rest}"
    return found


def _after_thoughts(written: str) -> str:
    """Nothing where they never end. Some servers leave the opening mark in the prompt, so it may be missing."""
    _, end, rest = written.partition("</think>")
    if end:
        return rest
    return "" if written.lstrip().startswith("<think>") else written


def _said(reply: str) -> str:
    for pattern in (_TAGGED, _BOXED):
        if found := pattern.findall(reply):
            return found[-1].strip()
    return _LEAD.sub("", _MARKUP.sub("", reply.splitlines()[-1])).strip()


def _plain(text: str) -> str:
    """Without markup, with plain operators and without thousands separators."""
    text = text.translate(str.maketrans(OPERATORS)).replace("{,}", ",")
    text = _SPACE.sub("\u2009", _TEXT.sub(r"\1", text))
    text = _MARKUP.sub("", text)
    return _GROUPED.sub(lambda number: re.sub("[^0-9]", "", number[0]), text)


def _canonical(number: str) -> str:
    """As str(int(number)), at any length."""
    digits = number.lstrip("-").lstrip("0") or "0"
    return "-" + digits if number.startswith("-") and digits != "0" else digits


def _canonical_decimal(number: str) -> str:
    """Without zeros in front or at the end; one that is zero was none with decimals."""
    whole, _, fraction = number.partition(".")
    minus = "-" if whole.startswith("-") else ""
    return minus + _canonical(whole.lstrip("-")) + f".{fraction}".rstrip("0").rstrip(".")

"""How replies in free text are read: strictly, where the whole reply must be the answer, and leniently.

    The answer is **1,579**.        strict: None         lenient: "1579"
    142 r 7                         strict: "142 r 7"    lenient: "142 r 7"

Thoughts, <think>...</think>, come before a reply and are not read as part of it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from eval.solver import Answer
from tasks import Task
from tasks.arithmetic.division import BY_ZERO
from tasks.core.question import OPERATORS

_PLAIN_OPERATORS = {ord(char): operator for char, operator in OPERATORS.items()}
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
# Every quantifier is possessive, so that a hostile reply of a million characters is read in linear time.
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


def read_reply(written: str, *, finished: bool) -> Answer:
    """Read a reply as the answer to a question about whole numbers.

    Args:
        written: The whole reply.
        finished: Whether the model ended by itself.
    """
    reply = _after_thoughts(written)
    return Answer(strict(reply), written, finished, lenient(reply), page=False)


def reread_for_task(task: Task, question: str, answer: Answer) -> Answer:
    r"""Read a reply again as the answer to a question of this task, where its answers are decimals or free text.

    In free text the strict answer is the whole reply. The lenient one stands in <answer>...</answer>, in the last \boxed{}, or
    else on the last line, without markup and without "The answer is".

    Args:
        task: The task that was asked.
        question: The plain question.
        answer: What `read_reply` returned.
    """
    if answer.failed is not None or task.answer_kind == "number":
        return answer
    reply = _after_thoughts(answer.written).strip()
    if task.answer_kind == "decimal":
        return replace(answer, text=strict(reply, decimals=True), lenient=lenient(reply, decimals=True))
    if not reply:
        return replace(answer, text=None, lenient=None)
    strict_answer, lenient_answer = reply, _free_text_answer(reply)
    return replace(
        answer,
        text=task.canonical_reply(question, strict_answer),
        lenient=task.canonical_reply(question, lenient_answer),
    )


def strict(reply: str, *, decimals: bool = False) -> str | None:
    """Return the answer if the whole reply is one, written as Task.answer does; else None.

    Answers are `-7`, `142 r 7` and `division by zero`.

    Args:
        reply: The reply, without thoughts.
        decimals: As in Task; `0.125` is then an answer, and `142 r 7` is none.
    """
    text = reply.strip()
    return text if (_STRICT_DECIMAL if decimals else _STRICT).fullmatch(text) else None


def lenient(reply: str, *, decimals: bool = False) -> str | None:
    r"""Return the answer that a tolerant reader finds: in the last \boxed{}, or else the last one in the text.

    The reader sees through Markdown and LaTeX, thousands separators, other minus signs, leading zeros, "142 remainder 7" and
    "5.0". Sums (the 12 and 34 of "12+34"), numbers within words, and decimals without `decimals` are no answers.

    Args:
        reply: The reply, without thoughts.
        decimals: As in Task.

    Returns:
        The answer, written as Task.answer does; None where there is none.
    """
    text = _BARE.sub("0.", _without_markup(reply)) if decimals else _without_markup(reply)
    if boxed := _BOXED.findall(text):
        text = boxed[-1]
    answer = None
    for token in _TOKEN.finditer(text):
        if token["by_zero"]:
            answer = BY_ZERO
        elif number := token["number"] or token["whole"]:
            answer = _canonical(number)
        elif token["decimal"]:
            answer = _canonical_decimal(token["decimal"]) if decimals and "." in token["decimal"] else answer
        elif token["quotient"]:
            quotient, remainder = _canonical(token["quotient"]), _canonical(token["rest"])
            answer = quotient if remainder == "0" else f"{quotient} r {remainder}"
    return answer


def _after_thoughts(written: str) -> str:
    """The reply after its thoughts; empty where they never end. Some servers leave the opening mark in the prompt."""
    _, end, rest = written.partition("</think>")
    if end:
        return rest
    return "" if written.lstrip().startswith("<think>") else written


def _free_text_answer(reply: str) -> str:
    """The part of a free-text reply that a tolerant reader takes for the answer."""
    for pattern in (_TAGGED, _BOXED):
        if matches := pattern.findall(reply):
            return str(matches[-1]).strip()
    return _LEAD.sub("", _MARKUP.sub("", reply.splitlines()[-1])).strip()


def _without_markup(text: str) -> str:
    """The text without markup, with plain operators and without thousands separators."""
    text = text.translate(_PLAIN_OPERATORS).replace("{,}", ",")
    text = _SPACE.sub("\u2009", _TEXT.sub(r"\1", text))
    text = _MARKUP.sub("", text)
    return _GROUPED.sub(lambda number: re.sub("[^0-9]", "", number[0]), text)


def _canonical(number: str) -> str:
    """The same as str(int(number)), at any length."""
    digits = number.lstrip("-").lstrip("0") or "0"
    return "-" + digits if number.startswith("-") and digits != "0" else digits


def _canonical_decimal(number: str) -> str:
    """The number without zeros in front or at the end."""
    whole, _, fraction = number.partition(".")
    minus = "-" if whole.startswith("-") else ""
    return minus + _canonical(whole.lstrip("-")) + f".{fraction}".rstrip("0").rstrip(".")

"""Count the functions of the project that one command enters.

    python tests/helpers/count_calls.py                     # arithgpt calc "123*45"
    python tests/helpers/count_calls.py calc "7+8" --quiet  # another command
    python tests/helpers/count_calls.py --list              # and every function, with how often it was called

A function counts where its code lies in `arithgpt`, `tasks` or `eval`; so do comprehensions and lambdas, but not the bodies of
modules and classes. A generator counts each time it goes on, as `sys.setprofile` reports it. Python 3.12 and later enter fewer
functions, because comprehensions are inlined there. The list of calls with the same arguments leaves out special methods such
as `__len__`.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import reprlib
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOMS = ("arithgpt", "tasks", "eval")
DEFAULT_COMMAND = ("calc", "123*45")
IS_FUNCTION = inspect.CO_NEWLOCALS | inspect.CO_OPTIMIZED
ADVANCING = "_Parser."
"""Methods of an object that reads on: a second call does not begin where the first did."""
COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>")


@dataclass
class CallCounts:
    """The calls of the project's own functions during one command.

    Args:
        calls: (file, function) -> number of calls
        repeated: "file:function(arguments)" -> number of calls, for those called more than once with equal arguments
        output: what the command printed
    """

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeated: dict[str, int] = field(default_factory=dict)
    output: str = ""

    @property
    def files(self) -> Counter[str]:
        """File -> number of calls of its functions."""
        files: Counter[str] = Counter()
        for (file, _), n in self.calls.items():
            files[file] += n
        return files


def count_calls(arguments: tuple[str, ...] = DEFAULT_COMMAND) -> CallCounts:
    """Run `arithgpt ARGUMENTS` in this process and count the calls of the project's own functions.

    Args:
        arguments: the command line after `arithgpt`

    Returns:
        The counts; modules that the process has already imported are not imported again.
    """
    import arithgpt.cli  # its module body is not the command's

    folders = tuple(f"{Path(arithgpt.cli.__file__).parents[2]}/{room}/" for room in ROOMS)
    root = len(str(Path(arithgpt.cli.__file__).parents[2])) + 1
    result, by_arguments, alive = CallCounts(), Counter[str](), []
    started: dict[int, FrameType] = {}

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(folders) or code.co_flags & IS_FUNCTION != IS_FUNCTION:
            return
        if code.co_name in COMPREHENSIONS and _of_module_body(frame):
            return
        name = code.co_filename[root:], code.co_qualname
        result.calls[name] += 1
        if code.co_flags & inspect.CO_GENERATOR:
            if id(frame) in started:
                return
            started[id(frame)] = frame
        if code.co_name not in COMPREHENSIONS and not code.co_name.startswith("__") and ADVANCING not in code.co_qualname:
            by_arguments[f"{name[0]}:{name[1]}({_describe(code, frame, alive)})"] += 1

    output = io.StringIO()
    sys.argv, before = ["arithgpt", *arguments], sys.argv
    sys.setprofile(profile)
    try:
        with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            arithgpt.cli.main()
    finally:
        sys.setprofile(None)
        sys.argv = before
    result.output = output.getvalue()
    result.repeated = {call: n for call, n in by_arguments.items() if n > 1}
    return result


def _of_module_body(frame: FrameType) -> bool:
    """Whether a comprehension runs as part of the body of a module or class, where Python 3.12 and later inline it."""
    outer: FrameType | None = frame
    while outer is not None and outer.f_code.co_name in COMPREHENSIONS:
        outer = outer.f_back
    return outer is not None and outer.f_code.co_flags & IS_FUNCTION != IS_FUNCTION


def _describe(code: CodeType, frame: FrameType, alive: list[Any]) -> str:
    """Describe the arguments of a call: values where they are plain, the identity of anything else."""
    n = code.co_argcount + code.co_kwonlyargcount
    names = list(
        code.co_varnames[: n + bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)]
    )
    return ", ".join(f"{name}={_value(frame.f_locals[name], alive)}" for name in names if name in frame.f_locals)


def _value(value: Any, alive: list[Any]) -> str:
    """Describe a value so that equal ones are described alike.

    Arrays are equal where they are the same memory: two masks of one page often have equal values by chance. Arrays and objects
    are kept alive, so that no address is used twice.
    """
    if isinstance(value, str | bytes | int | float | bool | type(None)):
        return repr(value)
    if isinstance(value, tuple | list) and len(value) <= 64:
        return f"{type(value).__name__}({', '.join(_value(one, alive) for one in value)})"
    if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray":
        alive.append(value)
        return f"array@{value.__array_interface__['data'][0]:x}{value.shape}{value.strides}"
    alive.append(value)
    return f"{type(value).__name__}@{id(value):x}"


def main() -> None:
    """Print the counts."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--list"]
    listed = "--list" in sys.argv[1:]
    counts = count_calls(tuple(arguments) or DEFAULT_COMMAND)
    print(counts.output, end="")
    print(f"{len(counts.files)} files, {len(counts.calls)} functions, {counts.calls.total():,} calls")
    print("\ncalls by file:")
    for file, n in counts.files.most_common():
        functions = sum(of == file for of, _ in counts.calls)
        print(f"{n:6,} calls of {functions:3} functions  {file}")
    print("\ncalls by function:")
    for (file, function), n in counts.calls.most_common(None if listed else 25):
        print(f"{n:6,}  {file}:{function}")
    print("\ncalled more than once with the same arguments:")
    for call, n in sorted(counts.repeated.items(), key=lambda item: -item[1]):
        print(f"{n:6,}  {reprlib.repr(call) if len(call) > 200 else call}")


if __name__ == "__main__":
    main()

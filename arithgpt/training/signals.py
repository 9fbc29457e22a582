"""Ctrl-C and SIGTERM as a wish to stop, in place of a sudden end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def wishes_to_stop(wished: Callable[[], bool], wish: Callable[[], None]) -> Iterator[None]:
    """Within this, the first Ctrl-C or SIGTERM calls `wish`; once it is `wished`, another one raises KeyboardInterrupt.

    Only the main thread may set signal handlers; elsewhere all stays as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if wished():
            raise KeyboardInterrupt
        wish()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

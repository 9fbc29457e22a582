"""Ctrl-C and SIGTERM as a request to stop after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signals(is_stopping: Callable[[], bool], request_stop: Callable[[], None]) -> Iterator[None]:
    """Call `request_stop` at the first Ctrl-C or SIGTERM within a `with` block, and raise KeyboardInterrupt at the next one.

    Does nothing outside the main thread, as only that one may set signal handlers.

    Args:
        is_stopping: whether a stop has been requested already
        request_stop: requests it
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if is_stopping():
            raise KeyboardInterrupt
        request_stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

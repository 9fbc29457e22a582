"""The C library's memory allocator, for processes that make many short-lived arrays. Needs neither NumPy nor torch."""

from __future__ import annotations

import ctypes
import platform

MALLOC_TRIM_THRESHOLD, MALLOC_MMAP_THRESHOLD, MALLOC_ARENA_MAX = -1, -3, -8  # parameters of mallopt, from malloc.h
KEPT_BYTES = 1 << 29
"""Freed memory that the allocator keeps in all."""
KEPT_ARRAY_BYTES = 1 << 25
"""The largest array whose memory it keeps: the most that glibc allows."""


def keep_freed_memory() -> None:
    """Let this process reuse the memory of freed arrays, up to half a gigabyte, in place of asking the system again.

    The system zeroes every page of new memory at its first use: a seventh of the time of many short sums, and a quarter of the
    time of 2,000 questions to the calculator (runs/LOG.md). All threads share one heap: a heap per thread keeps at most 64 MB,
    and training needs more. It does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MALLOC_MMAP_THRESHOLD, KEPT_ARRAY_BYTES)
        mallopt(MALLOC_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(MALLOC_ARENA_MAX, 1)

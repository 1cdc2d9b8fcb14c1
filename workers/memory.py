"""Limits on the freed memory that glibc keeps, without effect with other C libraries, and on Python's collections."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8

KEPT_BYTES = 128 * 1024 * 1024  # of the main arena
HEAP_BYTES = 64 * 1024 * 1024  # The other arenas are made of heaps of this size.


def limit_arenas(count: int) -> None:
    """Limit glibc's arenas, its pools of memory, which threads then share.

    By default there are eight per core, and each keeps as much memory as its largest pictures and activations took.
    With this limit a two-core worker with ResNet-50 takes 1.15 GB instead of 1.3 GB, and less CPU time.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, count)


def keep_activations() -> None:
    """Have a forward pass reuse the memory of the last one.

    By default glibc returns much of it after each pass, and getting it again takes ResNet-50 2 CPU-ms a picture. The
    price is that the worker keeps its peak, but for blocks above 32 MB, those of large pictures: 30 to 200 MB more.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_TOP_PAD, HEAP_BYTES)
        libc.mallopt(M_MMAP_THRESHOLD, HEAP_BYTES // 2)


@contextmanager
def loading() -> Iterator[None]:
    """Load in this context what stays until the process ends: it is not searched for garbage, now or later.

    A search through the quarter of a million objects of a worker takes a tenth of a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    trim()
    gc.freeze()


def trim() -> None:
    """Return freed memory to the system. Loading a network and warming it up free more memory than they keep."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)

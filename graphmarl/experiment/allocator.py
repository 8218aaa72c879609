"""The allocator of the C library, as training needs it."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of `mallopt`, from `malloc.h` of glibc."""
LARGEST_BLOCK = 2**25
"""Largest block of memory that glibc can keep, in bytes."""
KEPT_MEMORY = 2**30
"""Freed memory that the process keeps, in bytes."""


@cache
def keep_freed_memory() -> bool:
    """Keep freed memory of up to 1 GiB instead of returning it to the system; once per process.

    By default glibc takes blocks of the size of activations from the system and returns them, and
    each of their pages is cleared again when it is touched first.

    Returns:
        whether the C library is glibc, which has this setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {M_MMAP_THRESHOLD: LARGEST_BLOCK, M_TRIM_THRESHOLD: KEPT_MEMORY, M_TOP_PAD: 2**26}
    return all(mallopt(name, value) == 1 for name, value in settings.items())

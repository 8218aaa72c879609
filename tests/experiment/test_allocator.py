"""Freed memory stays with the process, so that it is not cleared again page by page."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from graphmarl.experiment.allocator import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for size in range(2, 12):
        blocks = [torch.ones(size * 2**18) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
returned, known = faults(), keep_freed_memory()
faults()
print(known, returned, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_blocks_are_not_taken_from_the_system_again():
    known, returned, kept = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    ).stdout.split()
    if known == "False":
        pytest.skip("the C library is not glibc")
    # Blocks of 2 to 11 MiB, each larger than any before, are 130 huge pages, or 66,560 small ones.
    assert int(kept) < 10
    assert int(returned) > 100

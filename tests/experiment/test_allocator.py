"""Freed memory stays with the process, so that it is not cleared again page by page."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from graphmarl.experiment.allocator import keep_freed_memory
kept = sys.argv[1] == "kept" and keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        blocks = [torch.ones(2**20) for _ in range(8)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(kept or sys.argv[1] != "kept", faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_blocks_are_not_taken_from_the_system_again():
    found = {}
    for name in ("kept", "returned"):
        line = subprocess.run(
            [sys.executable, "-c", SCRIPT, name], capture_output=True, text=True, check=True
        ).stdout.split()
        found[name] = int(line[1])
        if line[0] == "False":
            pytest.skip("the C library is not glibc")
    # 160 blocks of 4 MiB are 163,840 pages of 4 KiB, or 320 huge ones of 2 MiB.
    assert found["kept"] < 10
    assert found["returned"] > 100

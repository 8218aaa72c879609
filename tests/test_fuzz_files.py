"""Malformed files are refused with one line, or play: a few of those of `scripts/fuzz_files.py`."""

import runpy
from pathlib import Path

import pytest

FUZZ = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "fuzz_files.py"))


@pytest.mark.parametrize(("files", "count"), [("traffic", 20), ("maps", 20)])
def test_mutated_files_are_refused_with_one_line_or_play(files, count, tmp_path):
    found, bad = FUZZ["fuzz"](files, count, 0, tmp_path)
    assert not bad, bad[0]
    assert found["refused"] > 0 < found["played"] and found.total() == count

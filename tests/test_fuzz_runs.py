"""Altered run folders are refused with one line: a few of those of `scripts/fuzz_runs.py`."""

import runpy
from pathlib import Path

import pytest

FUZZ = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "fuzz_runs.py"))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("files", ["configurations", "checkpoints"])
def test_altered_runs_are_refused_with_one_line_or_evaluate(files, tmp_path):
    found, bad = FUZZ["fuzz"](files, 25, 1, tmp_path)
    assert not bad, bad[0]
    assert found["refused"] > 15

"""Hostile environments are refused with one line: a few of those of `scripts/fuzz_envs.py`."""

import runpy
from pathlib import Path

import pytest

FUZZ = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "fuzz_envs.py"))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", ["tensors", "pettingzoo"])
def test_hostile_environments_are_refused_or_do_what_they_may(kind):
    found, bad = FUZZ["fuzz"](kind, 60, 1)
    assert not bad, bad[0]
    assert found["refused"] > 40 and found["trained"] > 0

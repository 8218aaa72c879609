"""A compilation that is not won back is named."""

import pytest

from graphmarl.experiment.compilation import COMPILED, EAGER, SETTLING, verdict

WARM_UP = 9.0


def seconds(before: float, compiling: float, after: float) -> list[float]:
    settling = [compiling, *[after] * (SETTLING - 1)]
    return [WARM_UP, *[before] * (EAGER - 1), *settling, *[after] * COMPILED]


def test_a_compilation_is_won_back_or_not():
    # 20 of the 21 s are not the step's own: at 1 s a step 20 steps, 11 of which are over.
    times = seconds(2.0, 21.0, 1.0)
    assert verdict(times, left=9) == ""
    said = verdict(times, left=8)
    assert "took 20.0 s; a training step takes 1 s instead of 2 s" in said
    assert "after 20 training steps, of which the run has 8 left" in said


@pytest.mark.parametrize("after", [2.0, 3.0])
def test_a_slower_network_is_never_won_back(after):
    said = verdict(seconds(2.0, 21.0, after), left=10**9)
    assert f"takes {after:.3g} s, and took 2 s before: train without `compile`" in said

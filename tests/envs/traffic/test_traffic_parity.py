"""Our engine does what CityFlow did, on the same files under the same signals."""

from pathlib import Path

import pytest
import torch

from graphmarl.envs.traffic.parity import compare

pytestmark = pytest.mark.usefixtures("unchecked")

TRACES = Path(__file__).parent / "traces"
# Average travel times were recorded to three decimals, in single precision.
ROUNDED = 1e-5


LARGE = [pytest.param(f"grid_{n}x{n}", marks=pytest.mark.slow) for n in (2, 4)]


@pytest.mark.parametrize("task", ["grid_1x1", *LARGE])
def test_every_recorded_count_is_met_exactly(task):
    runs = compare(TRACES / task, ("cycle", "random"))
    for run in runs:
        assert torch.equal(run.embedded[:, :3], run.cityflow[:, :3])
        assert torch.allclose(run.embedded[:, 3], run.cityflow[:, 3], rtol=ROUNDED, atol=6e-4)
        assert run.curve_error("vehicles") == run.curve_error("waiting") == 0
        assert run.travel_time_error() < ROUNDED
    assert not torch.equal(runs[0].cityflow, runs[1].cityflow)

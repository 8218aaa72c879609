"""What all tests of runs share."""

import pytest

from graphmarl.results import stats


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals of reports are drawn from few resamples; tests of statistics draw all."""
    for name in ("REPETITIONS", "FEWER"):
        monkeypatch.setattr(stats, name, 50)

"""Tables against arithmetic written out."""

import math

import pytest

from graphmarl.results.stats import confidence_interval
from graphmarl.results.tables import summary, time_shares


def test_the_interval_uses_the_true_number_of_seeds():
    # mean 2, standard deviation 1, t(0.975, 2 degrees of freedom) = 4.3027
    found = confidence_interval([1.0, 2.0, 3.0])
    assert found.mean == 2
    assert math.isclose(found.half_width, 4.3027 / math.sqrt(3), rel_tol=1e-4)
    assert str(found) == "2.00 +- 2.48"


def test_one_seed_has_no_interval():
    assert math.isnan(confidence_interval([5.0]).half_width)
    assert str(confidence_interval([5.0])) == "5.00"
    with pytest.raises(ValueError, match="at least one value"):
        confidence_interval([])


def test_shares_leave_out_the_first_line_which_warms_up(tmp_path):
    path = tmp_path / "timing.csv"
    path.write_text(
        "env_steps,seconds,engine,update,other\n100,50,50,0,0\n200,2,0.5,1.4,0.1\n300,2,0.5,1.4,0.1\n"
    )
    found = time_shares(path)
    assert found["steps_per_second"] == 200 / 4
    assert math.isclose(found["engine"], 0.25)
    assert math.isclose(found["other"], 0.05)


def test_seeds_of_one_name_become_one_line():
    rows = [
        {"name": "a", "policy": "greedy", "env_steps": "10", "return": r, "steps": "4"}
        for r in ("1", "2", "3")
    ]
    (line,) = summary(rows)
    assert (line["seeds"], line["return"], line["steps"]) == ("3", "2.00 +- 2.48", "4.00 +- 0.00")

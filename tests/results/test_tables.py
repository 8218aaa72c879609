"""Tables against arithmetic written out."""

import math

import pandas as pd
import pytest

from graphmarl.results.stats import confidence_interval
from graphmarl.results.tables import numbers_as_text, summary, time_shares, with_intervals


def test_the_interval_uses_the_true_number_of_episodes():
    # mean 2, standard deviation 1, t(0.975, 2 degrees of freedom) = 4.3027
    found = confidence_interval([1.0, 2.0, 3.0])
    assert found.mean == 2
    assert math.isclose(found.half_width, 4.3027 / math.sqrt(3), rel_tol=1e-4)
    assert str(found) == "2.00 +- 2.48"


def test_one_episode_has_no_interval():
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
    rows = pd.DataFrame(
        {
            "name": "a",
            "policy": "greedy",
            "env_steps": [10, 12, 11],
            "return": [1, 2, 3],
            "steps": 4,
        }
    )
    (line,) = summary(rows).to_dict("records")
    assert (line["seeds"], line["env_steps"]) == (3, 12)
    assert (line["return"], line["return_low"], line["return_high"]) == (2, 1, 3)
    assert (line["steps"], line["steps_low"], line["steps_high"]) == (4, 4, 4)


def test_numbers_of_a_column_have_equal_decimals():
    nan = math.nan
    assert with_intervals([2.0, 7.0, nan], [1.0, nan, nan], [3.5, nan, nan]) == [
        "2.00 [1.00, 3.50]",
        "7.00 (one seed)",
        "",
    ]
    assert with_intervals([0.5], [0.25], [0.75]) == ["0.500 [0.250, 0.750]"]
    assert numbers_as_text([1234.5, 2.0, nan]) == ["1234", "2", ""]
    assert numbers_as_text([nan]) == [""]

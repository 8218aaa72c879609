"""Statistics over time: means over episodes, their intervals, and what has no numbers."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from scipy.stats import t as student

from graphmarl.visualization.statistics_figures import draw_statistics


def steps() -> pd.DataFrame:
    """Three episodes of two steps; the last has a third step."""
    rows = [
        (e, t, d) for t, values in enumerate([(1, 2, 6), (3, 3, 3)]) for e, d in enumerate(values)
    ]
    rows.append((2, 2, 5))
    table = pd.DataFrame(rows, columns=pd.Index(["episode", "time", "degree"]))
    return table.assign(entropy=np.nan, components=1.0)


def panel(figure, title: str) -> Axes:
    (found,) = (axes for axes in figure.axes if axes.get_title(loc="left").startswith(title))
    return found


def test_lines_are_means_over_the_episodes_that_still_run():
    axes = panel(draw_statistics(steps()), "in-degree (edges per agent)")
    assert np.asarray(axes.lines[0].get_xydata()).tolist() == [[0, 3], [1, 3], [2, 5]]


def test_the_band_is_the_interval_of_the_mean():
    axes = panel(draw_statistics(steps()), "in-degree")
    corners = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    at_first = corners[corners[:, 0] == 0][:, 1]
    # 1, 2 and 6 have the mean 3 and the variance (4 + 1 + 9) / 2 = 7.
    half = student.ppf(0.975, 2) * (7 / 3) ** 0.5
    assert at_first.min() == pytest.approx(3 - half) and at_first.max() == pytest.approx(3 + half)
    assert corners[:, 0].max() == 1, "one episode has no interval"


def text_of(figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def test_what_has_no_numbers_is_named():
    figure = draw_statistics(steps())
    text = text_of(figure)
    assert "Without numbers: reciprocity, entropy, range, turnover" in text
    assert "Mean over 3 episodes with its 95 % interval; they have 2 to 3 steps" in text
    # The interval at the first step is wider than all that was measured.
    assert "The band leaves the axes in degree" in text
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.axison] == [
        "in-degree (edges per agent)",
        "components",
    ]


def test_one_episode_has_no_band():
    one = steps().query("episode == 0")
    figure = draw_statistics(one, ["degree"], width=3.4)
    assert text_of(figure) == "One episode." and figure.get_figwidth() == 3.4
    assert not any(
        np.size(path.vertices) for c in figure.axes[0].collections for path in c.get_paths()
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["width"], "steps has no column 'width'"), (["entropy"], "none has numbers")],
)
def test_columns_that_are_not_there_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        draw_statistics(steps(), columns)

"""Heat maps are means worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphmarl.results.figures import figure_of
from graphmarl.visualization.heat_maps import draw_difference, draw_heat_map, mean_matrix

ROWS = [(0, 0, 1, 0.2), (1, 0, 1, 0.4), (0, 2, 0, 1.0), (1, 1, 0, 0.5)]
COLUMNS = pd.Index(["time", "sender", "receiver", "attention"])


def edges(rows=ROWS) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).assign(episode=0, layer="a", round=0)


# Receiver 1 attends to 0 with (0.2 + 0.4) / 2; 0 attends to 2 and 1 in one step each.
MEANS = np.array([[np.nan, 0.5, 1.0], [0.3, np.nan, np.nan], [np.nan, np.nan, np.nan]])


def picture(axes: Axes) -> np.ndarray:
    data = axes.images[0].get_array()
    assert data is not None
    return np.ma.filled(np.ma.asarray(data, dtype=float), np.nan)


def test_a_mean_is_over_the_steps_in_which_the_edge_exists():
    np.testing.assert_allclose(mean_matrix(edges()), MEANS)
    np.testing.assert_allclose(picture(draw_heat_map(edges())), MEANS)
    assert mean_matrix(edges(), num_agents=5).shape == (5, 5)
    with pytest.raises(ValueError, match="num_agents is 2; the table has an agent 2"):
        mean_matrix(edges(), num_agents=2)


def test_cells_without_an_edge_are_hatched_and_counted():
    axes = draw_heat_map(edges())
    assert axes.patches[0].get_hatch()
    found = figure_of(axes).get_supxlabel().replace("\n", " ")
    assert "3 of 6 ordered pairs of agents have an edge" in found and "Hatched: no edge" in found
    assert "mean over those of 2 steps" in found
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("receiver", "sender")


def test_signed_colours_are_symmetric_about_zero():
    assert draw_heat_map(edges(), signed=True).images[0].get_clim() == pytest.approx((-1, 1))
    assert draw_heat_map(edges()).images[0].get_clim() == pytest.approx((0.3, 1))


def test_the_caption_is_below_given_axes():
    axes = Figure().subplots()
    assert draw_heat_map(edges(), axes=axes) is axes
    assert axes.get_xlabel().startswith("sender\nAttention of the receiver")


def test_the_difference_is_the_second_less_the_first():
    # 0 -> 1 only in one, 0 -> 2 only in the other; 1 -> 0 falls from 0.5 to 0.1.
    other = edges([(0, 1, 0, 0.1), (0, 0, 2, 0.7), (0, 2, 0, 1.0)])
    figure = draw_difference(edges(), other, ("old", "new"))
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels] == ["old", "new", "new - old"]
    change = picture(panels[2])
    assert change[0, 1] == pytest.approx(-0.4) and change[0, 2] == 0
    assert np.isfinite(change).sum() == 2
    assert panels[2].images[0].get_clim() == pytest.approx((-0.4, 0.4))
    assert panels[0].images[0].get_clim() == panels[1].images[0].get_clim() == (0.1, 1.0)
    old, new = (np.asarray(each.get_offsets()).tolist() for each in panels[2].collections)
    assert (old, new) == ([[0, 1]], [[0, 2]]), "sender across, receiver down"
    text = figure.get_supxlabel()
    assert "1 edges only in old (circle), 1 edges only in new (triangle)" in text.replace("\n", " ")


def test_a_recording_does_not_differ_from_itself():
    panels = [axes for axes in draw_difference(edges(), edges()).axes if axes.images]
    change = picture(panels[2])
    assert (change[np.isfinite(change)] == 0).all() and np.isfinite(change).sum() == 3
    assert not any(len(np.asarray(each.get_offsets())) for each in panels[2].collections)

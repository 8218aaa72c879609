"""Figures of steps: who sends to whom, and what is left out."""

import io
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphmarl.results.figures import figure_of
from graphmarl.results.plots import save_picture, svg_of
from graphmarl.step import Scene
from graphmarl.visualization.agent_figures import draw_step, draw_steps
from graphmarl.visualization.arrows import Arrows
from graphmarl.visualization.scales import AMOUNTS, scale_of

# Agent 3 is dead in step 1.
PLACE = [(0.0, 0.0), (2.0, 0.0), (0.0, 2.0), (2.0, 2.0)]
EDGES = [(0, 1, 0.2), (1, 0, 0.8), (2, 0, 0.5), (3, 1, 0.4)]


def tables(times: int = 2) -> tuple[pd.DataFrame, pd.DataFrame]:
    agents = [
        {"time": t, "agent": i, "kind": i % 2, "alive": i < 3 or t == 0, "x": x, "y": y}
        for t in range(times)
        for i, (x, y) in enumerate(PLACE)
    ]
    edges = [
        {"time": t, "layer": layer, "round": 0, "sender": a, "receiver": b, "attention": value}
        for t in range(times)
        for layer, shift in (("one", 0.1), ("two", 0.0))
        for a, b, value in [(a, b, v + shift + 0.01 * t) for a, b, v in EDGES]
    ]
    return pd.DataFrame(agents).assign(episode=0), pd.DataFrame(edges).assign(episode=0)


def render(axes: Axes) -> None:
    """Draw, so that the sizes of arrows are known."""
    figure_of(axes).savefig(io.BytesIO(), format="png")


def arrows_of(axes: Axes) -> tuple[np.ndarray, np.ndarray, Arrows]:
    """First and last points of the arrows in data coordinates, in the order of their values."""
    render(axes)
    below: Any = next(
        each for each in axes.collections if isinstance(each, Arrows) and not each.touching
    )
    back = axes.transData.inverted().transform
    corners = [np.asarray(path.vertices) for path in below.get_paths()]
    # An arrow has as many corners on either side of its tip.
    tips = np.array([back(each[(len(each) - 1) // 2]) for each in corners])
    tails = np.array([back((each[0] + each[-2]) / 2) for each in corners])
    return tails, tips, below


def nearest(points: np.ndarray) -> list[int]:
    gap = np.linalg.norm(points[:, None] - np.array(PLACE), axis=2)
    return gap.argmin(1).tolist()


def caption(axes: Axes) -> str:
    return axes.get_xlabel().replace("\n", " ")


def test_arrows_go_from_senders_to_receivers_and_grow_with_the_column():
    axes = draw_step(*tables(), time=0)
    tails, tips, below = arrows_of(axes)
    ordered = sorted(EDGES, key=lambda edge: edge[2])
    assert nearest(tails) == [a for a, _, _ in ordered]
    assert nearest(tips) == [b for _, b, _ in ordered]
    assert (np.diff(below.widths) > 0).all()
    # The smallest and largest value drawn are the ends of the scale.
    np.testing.assert_allclose(below.colours[[0, -1]], AMOUNTS([0.0, 1.0]))
    text = caption(axes)
    assert "from sender to receiver; width and colour: attention of the receiver" in text
    assert "Layer two, round 0, of 2 layers and rounds" in text


def test_an_edge_and_its_reverse_are_apart():
    tails, tips, below = arrows_of(draw_step(*tables(), time=0))
    bent = {
        (a, b): bend for a, b, bend in zip(nearest(tails), nearest(tips), below.bends, strict=True)
    }
    assert bent[0, 1] == bent[1, 0] > 0 and bent[2, 0] == bent[3, 1] == 0
    middle = {
        ends: np.asarray(path.vertices)[4, 1]
        for ends, path in zip(bent, below.get_paths(), strict=True)
    }
    assert abs(middle[0, 1] - middle[1, 0]) > 5, "in pixels"


def test_the_dead_and_their_edges_are_not_drawn_but_counted():
    axes = draw_step(*tables(), time=1)
    tails, tips, _ = arrows_of(axes)
    assert sorted(zip(nearest(tails), nearest(tips), strict=True)) == [(0, 1), (1, 0), (2, 0)]
    shown = sorted(text.get_text() for text in axes.texts)
    assert shown == ["0", "1", "2"]
    assert "Of 4 edges are not shown: 1 of agents that are not drawn" in caption(axes)
    assert "1 dead agents are not drawn" in caption(axes)


@pytest.mark.parametrize(("layer", "largest"), [("one", 0.9), ("two", 0.8), (None, 0.8)])
def test_a_layer_is_chosen_by_name(layer, largest):
    axes = draw_step(*tables(), time=0, layer=layer)
    bar = axes.child_axes[0]
    assert bar.get_ylim()[1] == pytest.approx(largest)
    assert bar.get_ylabel() == "attention"


def test_limits_replace_the_scale():
    axes = draw_step(*tables(), time=0, limits=(0.0, 0.5))
    assert axes.child_axes[0].get_ylim() == (0.0, 0.5)
    *_, below = arrows_of(axes)
    assert below.widths[-1] == below.widths[-2], "0.5 and 0.8 are both at the upper end"


def crowd(agents: int = 200, edges: int = 1600) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(0)
    place = random.random((agents, 2))
    who = pd.DataFrame({"agent": range(agents), "x": place[:, 0], "y": place[:, 1]})
    receiver = np.repeat(np.arange(agents), edges // agents)
    offset = np.tile(np.arange(1, edges // agents + 1), agents)
    ends = {"sender": (receiver + offset) % agents, "receiver": receiver}
    # Values 1/1600 to 1: 79 are less than a twentieth of the largest.
    value = (random.permutation(edges) + 1) / edges
    edge = pd.DataFrame({**ends, "attention": value, "layer": "a", "round": 0})
    return who.assign(time=0, episode=0, kind=0, alive=True), edge.assign(time=0, episode=0)


def test_a_dense_graph_is_readable_and_its_caption_counts():
    agents, edges = crowd()
    start = time.perf_counter()
    axes = draw_step(agents, edges, 0, most=300)
    render(axes)
    assert time.perf_counter() - start < 10, "two seconds on a machine that does nothing else"
    text = caption(axes)
    assert "Of 1,600 edges are not shown: 79 under 5 % of the largest attention" in text
    assert "1,221 beyond the 300 largest" in text, "1600 - 79 - 300"
    assert "Numbers of agents are not shown" in text
    drawn: Any = [each for each in axes.collections if isinstance(each, Arrows)]
    assert sum(len(each.get_paths()) for each in drawn) == 300
    whole = draw_step(agents, edges, 0, most=2000, threshold=0)
    assert "not shown:" not in caption(whole)


def test_agents_that_overlap_do_not_hide_their_edges():
    agents, edges = tables()
    near = agents.assign(x=[0.0, 0.01, 0.0, 2.0] * 2)
    axes = draw_step(near, edges, 0)
    render(axes)
    below, above = (each for each in axes.collections if isinstance(each, Arrows))
    assert (len(below.get_paths()), len(above.get_paths())) == (2, 2)
    markers = [each for each in axes.collections if not isinstance(each, Arrows)]
    assert above.get_zorder() > max(each.get_zorder() for each in markers) > below.get_zorder()
    same = draw_step(agents.assign(x=0.0, y=0.0), edges, 0)
    assert "4 between agents at the same place" in caption(same)


def test_steps_share_one_scale():
    agents, edges = tables()
    figure = draw_steps(agents, edges, [0, np.int64(1)])
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["step 0", "step 1"]
    (bar,) = (axes for axes in figure.axes if axes not in panels)
    # Step 1 has 0.81 as its largest value, and step 0 has 0.2 as its smallest.
    assert bar.get_ylim() == pytest.approx((0.2, 0.81))
    widths = [arrows_of(axes)[2].widths for axes in panels]
    assert widths[1][-1] > widths[0][-1] and widths[1][0] > widths[0][0]
    assert len({axes.get_xlim() for axes in panels}) == 1


def test_maps_and_kinds_are_in_the_legend():
    import torch

    food = (torch.tensor([[1.0, 1.0]]), torch.tensor([1.0]))
    scene = Scene((-1.0, -1.0), (3.0, 3.0), {"food": food})
    axes = draw_step(*tables(), time=0, scene=scene, kinds=("hare", "wolf"))
    (legend,) = figure_of(axes).legends
    assert {text.get_text() for text in legend.get_texts()} == {"hare", "wolf", "food"}
    assert axes.get_xlim() == (-1, 3)
    hare, wolf = (
        np.asarray(each.get_paths()[0].vertices)
        for each in axes.collections
        if each.get_label() in ("hare", "wolf")
    )
    assert len(hare) != len(wolf), "their shapes"
    figure = draw_steps(*tables(), times=[0, 1], scenes={0: scene})
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim() == (-1, 3)


def test_edges_without_messages_can_be_drawn():
    agents, edges = tables()
    plain = edges.query("layer == 'one'").assign(layer="").drop(columns="attention")
    axes = draw_step(agents.drop(columns=["x", "y"]), plain, 0, column=None)
    assert caption(axes) == "Arrows point from sender to receiver."
    assert not axes.child_axes, "no colour bar"
    empty = draw_step(agents, plain.head(0), 0, column=None)
    render(empty)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": 7}, "time is 7; recorded are 0 to 1"),
        ({"time": 0, "episode": 3}, "episode is 3; recorded are 0 to 0"),
        ({"time": 0, "column": "norm"}, "column is 'norm'; allowed are attention, None"),
        ({"time": 0, "layer": "three"}, "layer is 'three'.*'one' round 0, 'two' round 0"),
        ({"time": 0, "limits": (1.0, 1.0)}, "limits are 1.0, 1.0"),
        ({"time": 0, "threshold": 2.0}, "threshold is 2.0; allowed are"),
        ({"time": 0, "width": 0.1}, "width is 0.1; allowed are"),
    ],
)
def test_what_is_not_in_the_tables_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        draw_step(*tables(), **options)


def test_a_table_without_a_column_is_refused():
    agents, edges = tables()
    with pytest.raises(ValueError, match="agents has no column 'alive'"):
        draw_step(agents.drop(columns="alive"), edges, 0)
    with pytest.raises(ValueError, match="edges has no column 'layer'"):
        draw_step(agents, edges.drop(columns="layer"), 0)
    with pytest.raises(ValueError, match="times is empty"):
        draw_steps(agents, edges, [])


def test_dark_is_large_in_grey_as_well():
    red, green, blue, _ = AMOUNTS(np.linspace(0, 1, 64)).T
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (np.diff(luminance) < 0).all()


def test_scales_are_those_of_the_values():
    near = scale_of(np.array([0.2499, 0.2501, np.nan]))
    assert (near.low, near.high, near.signed) == (0.2499, 0.2501, False)
    assert near.size(np.array([0.2499, 0.25, 0.2501])) == pytest.approx([0, 0.5, 1], abs=1e-6)
    alone = scale_of(np.array([3.0, 3.0]))
    assert (alone.low, alone.high) == (0, 3)
    signed = scale_of(np.array([-1.0, 3.0]))
    assert (signed.low, signed.high, signed.signed) == (-3, 3, True)
    assert signed.size(np.array([-3.0, 0.0, 1.5])) == pytest.approx([1, 0, 0.5])


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_vector_files_keep_text_as_text(tmp_path, suffix):
    path = tmp_path / f"step.{suffix}"
    save_picture(draw_step(*tables(), time=0), path)
    data = path.read_bytes()
    # TrueType in a PDF, and elements of text in an SVG.
    assert (b"/CIDFontType2" if suffix == "pdf" else b"<text") in data


def test_figures_show_themselves_in_notebooks():
    axes, figure = draw_step(*tables(), time=0), draw_steps(*tables(), times=[0])
    for picture in (axes, figure):
        shown: Any = picture
        assert shown._repr_png_().startswith(b"\x89PNG")
        assert svg_of(picture).startswith("<svg") and "sender to receiver" in svg_of(picture)
    own = Figure().subplots()
    assert draw_step(*tables(), time=0, axes=own) is own


def test_text_is_readable_at_the_width_of_a_column():
    for width in (3.4, 7.0):
        figure = figure_of(draw_step(*tables(), time=0, width=width))
        assert figure.get_figwidth() == width
        texts: Any = figure.findobj(lambda each: hasattr(each, "get_fontsize"))
        assert min(each.get_fontsize() for each in texts if each.get_text()) >= 7

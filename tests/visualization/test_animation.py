"""An episode of a run, drawn step by step."""

from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from torch_geometric.data import Data

from graphmarl.cli import main
from graphmarl.envs import Hallway
from graphmarl.experiment.inspection.recording import record_episode
from graphmarl.experiment.train import train
from graphmarl.step import Scene
from graphmarl.visualization.animation import Frame, draw_frame, limits_of, save_animation
from graphmarl.visualization.arrows import Arrows
from graphmarl.visualization.markers import LINE_COLOURS
from graphmarl.visualization.scales import AMOUNTS


class Nowhere(Hallway):
    """Agents without coordinates."""

    def __init__(self, num_envs: int = 2) -> None:
        super().__init__(num_envs=num_envs)
        self.spec = replace(self.spec, has_position=False)

    def observe(self):
        return super().observe() | {"position": None}


def trained(tmp_path, method, env):
    return train(
        method, env, graph="knn:k=2", steps=64, name="r", runs=str(tmp_path), progress=False
    )


def test_attention_is_that_of_the_policy_on_the_edges_that_it_used(tmp_path):
    run = trained(tmp_path, "vpp:learning_starts=1000", "navigation:num_envs=2,num_agents=4")
    frames = record_episode(run, steps=3, seed=1)
    assert [frame.scene.time for frame in frames if frame.scene] == [0, 1, 2]
    for frame in frames:
        assert frame.graph.edge_index is not None and frame.attention is not None
        assert frame.graph.edge_index.shape[1] == len(frame.attention)
        # An agent attends to itself too: what it has left for the others is less than 1.
        heard = torch.zeros(4).index_add(0, frame.graph.edge_index[1], frame.attention)
        assert (heard > 0).all() and (heard < 1).all()
    assert main(["animate", str(run.path), "--steps", "2"]) == 0
    assert matplotlib.image.imread(run.path / "episode.gif").ndim == 3
    assert (run.path / "episode.png").stat().st_size > 1000


def test_without_attention_there_are_plain_edges(tmp_path):
    run = trained(tmp_path, "dgn:learning_starts=1000", "navigation:num_envs=2,num_agents=4")
    assert record_episode(run, steps=1)[0].attention is not None
    run = trained(tmp_path / "b", "ip:learning_starts=1000", "navigation:num_envs=2,num_agents=4")
    (frame,) = record_episode(run, steps=1)
    axes = draw_frame(frame)
    assert frame.attention is None and not axes.child_axes, "no colour bar"
    assert "attention" not in " ".join(axes.get_legend_handles_labels()[1])


def test_agents_that_are_nowhere_are_refused(tmp_path):
    run = train(
        "iql:learning_starts=1000",
        "test_animation:Nowhere:num_envs=2",
        steps=8,
        name="r",
        runs=str(tmp_path),
        progress=False,
    )
    with pytest.raises(ValueError, match="no positions"):
        record_episode(run)
    with pytest.raises(ValueError, match="frames is empty"):
        save_animation([], tmp_path / "episode.gif")


def test_the_more_weight_the_redder_a_line_and_the_darker_an_arrow():
    ends = torch.tensor([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]])
    scene = Scene((0.0, 0.0), (1.0, 1.0), {}, 7, {"road": (ends, torch.tensor([0.0, 1.0]))})
    edges = torch.tensor([[0, 1], [1, 0]])
    graph = Data(edge_index=edges, pos=torch.tensor([[0.0, 0], [1, 1]]), num_nodes=2)
    axes = Figure().subplots()
    draw_frame(Frame(graph, scene, torch.tensor([0.26, 0.25])), axes, ids=True)
    lines = next(each for each in axes.collections if type(each) is LineCollection)
    np.testing.assert_allclose(to_rgba_array(lines.get_colors()), LINE_COLOURS([0.1, 0.9]))
    below = next(each for each in axes.collections if isinstance(each, Arrows))
    # The scale is that of the weights: 0.25 and 0.26 are its ends.
    np.testing.assert_allclose(below.colours, AMOUNTS([0.0, 1.0]))
    assert below.widths[1] > below.widths[0]
    # The last one is the largest, from agent 0 at (0, 0) to agent 1 at (1, 1).
    assert below.start[1].tolist() == [0, 0] and below.stop[1].tolist() == [1, 1]
    assert "attention of the receiver to the sender" in axes.get_legend_handles_labels()[1]
    assert [text.get_text() for text in axes.texts] == ["0", "1"]
    assert axes.get_title() == "step 7"


def test_frames_share_one_scale(tmp_path):
    edges = torch.tensor([[0, 1], [1, 0]])
    graph = Data(edge_index=edges, pos=torch.tensor([[0.0, 0], [1, 1]]), num_nodes=2)
    frames = [Frame(graph, None, torch.tensor(each)) for each in ([0.1, 0.2], [0.3, 0.4])]
    assert limits_of(frames) == pytest.approx((0.1, 0.4))
    assert limits_of([Frame(graph, None, None)]) is None
    save_animation(frames, tmp_path / "film.gif", ids=True)
    assert (tmp_path / "film.gif").stat().st_size > 0

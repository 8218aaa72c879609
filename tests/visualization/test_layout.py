"""Positions of agents in pictures."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from graphmarl.visualization.layout import positions


def agents(count: int, times: int = 3) -> pd.DataFrame:
    rows = [{"time": t, "agent": i, "episode": 0} for t in range(times) for i in range(count)]
    return pd.DataFrame(rows)


def edges(pairs: list[tuple[int, int]]) -> pd.DataFrame:
    table = pd.DataFrame(pairs, columns=pd.Index(["sender", "receiver"]))
    return table.assign(episode=0, time=range(len(pairs)))


PATH = [(i, i + 1) for i in range(5)]


def test_positions_of_the_environment_are_kept():
    table = agents(2).assign(x=range(6), y=1.5)
    found = positions(table, edges([]))
    assert list(found.columns) == ["time", "agent", "x", "y"]
    assert found["x"].tolist() == list(range(6)) and set(found["y"]) == {1.5}


def test_a_layout_is_the_same_in_all_steps_and_in_every_call():
    found = positions(agents(6), edges(PATH))
    pd.testing.assert_frame_equal(found, positions(agents(6), edges(PATH)))
    assert (found.groupby("agent")[["x", "y"]].nunique() == 1).all(axis=None)
    place = found.query("time == 0")[["x", "y"]].to_numpy()
    gap = np.linalg.norm(place[:, None] - place, axis=2)
    linked = nx.to_numpy_array(nx.path_graph(6)) > 0
    apart = ~linked & ~np.eye(6, dtype=bool)
    assert gap[linked].mean() < gap[apart].mean(), "agents with an edge are nearer"
    assert gap[apart].min() > 0


@pytest.mark.parametrize("pairs", [[], [(a, b) for a in range(4) for b in range(a)]])
def test_without_structure_agents_stand_on_a_circle(pairs):
    found = positions(agents(4, 1), edges(pairs))
    assert found[["x", "y"]].to_numpy() == pytest.approx(
        np.array([[0, 1], [1, 0], [0, -1], [-1, 0]]), abs=1e-9
    )


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_recording_is_refused():
    with pytest.raises(ValueError, match="episode is 1; recorded are 0 to 0"):
        positions(agents(3), edges(PATH), 1)
    with pytest.raises(ValueError, match="agents is list; it must be a pandas DataFrame"):
        positions([], edges(PATH))  # type: ignore[arg-type]

"""The seam itself: ragged edges, the agent graph, and what is refused at the door."""

import pytest
import torch

from graphmarl.agent_graph import Edges, agent_graph
from graphmarl.step import Spec, Step, check_action, check_step

SPEC = Spec(num_agents=3, obs_shape=(2,), num_actions=4, horizon=5)


def make_step(num_envs: int = 2) -> Step:
    pair = (num_envs, 3)
    ended = torch.zeros(num_envs, dtype=torch.bool)
    return Step(
        obs=torch.arange(num_envs * 6.0).view(*pair, 2),
        alive=torch.ones(pair, dtype=torch.bool),
        reward=torch.zeros(pair),
        terminated=ended,
        truncated=ended,
        time=torch.zeros(num_envs, dtype=torch.long),
        position=torch.zeros(*pair, 2),
    )


def test_agent_i_of_environment_b_is_row_b_times_n_plus_i():
    graph = agent_graph(make_step(), SPEC)
    assert graph.x is not None
    assert torch.equal(graph.x[1 * 3 + 2], make_step().obs[1, 2])
    assert graph.batch is not None
    assert graph.batch.tolist() == [0, 0, 0, 1, 1, 1]
    assert graph.ptr.tolist() == [0, 3, 6]


def test_edges_come_back_for_any_choice_of_graphs():
    first, second = agent_graph(make_step(), SPEC), agent_graph(make_step(), SPEC)
    first.edge_index = torch.tensor([[4, 0, 1], [3, 1, 0]])  # graph 1: 1->0; graph 0: 0->1, 1->0
    second.edge_index = torch.tensor([[0], [2]])  # graph 0: 0->2; graph 1: none
    first.edge_attr = torch.tensor([[0.4], [0.0], [0.1]])
    second.edge_attr = torch.tensor([[0.9]])
    edges = Edges.stack([Edges.of(first, 3), Edges.of(second, 3)])
    assert edges.ptr.tolist() == [0, 2, 3, 4, 4]
    assert edges.index.dtype == torch.int32

    index, attr = edges.select(torch.tensor([3, 1, 2, 0]))
    assert index.tolist() == [[3 + 1, 6 + 0, 9 + 0, 9 + 1], [3 + 0, 6 + 2, 9 + 1, 9 + 0]]
    assert attr is not None
    assert torch.equal(attr, torch.tensor([[0.4], [0.9], [0.0], [0.1]]))


def test_an_action_out_of_range_is_refused_with_its_place():
    action = torch.tensor([[0, 1, 2], [0, 4, 1]])
    with pytest.raises(ValueError, match=r"action 4 of environment 1, agent 1 .* 0 to 3"):
        check_action(action, SPEC, 2)


def test_too_few_actions_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2\); expected \(2, 3\)"):
        check_action(torch.zeros(2, 2, dtype=torch.long), SPEC, 2)


def test_a_continuous_action_that_is_not_a_number_is_refused():
    spec = Spec(num_agents=1, obs_shape=(2,), num_actions=1, horizon=5, action="continuous")
    with pytest.raises(ValueError, match="action nan .* -1 to 1"):
        check_action(torch.full((1, 1, 1), torch.nan), spec, 1)


def test_a_step_of_the_wrong_shape_or_with_nan_is_refused():
    check_step(make_step(), SPEC, 2)
    with pytest.raises(ValueError, match=r"obs has shape \(2, 3, 7\); its spec says \(2, 3, 2\)"):
        check_step(make_step().replace(obs=torch.zeros(2, 3, 7)), SPEC, 2)
    with pytest.raises(ValueError, match="obs of copy .*contains NaN"):
        check_step(make_step().replace(obs=torch.full((2, 3, 2), torch.nan)), SPEC, 2)
    with pytest.raises(ValueError, match="position has shape None"):
        check_step(make_step().replace(position=None), SPEC, 2)

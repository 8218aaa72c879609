"""State messages and the forms of the inference policy, by hand."""

from typing import Any

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphmarl.methods import METHODS
from graphmarl.nn import AttentionConv, InferencePolicy, StateMessages
from graphmarl.step import Spec

# Agent 0 receives from 1 and 2, agent 1 from 0; agent 2 from nobody.
EDGES = torch.tensor([[1, 2, 0], [0, 0, 1]])
SPEC = Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=5)


def graph() -> Data:
    alive = torch.ones(3, dtype=torch.bool)
    x = torch.tensor([[1.0], [4.0], [8.0]])
    return Data(x=x, edge_index=EDGES, alive=alive, ptr=torch.tensor([0, 3]), num_nodes=3)


def messages(**options: Any) -> StateMessages:
    """Sums of an agent's own state and what it receives."""
    made = StateMessages(1, 1, 2, **options)
    for layer in [*made.own, *(each.linear for each in made.others)]:
        nn.init.ones_(layer.weight)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("aggregator", "first", "second"),
    [("sum", [13.0, 5.0, 8.0], [26.0, 18.0, 8.0]), ("mean", [7.0, 5.0, 8.0], [13.5, 12.0, 8.0])],
)
def test_states_are_the_own_one_and_the_sum_or_mean_of_the_neighbours(aggregator, first, second):
    states = messages(aggregator=aggregator)(graph())
    assert [s.flatten().tolist() for s in states] == [[1, 4, 8], first, second]


def test_the_first_state_can_stand_beside_each_later_one():
    made = messages(with_first=True)
    states = made(graph())
    assert made.sizes == [1, 2, 2]
    assert states[0].tolist() == [[1], [4], [8]]
    assert states[2].tolist() == [[26, 1], [18, 4], [8, 8]]


def test_agents_can_have_input_layers_of_their_own():
    made = messages(num_agents=3)
    nn.init.zeros_(made.inputs.weight)  # type: ignore[union-attr,arg-type]
    made.inputs.bias.data = torch.tensor([[1.0], [2.0], [3.0]])  # type: ignore[union-attr]
    assert made(graph())[0].tolist() == [[1], [2], [3]]


def test_options_of_vpp_reach_policy_critics_and_value():
    options = {"state_aggregator": "mean", "own_state": True, "shared": False}
    learner: Any = METHODS["vpp"](SPEC, attend_self=False, scaled=False, **options)  # type: ignore[call-arg]
    policy = learner.network
    for part in (policy, *learner.critics, learner.value):
        assert part.states.mean and part.states.with_first and part.states.num_agents == 3
    assert policy.num_agents == 3
    convs = [each for each in policy.modules() if isinstance(each, AttentionConv)]
    assert [(each.include_self, each.scale) for each in convs] == [(False, 1.0)] * 2
    for form in ({"aggregator": "sum"}, {"approximation": "bethe"}):
        with pytest.raises(ValueError, match="options of mean_field with attention"):
            InferencePolicy(2, 2, scaled=False, **form)  # type: ignore[arg-type]

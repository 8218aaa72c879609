"""Laws that every message-passing layer obeys; a new one joins by being in CONVS."""

from typing import Any

import pytest
import torch

from graphmarl.agent_graph import agent_graph
from graphmarl.nn import CONVS, MeanObservation, Output
from graphmarl.nn.communication.modules import no_memory

LINE = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
NONE = torch.empty(2, 0, dtype=torch.long)
every_layer = pytest.mark.parametrize("name", CONVS)


def make(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    layer: Any = CONVS[name]
    return layer(4, 3).eval()


@every_layer
def test_renumbering_nodes_renumbers_the_output(name):
    layer, x, order = make(name), torch.randn(5, 4), torch.tensor([3, 0, 4, 1, 2])
    renumbered = layer(x[order], torch.argsort(order)[LINE])
    assert torch.allclose(renumbered, layer(x, LINE)[order], atol=1e-6)


@every_layer
def test_a_batch_of_graphs_equals_each_graph_alone(name):
    layer, x = make(name), torch.randn(10, 4)
    both = layer(x, torch.cat([LINE, LINE[:, :4] + 5], 1))
    assert torch.allclose(both[:5], layer(x[:5], LINE), atol=1e-6)
    assert torch.allclose(both[5:], layer(x[5:], LINE[:, :4]), atol=1e-6)


@every_layer
def test_one_layer_reaches_one_hop(name):
    layer = make(name)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x, LINE)[0], torch.randn(5, 4))
    received = (jacobian.abs().sum((0, 2)) > 0).tolist()
    assert received[1:] == [
        True,
        False,
        False,
        False,
    ]  # whether it hears itself is the layer's choice


@every_layer
def test_without_edges_every_node_is_alone(name):
    layer, x = make(name), torch.randn(3, 4)
    alone = torch.cat([layer(row[None], NONE) for row in x])
    assert torch.allclose(layer(x, NONE), alone, atol=1e-6)
    assert torch.isfinite(alone).all()


@every_layer
def test_a_message_reaches_its_receiver_only(name):
    layer, x = make(name), torch.randn(2, 4)
    edge = torch.tensor([[0], [1]])
    alone, joined = layer(x, NONE), layer(x, edge)
    assert torch.equal(alone[0], joined[0])
    assert not torch.equal(alone[1], joined[1])


def test_the_mean_observation_is_over_the_live_agents_of_each_graph():
    from toy import Toy

    env = Toy(num_envs=2, num_agents=3)
    graph = agent_graph(env.reset(0), env.spec)
    graph.alive[1] = False
    assert graph.x is not None
    output = Output()
    MeanObservation(6)(graph, graph.x, no_memory(graph), output)
    mean = output.latent
    assert mean is not None
    assert torch.allclose(mean[0], (graph.x[0] + graph.x[2]) / 2)
    assert torch.allclose(mean[4], graph.x[3:].mean(0))

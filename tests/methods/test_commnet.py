"""CommNet and G2ANet: what their agents read, and that PPO finds the probabilities it stored."""

from typing import Any

import pytest
import torch
from torch_geometric.data import Data
from toy import Toy

from graphmarl.data import Collector
from graphmarl.graphs import make_graph
from graphmarl.methods import IPPO, CommNet, G2ANet
from graphmarl.step import Spec

SPEC = Spec(num_agents=3, obs_shape=(4,), num_actions=2, horizon=9)
EDGES = torch.tensor([[1, 2, 0], [0, 0, 1]])
both = pytest.mark.parametrize("kind", [CommNet, G2ANet])


def graph() -> Data:
    return Data(x=torch.randn(3, 4), edge_index=EDGES, num_nodes=3)


def test_commnet_encodes_and_then_communicates_for_its_rounds():
    network: Any = CommNet(SPEC, rounds=3, message=5).network
    seen, communication = graph(), network.communication
    output, _ = network(seen, torch.zeros(3, 0))
    h = first = communication.encoder(seen.x)
    assert len(communication.convs) == network.rounds == 3
    for conv in communication.convs:
        h = conv(h, EDGES, first)
    assert torch.equal(output.latent, h)
    assert h.shape == (3, 5)
    assert torch.equal(output.features, network.encoder(torch.cat([seen["x"], h], 1)))


def test_without_the_skip_a_round_reads_less():
    networks: list[Any] = [CommNet(SPEC, message=5, skip=s).network for s in (True, False)]
    with_skip, without = (network.communication for network in networks)
    assert [conv.linear.in_features for conv in with_skip.convs] == [15, 15]
    assert [conv.linear.in_features for conv in without.convs] == [10, 10]
    output, _ = CommNet(SPEC, skip=False).network(graph(), torch.zeros(3, 0))
    assert output.latent is not None


def test_commnet_without_rounds_is_refused():
    with pytest.raises(ValueError, match="rounds is 0; allowed are whole numbers from 1"):
        CommNet(SPEC, rounds=0)


def test_g2anet_shows_its_attention_and_what_is_closed():
    network: Any = G2ANet(SPEC, message=5, key=7).network
    seen, communication = graph(), network.communication
    output, _ = network(seen, torch.zeros(3, 0))
    h, conv = communication.encoder(seen.x), communication.module.conv
    assert (conv.key, network.rounds) == (7, 1)
    assert torch.equal(output.latent, conv(h, EDGES))
    assert torch.equal(output.attention, conv.attention(h, EDGES)[0])
    assert (output.attention > 0).all()
    torch.nn.init.constant_(conv.gate.bias, -9.0)
    output, _ = network(seen, torch.zeros(3, 0))
    assert not output.attention.any()
    assert torch.equal(output.latent, conv.value(h))


@both
def test_messages_depend_on_memory_if_there_is_one(kind):
    network, seen = kind(SPEC, recurrent=True, hidden=8).network, graph()
    memory = torch.zeros(3, 8)
    before, _ = network(seen, memory)
    memory[1] = 1.0
    after, _ = network(seen, memory)
    assert not torch.equal(before.latent[0], after.latent[0])
    assert torch.equal(before.latent[2], after.latent[2])


@both
@pytest.mark.parametrize("recurrent", [False, True])
def test_training_finds_the_probabilities_that_acting_stored(kind, recurrent):
    env = Toy(num_envs=3, num_agents=4)
    learner = kind(env.spec, rollout_length=6, hidden=16, recurrent=recurrent).train()
    trajectory = next(iter(Collector(env, make_graph("complete"), learner, 64, 6, seed=1)))
    log_prob, _, value, _ = learner.evaluate(trajectory, torch.arange(18))
    acted = trajectory.acted.flatten()
    for name, found in (("log_prob", log_prob), ("value", value)):
        stored = trajectory.stored[name].flatten()
        assert torch.allclose(found[acted], stored[acted], atol=1e-6), name


@both
def test_messages_are_the_only_difference_from_ippo(kind):
    ours, theirs = kind(SPEC), IPPO(SPEC)
    names = [name for name, _ in ours.network.named_parameters() if "communication" not in name]
    assert names == [name for name, _ in theirs.network.named_parameters()]
    kept = {k: v for k, v in vars(ours).items() if isinstance(v, (int, float, str, bool))}
    assert kept == {k: v for k, v in vars(theirs).items() if k in kept}

"""Messages of TarMAC and their aggregation."""

from typing import Any

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphmarl.methods import IPPO, TarMAC, TarMACQMIX
from graphmarl.nn import AttentionCommunication, Output
from graphmarl.step import Spec

SPEC = Spec(num_agents=3, obs_shape=(4,), num_actions=2, horizon=9)
EDGES = torch.tensor([[1, 2, 0], [0, 0, 1]])
both = pytest.mark.parametrize(("kind", "options"), [(TarMAC, {}), (TarMACQMIX, {"mixer": "vdn"})])


def network(kind: Any, **options: Any) -> Any:
    return kind(SPEC, **options).network


def graph() -> Data:
    return Data(x=torch.randn(3, 4), edge_index=EDGES, num_nodes=3)


@both
def test_an_agent_reads_what_it_attends_to_beside_what_it_sees(kind, options):
    made, seen = network(kind, message=5, key=7, **options), graph()
    output, _ = made(seen, torch.zeros(3, 0))
    conv = made.communication.conv
    assert (conv.heads, conv.key, conv.width) == (1, 7, 5)
    received = conv(seen.x, EDGES)
    assert torch.equal(output.latent, received)
    assert torch.equal(output.attention, conv.attention(seen.x, EDGES)[0])
    assert torch.equal(output.features, made.encoder(torch.cat([seen["x"], received], 1)))


@both
def test_what_is_done_trains_what_was_said_through_the_message(kind, options):
    made, seen = network(kind, **options), graph()
    assert seen.x is not None
    seen.x.requires_grad_()
    output, _ = made(seen, torch.zeros(3, 0))
    output.features[0].sum().backward()
    conv = made.communication.conv
    for part in (conv.query, conv.signature, conv.value):
        assert part.weight.grad.abs().sum() > 0
    # What is said reaches the speaker even where nobody cares who speaks.
    for part in (conv.query, conv.signature):
        nn.init.zeros_(part.weight)
    seen.x.grad = None
    output, _ = made(seen, torch.zeros(3, 0))
    output.features[0].sum().backward()
    assert (seen["x"].grad.abs().sum(1) > 0).all()


@both
def test_messages_depend_on_memory_if_there_is_one(kind, options):
    made, seen = network(kind, recurrent=True, hidden=8, **options), graph()
    memory = torch.zeros(3, 8)
    before, _ = made(seen, memory)
    memory[1] = 1.0
    after, _ = made(seen, memory)
    assert not torch.equal(before.latent[0], after.latent[0])
    assert torch.equal(before.latent[2], after.latent[2])


def test_attention_is_a_context_for_any_network():
    made, output = network(TarMAC).communication, Output()
    assert isinstance(made, AttentionCommunication)
    memory = torch.zeros(3, 0)
    assert made(graph(), torch.randn(3, 4), memory, output) is memory
    assert output.latent is not None
    assert output.latent.shape == (3, made.size)


def test_a_central_critic_reads_the_state_and_needs_one():
    with pytest.raises(ValueError, match="reads the global state; this environment has none"):
        TarMAC(SPEC, central=True)
    spec = Spec(num_agents=3, obs_shape=(4,), num_actions=2, horizon=9, state_size=6)
    assert TarMAC(spec, central=True).network.state_size == 6
    assert TarMAC(spec).network.state_size == 0


def test_messages_are_the_only_difference_from_ippo():
    ours, theirs = TarMAC(SPEC), IPPO(SPEC)
    names = [name for name, _ in ours.network.named_parameters() if "communication" not in name]
    assert names == [name for name, _ in theirs.network.named_parameters()]
    kept = {k: v for k, v in vars(ours).items() if isinstance(v, (int, float, str, bool))}
    assert kept == {k: v for k, v in vars(theirs).items() if k in kept}


def test_a_second_round_attends_with_what_was_received_in_the_first():
    made, seen = network(TarMAC, message=5, key=7, rounds=2), graph()
    output, _ = made(seen, torch.zeros(3, 0))
    communication = made.communication
    assert made.rounds == communication.rounds == 2
    assert seen.x is not None
    first = communication.conv(seen.x, EDGES)
    linear = communication.between[0]
    x = (torch.cat([seen.x, first], 1) @ linear.weight.t() + linear.bias).tanh()
    assert torch.allclose(output.latent, communication.conv(x, EDGES), atol=1e-6)


def test_the_scale_of_scores_and_gradients_of_messages_are_options():
    options = {"message": 9, "key": 4, "mixer": "vdn", "recurrent": True}
    assert network(TarMACQMIX, **options).communication.conv.scale == 2
    assert network(TarMACQMIX, scale="message", **options).communication.conv.scale == 3
    for detached in (False, True):
        made, memory = network(TarMACQMIX, detach_messages=detached, **options), torch.randn(3, 64)
        memory.requires_grad_()
        output, _ = made(graph(), memory)
        value = made.communication.conv.value.weight
        to_memory, to_value = torch.autograd.grad(
            output.latent.sum(), (memory, value), allow_unused=True
        )
        assert (to_memory is None) == detached and to_value.any()

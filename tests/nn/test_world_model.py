"""Messages, states and memory of the world model."""

from typing import Any

import pytest
import torch
from batches import batch
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.data import Collector, Trajectory
from graphmarl.graphs import make_graph
from graphmarl.learners.sequences import Sequences, unroll
from graphmarl.methods import MAMBASmall
from graphmarl.nn import (
    Channel,
    CommunicationTransformer,
    LatentAgent,
    LatentCritic,
    RunningMoments,
    WorldModel,
    adjacency_of,
)

LINE = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
SMALL: dict[str, Any] = {"hidden": 16, "recurrent": 8, "heads": 2}


def test_a_message_is_a_state_of_160_bits_and_an_action():
    model = WorldModel(6, 3, hidden=16, recurrent=8, heads=2, has_available=True)
    env = Toy(num_envs=2, num_agents=3)
    action = torch.zeros(2, 3, dtype=torch.long)
    graph = make_graph("complete")(agent_graph(env.reset(0), env.spec, action))
    agent = LatentAgent(model)
    with Channel(agent, 3) as channel:
        agent(graph, torch.zeros(6, agent.memory_size))
        (sent,) = channel.messages
        counts = channel.take(2)
    assert model.shape == (32, 32)
    # 32 symbols of 5 binary digits; one of three actions takes 2 more.
    assert sent.bits.unique().tolist() == [32 * 5 + 2]
    # Each of 3 agents has 2 neighbours; 162 digits take 21 bytes.
    assert counts["messages"].tolist() == [6, 6]
    assert counts["bits"].tolist() == [6 * 162, 6 * 162]
    assert counts["bytes"].tolist() == [6 * 21, 6 * 21]


@pytest.mark.parametrize("local", [True, False])
def test_no_information_from_beyond_the_neighbourhood_enters_a_state(local):
    model = WorldModel(6, 3, layers=3, categoricals=2, classes=4, **SMALL)
    edges = LINE if local else torch.tensor([[i, j] for i in range(4) for j in range(4) if i != j])
    adjacency = adjacency_of(edges if local else edges.T, 1, 4)
    knows, action = torch.randn(4, model.size), torch.randn(4, 3)

    def first(knows, action):
        return model.advance(model.split(knows), action, adjacency, 4)[0]

    for part in torch.autograd.functional.jacobian(first, (knows, action)):
        received = part.abs().sum((0, 2)) > 0  # type: ignore[union-attr]
        assert received.tolist() == [True, True, not local, not local]
    # Nor does what others remember for themselves: the deterministic state is not sent.
    knows = torch.autograd.functional.jacobian(lambda x: first(x, action), knows)
    assert not knows[:, 1:, model.stochastic :].any()  # type: ignore[index]


def test_a_state_is_one_hot_by_categorical_and_drawn_only_if_asked():
    model = WorldModel(6, 3, categoricals=2, classes=4, **SMALL)
    h, seen = torch.randn(50, 8), torch.randn(50, 16)
    (latent, logits), (again, _) = (model.observe(h, seen, sample=False) for _ in range(2))
    assert torch.equal(latent.z, again.z)
    assert torch.equal(latent.z.view(50, 2, 4).argmax(-1), logits.view(50, 2, 4).argmax(-1))
    drawn = model.observe(h, seen)[0].z.view(50, 2, 4)
    assert torch.allclose(drawn.sort(-1).values, torch.tensor([0.0, 0, 0, 1]).expand(50, 2, 4))
    assert not torch.equal(drawn.flatten(1), latent.z)


def played(steps: int = 5, **others) -> Trajectory:
    """An episode of two agents and then the beginning of another."""
    torch.manual_seed(3)
    action = torch.randint(3, (steps, 2)).tolist()
    fields = {"last_action": [[0, 0], *action[:-1]], **others}
    pairs = [[(0, 1), (1, 0)]] * steps
    seen = torch.rand(steps, 2, 3).tolist()
    return batch(seen, action[:-1], torch.rand(steps - 1, 2).tolist(), pairs, **fields)


@pytest.mark.parametrize("masked", [True, False])
def test_acting_and_training_compute_the_same_states(masked):
    # With a single class nothing is drawn, and both ways must agree.
    model = WorldModel(3, 3, categoricals=2, classes=1, layers=2, **SMALL)
    agent, game = LatentAgent(model).eval(), played()
    assert game.last_action is not None
    game.last_action[3] = 0
    game.time[:, 0] = torch.tensor([0, 1, 2, 0, 1])
    game.valid[2] = False
    learned = unroll(model, Sequences.of(game, masked)).latent.features
    memory = torch.zeros(2, model.size)
    for t in range(5):
        memory = memory * (game.time[t] > 0)
        output, memory = agent(game.graph(t), memory)
        assert torch.allclose(memory, learned[t], atol=1e-5), t
        assert output.features is memory


class Recorded(MAMBASmall):
    """Stores the states in which it acts."""

    def act(self, graph, memory, greedy=False):
        action, stored, memory = super().act(graph, memory, greedy)
        return action, {**stored, "state": memory}, memory


@pytest.mark.parametrize(
    ("builder", "options"),
    [
        ("knn:k=2", {"masked_training": True}),
        ("knn:k=2", {"masked_training": True, "hops": "layer", "layers": 2}),
        ("complete", {}),
        ("complete", {"absorbing": True, "normalize_observations": True}),
    ],
)
def test_states_of_acting_are_those_of_training_while_graphs_change_and_agents_die(
    builder, options, monkeypatch
):
    env = Toy(num_envs=3, num_agents=5, horizon=9)
    sizes: dict[str, Any] = {**SMALL, "categoricals": 2, "classes": 4, "learning_starts": 10**6}
    learner = Recorded(env.spec, **sizes, **options).eval()
    if learner.network.model.moments is not None:
        learner.network.model.moments.update(torch.rand(9, 6))
    monkeypatch.setattr("graphmarl.nn.world_model.sample_index", lambda logits: logits.argmax(-1))
    game = next(iter(Collector(env, make_graph(builder), learner, 10**6, 12, seed=2)))
    seq = Sequences.of(game, learner.masked_training, learner.absorbing)
    learned = unroll(learner.network.model, seq).latent.features
    acted = learned.unflatten(1, (3, 5))[game.acted]
    assert torch.allclose(game.stored["state"][game.acted], acted, atol=1e-5)
    died = (~game.survived & game.acted).any(2)
    assert died[:-1].any() and (game.time[1:] == 0).any(), "agents die and episodes begin"


def test_a_value_reads_live_agents_only():
    critic, alive = LatentCritic(5, 16, heads=2), torch.tensor([[True, True, False]])
    jacobian = torch.autograd.functional.jacobian(
        lambda x: critic(x, alive)[0], torch.randn(1, 3, 5)
    )
    read = jacobian.abs().sum((1, 3)) > 0  # type: ignore[union-attr]
    assert read.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_bad_input_fails_at_the_door():
    with pytest.raises(ValueError, match=r"are \(16, 8, 0, 4\); allowed are 1 and more"):
        WorldModel(6, 3, categoricals=0, classes=4, **SMALL)


def test_a_value_can_read_the_stochastic_state_alone():
    learner = MAMBASmall(Toy().spec, critic_input="stochastic", **SMALL)
    model, alive = learner.network.model, torch.ones(1, 2, dtype=torch.bool)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: learner.critic(x, alive)[0], torch.randn(1, 2, model.size)
    )
    read = jacobian.abs().sum((0, 1, 2)) > 0  # type: ignore[union-attr]
    assert read[: model.stochastic].all() and not read[model.stochastic :].any()


@pytest.mark.parametrize(("hops", "reached"), [("single", 2), ("layer", 4)])
def test_messages_travel_one_hop_or_one_in_each_layer(hops, reached):
    layer = CommunicationTransformer(3, 16, layers=3, heads=2, hops=hops)
    x = torch.randn(4, 3)
    assert layer.rounds == reached - 1
    for forward in (
        lambda x: layer(x, LINE)[0],
        lambda x: layer.encode(layer.tokens(x, 4), adjacency_of(LINE, 1, 4))[0],
    ):
        received = torch.autograd.functional.jacobian(forward, x).abs().sum((0, 2)) > 0  # type: ignore[union-attr]
        assert received.tolist() == [agent < reached for agent in range(4)]
    with Channel(layer, 4) as channel:
        layer(x, LINE)
    assert len(channel.messages) == layer.rounds
    complete = torch.tensor([[i, j] for i in range(4) for j in range(4) if i != j]).T
    other = CommunicationTransformer(3, 16, layers=3, heads=2)
    other.load_state_dict(layer.state_dict())
    assert torch.allclose(layer(x, complete), other(x, complete), atol=1e-5)


def test_running_moments_are_those_of_all_rows():
    rows = torch.randn(30, 2) * torch.tensor([3.0, 0.0]) + 5
    moments = RunningMoments(2)
    assert torch.equal(moments.standardise(rows), rows)
    for part in rows.split([7, 3, 20]):
        moments.update(part)
    expected = (rows - rows.mean(0)) / torch.tensor([float(rows[:, 0].std(correction=0)), 0.01])
    assert torch.allclose(moments.standardise(rows), expected, atol=1e-4)

"""The two losses of NDQ's messages by hand."""

import math
from typing import Any

import pytest
import torch
from batches import batch, joined
from torch import nn
from torch_geometric.data import Data
from toy import Toy

from graphmarl.data import Trajectory
from graphmarl.methods import NDQ
from graphmarl.nn import Channel, Output, Rank
from graphmarl.step import Spec

# Three agents, two steps; 1 and 2 speak to 0 and 0 to 1 in the first, 0 to 2 in the second.
EDGES = [[(1, 0), (2, 0), (0, 1)], [(0, 2)]]
OBS = [[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [2.0, 2.0], [3.0, 3.0]]]
# Half the sum of squares: 12.5 of 1, 2 of 2, 0.5 of 0; the last is of a step that does not count.
MEANS = torch.tensor([[3.0, 4.0], [2.0, 0.0], [0.0, 1.0], [100.0, 100.0]])
LABELS = torch.tensor([[0.0, 1.0], [5.0, 1.0], [0.0, 1.0], [9.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
RECEIVED = torch.zeros(6, 1)


class Guess(nn.Module):
    """Log-odds of action 0: what the agent saw first, less what it saw second and received."""

    def forward(self, x):
        return torch.stack([x[:, 0], x[:, 1] + x[:, 2]], 1)


def made(**options: Any) -> NDQ:
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=9, state_size=4)
    learner = NDQ(spec, **{"beta": 0.1, "c_beta": 2.0, **options})
    learner.posterior = Guess()  # type: ignore[assignment]
    return learner


def played(**others: Any) -> Trajectory:
    return batch(OBS, [[0, 0, 0]], [[0.0, 0.0, 0.0]], EDGES, **others)


def losses(
    trajectory: Trajectory, received: torch.Tensor = RECEIVED, **options: Any
) -> dict[str, float]:
    # The greedy action of the online network does not matter.
    online, target = Output(latent=received, messages=MEANS, q=-LABELS), Output(q=LABELS)
    if options.get("own_messages"):
        # Of the agents that count 0 says (2, 2) to itself, 4, and 2 says (0, 1), 1/2.
        online.extra["own_message"] = torch.tensor([[2.0, 2.0], [0, 0], [0, 1], *[[9, 9]] * 3])
    found = made(**options).extra_losses(trajectory, online, target)
    return {name: value.item() for name, value in found.items()}


def missed(odds: float) -> float:
    """-log of the probability that these log-odds give."""
    return math.log(1 + math.exp(-odds))


def test_succinctness_is_half_the_square_of_the_means_for_each_sender():
    assert losses(played())["succinctness"] == pytest.approx(2 * 0.1 * (12.5 + 2 + 0.5))


def test_messages_to_oneself_count_if_they_are_sent():
    found = losses(played(), own_messages=True)["succinctness"]
    assert found == pytest.approx(2 * 0.1 * (12.5 + 2 + 0.5 + 4 + 0.5))


def test_the_entropy_term_is_the_surprise_of_a_sample(monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.ones_like)
    learner = made(entropy_beta=0.01)
    assert learner.loss_names == ("td", "expressiveness", "succinctness", "entropy")
    # Samples (4, 5), (3, 1), (1, 2); two bits each cost log(2 pi).
    expected = (41 + 10 + 5) / 2 + 3 * math.log(2 * math.pi)
    assert losses(played(), entropy_beta=0.01)["entropy"] == pytest.approx(2 * 0.01 * expected)


def test_a_cut_ranks_messages_to_oneself_and_does_not_count_them():
    spec = Spec(num_agents=2, obs_shape=(1,), num_actions=2, horizon=9)
    found = {}
    for own in (False, True):
        network = NDQ(spec, mixer="vdn", bits=1, own_messages=own).network
        # Means 10 and 20 of messages to the other, 1 and 2 of those to oneself.
        means = torch.tensor([[1.0, 10.0], [20.0, 2.0]])
        network.communication.conv.encoder = Fixed(means)  # type: ignore[union-attr]
        edges, alive = torch.tensor([[0, 1], [1, 0]]), torch.ones(2, dtype=torch.bool)
        seen = Data(x=torch.zeros(2, 1), edge_index=edges, alive=alive, num_nodes=2)
        with Channel(network.eval(), 2, Rank(50)) as channel:
            output, _ = network(seen, torch.zeros(2, 0))
        assert output.latent is not None and not output.latent.diagonal().any()
        (sent,) = channel.messages
        found[own] = sent.keep.flatten().tolist()
        assert channel.take(1)["messages"].tolist() == [sum(found[own])]
    assert found == {False: [False, True], True: [True, True]}


class Fixed(nn.Module):
    """The same messages whatever is seen."""

    def __init__(self, means: torch.Tensor) -> None:
        super().__init__()
        self.means = means

    def forward(self, x):
        return self.means


def test_expressiveness_is_the_cross_entropy_with_the_best_action_of_the_target():
    # Log-odds of the labels 1, 0, 1: -1, -1, 0.
    expected = missed(-1) + missed(-1) + missed(0)
    assert losses(played())["expressiveness"] == pytest.approx(2 * expected)


def test_expressiveness_depends_on_received_messages():
    received = torch.tensor([[2.0], [3.0], [0.0], [7.0], [7.0], [7.0]])
    # The labels are 1, 0, 1: the message speaks for action 1.
    expected = missed(-1 + 2) + missed(-1 - 3) + missed(0)
    assert losses(played(), received)["expressiveness"] == pytest.approx(2 * expected)


def test_an_illegal_action_is_no_label():
    legal = torch.ones(2, 3, 2, dtype=torch.bool)
    legal[0, 0, 1] = False
    expected = missed(1) + missed(-1) + missed(0)
    assert losses(played(available=legal))["expressiveness"] == pytest.approx(2 * expected)


def test_dead_agents_are_in_neither_loss():
    alive = torch.ones(2, 3, dtype=torch.bool)
    alive[0, 1] = False
    found = losses(played(alive=alive))
    assert found["succinctness"] == pytest.approx(2 * 0.1 * (2 + 0.5))
    assert found["expressiveness"] == pytest.approx(2 * (missed(-1) + missed(0)))


def test_padding_is_in_neither():
    learner = NDQ(Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=9, state_size=4))
    one = batch(OBS, [[0, 0, 0]], [[0.0, 0.0, 0.0]])
    longer = batch([*OBS, OBS[0]], [[0, 0, 0]] * 2, [[0.0, 0.0, 0.0]] * 2)
    found = []
    for trajectory in (one, longer, joined(one, longer)):
        online = learner.unroll(learner.network, trajectory)
        online.messages = torch.zeros(0, 2)
        extra = learner.extra_losses(trajectory, online, online)
        found.append(extra["expressiveness"].item())
    assert found[2] == pytest.approx((1 * found[0] + 2 * found[1]) / 3, rel=1e-5)


def test_gradients_of_both_reach_the_encoder_and_none_the_target():
    env = Toy()
    learner = NDQ(env.spec)
    conv = learner.network.communication.conv  # type: ignore[union-attr]
    x, edges = torch.randn(6, 6), torch.tensor([[1, 2, 0, 3], [0, 0, 1, 5]])
    means = conv.mean(x, edges)  # type: ignore[operator, union-attr]
    received = conv(x, edges, means)  # type: ignore[operator]
    trajectory = batch(torch.randn(2, 3, 6).tolist(), [[0, 0, 0]], [[0.0] * 3], EDGES)
    target = torch.randn(6, 3, requires_grad=True)
    extra = learner.extra_losses(
        trajectory, Output(latent=received, messages=means), Output(q=target)
    )
    for loss in extra.values():
        trained = [*conv.parameters(), target]  # type: ignore[union-attr]
        gradients = torch.autograd.grad(loss, trained, allow_unused=True, retain_graph=True)
        assert all(g is not None and g.abs().sum() > 0 for g in gradients[:-1])
        assert gradients[-1] is None


def test_messages_train_the_memory_that_they_are_made_of():
    env = Toy()
    network, memory = NDQ(env.spec, recurrent=True).network, torch.randn(3, 64, requires_grad=True)
    graph = batch(torch.randn(2, 3, 6).tolist(), [[0, 0, 0]], [[0.0] * 3], EDGES).graph(0)
    output, _ = network(graph, memory)
    for said in (output.messages, output.latent):
        (gradient,) = torch.autograd.grad(said.sum(), [memory], retain_graph=True)
        # 1 and 2 speak to 0, and 0 to 1.
        assert (gradient.abs().sum(1) > 0).all()


@pytest.mark.parametrize(
    ("progress", "beta"), [(0.0, 1e-4), (0.5, 1e-4), (0.75, 1e-3), (1.0, 1e-2), (1.5, 1e-2)]
)
def test_beta_moves_over_the_second_half_of_the_run(progress, beta):
    learner = made(beta=1e-4, final_beta=1e-2)
    learner.progress.fill_(progress)
    assert learner.beta == pytest.approx(beta)


def test_beta_is_constant_without_final_beta():
    learner = made(beta=0.3)
    learner.progress.fill_(0.9)
    assert learner.beta == pytest.approx(0.3)


def test_a_moving_beta_is_the_weight_of_succinctness_alone():
    learner = made(beta=0.1, final_beta=0.001)
    learner.progress.fill_(1.0)
    extra = learner.extra_losses(
        played(), Output(latent=RECEIVED, messages=MEANS), Output(q=LABELS)
    )
    assert extra["succinctness"].item() == pytest.approx(2 * 0.001 * 15)
    assert extra["expressiveness"].item() == pytest.approx(losses(played())["expressiveness"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0.0}, "beta is 0.0; allowed are numbers above 0"),
        ({"beta": -1.0}, "beta is -1.0"),
        ({"final_beta": 0.0}, "final_beta is 0.0; allowed are numbers above 0"),
    ],
)
def test_a_weight_that_is_not_positive_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        made(**options)


def test_the_mixer_of_the_paper_needs_a_state_and_others_do_not():
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=9)
    with pytest.raises(ValueError, match="reads the global state; this environment has none"):
        NDQ(spec, mixer="qmix")
    assert NDQ(spec).mixer is not None
    assert NDQ(spec, mixer="none").mixer is None
    assert NDQ(spec, mixer="vdn").mixer is not None


@pytest.mark.parametrize(("receiver", "size"), [("slots", 3 * 5), ("mean", 5)])
def test_the_posterior_reads_inputs_and_messages(receiver, size):
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=4, horizon=9, state_size=4)
    first = NDQ(spec, bits=5, receiver=receiver).posterior[0]
    assert (first.in_features, first.out_features) == (2 + size, 4 * size)


@pytest.mark.parametrize(
    ("progress", "draw", "percent"),
    [
        (0.2, 0.9, 0),
        (0.5, 0.9, 40),
        (0.5, 0.25, 20),
        (2 / 3, 0.9, 80),
        (1.0, 0.1, 16),
        (1.0, 1, 80),
    ],
)
def test_the_cut_in_training_grows_and_is_drawn_anew(progress, draw, percent, monkeypatch):
    cut = []

    class Noted(Rank):
        def __init__(self, percent: float) -> None:
            super().__init__(percent)
            cut.append(percent)

    env = Toy()
    learner = NDQ(env.spec, train_cut=80.0)
    learner.progress.fill_(progress)
    monkeypatch.setattr("graphmarl.methods.ndq.Rank", Noted)
    monkeypatch.setattr(torch, "rand", lambda *_: torch.tensor(float(draw)))
    trajectory = batch(torch.randn(2, 3, 6).tolist(), [[0, 0, 0]], [[0.0] * 3], EDGES)
    trajectory.state = torch.zeros(2, 1, 3)
    learner.losses(trajectory)
    assert cut == [pytest.approx(percent, abs=1e-4)]


def test_what_is_cut_in_training_gets_no_gradient_from_the_values():
    env = Toy()
    trajectory = batch(torch.randn(2, 3, 6).tolist(), [[0, 0, 0]], [[1.0] * 3], EDGES)
    sizes = []
    for percent in (0.0, 100.0):
        torch.manual_seed(0)
        learner = NDQ(env.spec, train_cut=percent, c_beta=0.0)
        learner.progress.fill_(1.0)
        torch.manual_seed(1)  # the first number is above a half: the whole cut
        assert torch.rand(()) > 0.5
        torch.manual_seed(1)
        sum(learner.losses(trajectory).values()).backward()  # type: ignore[union-attr]
        encoder = learner.network.communication.conv.encoder  # type: ignore[union-attr]
        grads = [p.grad for p in encoder.parameters()]  # type: ignore[union-attr]
        sizes.append(sum(float(g.abs().sum()) for g in grads if g is not None))
    assert sizes[0] > 0 == sizes[1]


def test_a_cut_in_training_must_be_a_percentage():
    with pytest.raises(ValueError, match="allowed are numbers from 0 to 100"):
        NDQ(Toy().spec, train_cut=120.0)

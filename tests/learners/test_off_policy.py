"""How off-policy learners act, wait, keep what was played and let targets follow."""

from typing import Any

import pytest
import torch
from batches import Seen, batch
from torch_geometric.data import Data
from toy import Toy

from graphmarl.data import Collector, Trajectory
from graphmarl.graphs import make_graph
from graphmarl.learners import Learner, QLearning
from graphmarl.methods import NDQ, NVIFDQN
from graphmarl.nn import QNetwork


def able_to_update(learner: Learner, monkeypatch: pytest.MonkeyPatch, rate: float = 0.0) -> None:
    """Let a learner update itself without a trainer, by plain gradient descent."""
    trained = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=rate)
    monkeypatch.setattr(learner, "optimizers", lambda: optimizer)
    monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())


def learner(**options: Any) -> Any:
    return QLearning(
        Seen(),
        **{"learning_starts": 0, "batch_size": 4, "gradient_steps": 1, "gamma": 0.5, **options},
    )


def played(steps: int = 0, progress: float = 0.0, reward: float = 1.0) -> Trajectory:
    made = batch([[[1.0, 3.0]], [[2.0, 5.0]]], [[1]], [[reward]])
    made.env_steps, made.progress = steps, progress
    return made


def scales(learner: Any) -> tuple[float, float]:
    return learner.network.scale.item(), learner.targets["network"].scale.item()


def test_a_soft_target_moves_by_its_share_after_each_update(monkeypatch):
    taught = learner(target="soft", tau=0.25)
    able_to_update(taught, monkeypatch)
    taught.update(played())
    assert scales(taught) == (1, 1)
    taught.network.scale.data.fill_(9.0)
    taught.update(played())
    assert scales(taught) == (9, 1 + 0.25 * 8)
    taught.update(played())
    assert scales(taught) == (9, 3 + 0.25 * 6)


def test_a_hard_target_jumps_every_so_many_updates(monkeypatch):
    taught = learner(target="hard", target_update_interval=3)
    able_to_update(taught, monkeypatch)
    follows = []
    for number in range(1, 8):
        taught.update(played())
        taught.network.scale.data.fill_(float(number))
        follows.append(scales(taught)[1])
    # The third and the sixth update copy what was there before it was changed: 2 and 5.
    assert follows == [1, 1, 2, 2, 2, 5, 5]


def test_the_first_update_starts_from_the_online_network(monkeypatch):
    taught = learner(target="hard")
    able_to_update(taught, monkeypatch)
    taught.network.scale.data.fill_(4.0)
    taught.update(played())
    assert scales(taught) == (4, 4)


def test_the_target_of_a_pre_trained_encoder_is_that_encoder(monkeypatch):
    env = Toy(num_envs=2)
    taught = NVIFDQN(env.spec, learning_starts=0, batch_size=4, rollout_length=4, episodes=1)
    able_to_update(taught, monkeypatch)
    for parameter in taught.network.communication.parameters():  # type: ignore[union-attr]
        parameter.data += 1.0  # as a stage does, after the learner was made
    taught.update(next(iter(Collector(env, make_graph("complete"), taught, 8, 4))))
    for key, value in taught.network.state_dict().items():
        if key.startswith("communication"):
            assert torch.equal(value, taught.targets["network"].state_dict()[key]), key


def test_an_update_is_a_step_down_the_gradient(monkeypatch):
    taught = learner(max_grad_norm=1e9)
    able_to_update(taught, monkeypatch, rate=0.1)
    metrics = taught.update(played(reward=2.0))
    error = 3 - (2 + 0.5 * 5)
    assert metrics["td"] == pytest.approx(error**2)
    assert metrics["q"] == 3
    assert metrics["gradient"] == pytest.approx(abs(2 * error * 3))
    assert taught.network.scale.item() == pytest.approx(1 - 0.1 * 2 * error * 3)


def test_a_long_gradient_is_shortened(monkeypatch):
    taught = learner(max_grad_norm=0.5)
    able_to_update(taught, monkeypatch, rate=1.0)
    taught.update(played(reward=100.0))
    assert taught.network.scale.item() == pytest.approx(1 + 0.5, abs=1e-4)


def test_nothing_is_learned_before_the_warmup(monkeypatch):
    taught = learner(learning_starts=3, gradient_steps=2)
    able_to_update(taught, monkeypatch)
    for steps in (1, 2, 3, 4):
        metrics = taught.update(played(steps))
        assert (metrics["td"] == metrics["td"]) == (steps >= 3)
    assert taught.updated == 2 * 2
    assert len(taught.replay) == 4 * 2 - 1, "what came before is kept"


def test_a_learner_waits_for_what_it_draws(monkeypatch):
    seams = played()
    seams.valid[:] = False
    taught = learner()
    able_to_update(taught, monkeypatch)
    taught.update(seams)
    assert taught.updated == 0
    taught.update(played())
    assert taught.updated == 1
    whole = learner(sample="episode")
    able_to_update(whole, monkeypatch)
    ended = played()
    ended.terminated[0] = True
    for trajectory, count in ((played(), 0), (ended, 1)):
        whole.update(trajectory)
        assert whole.updated == count


def test_the_schedule_falls_linearly_and_stays(monkeypatch):
    taught = learner(
        epsilon=0.8, final_epsilon=0.2, exploration_fraction=0.5, learning_starts=10**9
    )
    said = [taught.update(played(progress=p))["exploring"] for p in (0.0, 0.25, 0.5, 0.9)]
    assert said == pytest.approx([0.8, 0.5, 0.2, 0.2])
    assert learner(final_epsilon=0.1, exploration_fraction=0).exploring == 0.1


def graph_of(q: list[float], available: list[bool] | None = None, rows: int = 10_000) -> Data:
    graph = Data(x=torch.tensor(q).repeat(rows, 1), num_nodes=rows)
    if available is not None:
        graph.available = torch.tensor(available).repeat(rows, 1)
    return graph


def frequencies(taught: QLearning, graph: Data, greedy: bool = False) -> torch.Tensor:
    action, _, _ = taught.act(graph, torch.zeros(10_000, 0), greedy)
    return torch.bincount(action, minlength=4) / 10_000


# Five standard deviations of a share of 10,000 draws are at most 0.025.
Q, LEGAL = [0.0, 1.0, 2.0, 9.0], [True, True, True, False]


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_a_share_of_actions_is_legal_and_random_and_the_rest_is_best(epsilon):
    found = frequencies(learner(epsilon=epsilon), graph_of(Q, LEGAL))
    third = epsilon / 3
    assert torch.allclose(found, torch.tensor([third, third, 1 - epsilon + third, 0]), atol=0.025)
    assert found[3] == 0


def test_the_temperature_weighs_actions_by_their_values():
    taught = learner(exploration="boltzmann", epsilon=0.5)
    weights = torch.tensor([0.0, 1.0, 2.0]).div(0.5).exp()
    found = frequencies(taught, graph_of(Q, LEGAL))
    assert torch.allclose(found[:3], weights / weights.sum(), atol=0.025)
    assert found[3] == 0


@pytest.mark.parametrize("explore", ["epsilon", "boltzmann"])
def test_a_greedy_action_is_the_best_and_draws_nothing(explore):
    state = torch.get_rng_state()
    taught = learner(exploration=explore)
    assert frequencies(taught, graph_of(Q, LEGAL), greedy=True).tolist() == [0, 0, 1, 0]
    assert frequencies(taught, graph_of(Q), greedy=True).tolist() == [0, 0, 0, 1]
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("option", ["epsilon", "final_epsilon"])
def test_a_temperature_of_nothing_is_refused(option):
    with pytest.raises(ValueError, match=f"{option} is 0.0; .*temperature"):
        learner(exploration="boltzmann", **{option: 0.0})


class Watched(QLearning):
    """Stores the values by which it acts."""

    def act(self, graph, memory, greedy=False):
        output, _ = self.network(graph, memory)
        action, stored, memory = super().act(graph, memory, greedy)
        return action, {**stored, "q": output.q}, memory


class Telling(Watched, NDQ):
    """The same with messages."""


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("kind", ["silent", "telling"])
def test_a_network_sees_in_training_what_it_saw_when_it_acted(kind, recurrent):
    env = Toy()
    options = {"recurrent": recurrent, "last_action": True, "agent_id": True}
    learning = {"sample": "episode", "rollout_length": 7}
    if kind == "telling":
        taught: Watched = Telling(env.spec, test_noise=False, **options, **learning)
    else:
        network = QNetwork(6, 3, hidden=8, recurrent=recurrent, last_action=3, agent_id=3)
        taught = Watched(network, **learning)
    taught.eval()
    for trajectory in Collector(env, make_graph("random:k=1,drop=0.4"), taught, 200, 7):
        taught.replay.add(trajectory)
    episodes = taught.replay.whole_episodes(30)
    again = taught.per_agent(episodes, taught.unroll(taught.network, episodes).q)
    there = episodes.alive.any(-1)
    assert torch.allclose(again[there], episodes.stored["q"][there], atol=1e-5)
    assert there.sum() > 100


def test_memory_and_single_transitions_do_not_go_together():
    with pytest.raises(ValueError, match="a network with memory needs 'episode'"):
        QLearning(QNetwork(6, 3, recurrent=True), sample="transition")
    assert QLearning(QNetwork(6, 3, recurrent=True)).episodic
    assert not QLearning(QNetwork(6, 3)).episodic


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("rmsprop", "RMSprop")])
def test_the_optimiser_trains_all_but_the_targets(name, kind):
    taught = learner(optimizer=name)
    optimizer = taught.configure_optimizers()
    assert type(optimizer).__name__ == kind
    assert optimizer.param_groups[0]["params"] == [taught.network.scale]


@pytest.mark.parametrize(("options", "share"), [({}, 0.9), ({"optimizer_eps": 1e-5}, 9 / 1009)])
def test_a_first_step_of_adam_is_the_gradient_over_its_size_and_eps(options, share):
    # m = 0.1 g / 0.1 and v = g^2, so that the step is lr g / (|g| + eps): of g = 9e-8 and
    # lr = 0.01 it is 0.01 * 9 / 10 by the default, and 0.9 % of 0.01 with PPO's 1e-5.
    taught = learner(learning_rate=0.01, **options)
    taught.network.scale.data.fill_(0.0)
    taught.network.scale.grad = torch.tensor(9e-8)
    taught.configure_optimizers().step()
    assert taught.network.scale.item() == pytest.approx(-0.01 * share, rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"gradient_steps": 0},
        {"target_update_interval": 0},
        {"tau": 0.0},
        {"tau": 1.5},
    ],
)
def test_a_number_out_of_range_is_refused(options):
    (name, value), *_ = options.items()
    with pytest.raises(ValueError, match=f"{name} is {value}; allowed"):
        learner(**options)

"""What COMA's critic reads, and the advantage and the return that come of it."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.cli import main
from graphmarl.data import Collector
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.train import train
from graphmarl.graphs import make_graph
from graphmarl.methods import COMA
from graphmarl.nn import CounterfactualCritic
from graphmarl.results.run import Run
from graphmarl.step import Spec

SPEC = Spec(num_agents=3, obs_shape=(6,), num_actions=3, horizon=6, state_size=3)


class Given(nn.Module):
    """A critic with constant values."""

    def __init__(self, *q: float) -> None:
        super().__init__()
        self.q = nn.Parameter(torch.tensor(q))

    def forward(self, graph: Data, action: Tensor) -> Tensor:
        return self.q.expand(len(action), -1)


def played(learner: COMA, rollout_length: int = 6) -> Any:
    (trajectory, *_) = Collector(Toy(2), make_graph("none"), learner, 12, rollout_length)
    return trajectory


def test_the_advantage_is_what_the_own_action_adds_to_the_mean_of_the_policy():
    learner = COMA(SPEC)
    trajectory = played(learner)
    learner.critic = Given(1.0, 5.0, 3.0)  # type: ignore[assignment]
    trajectory.action[0, 0] = torch.tensor([0, 1, 2])
    trajectory.stored["policy"][0, 0] = torch.tensor([0.5, 0.25, 0.25])
    # The mean is 0.5 + 1.25 + 0.75 = 2.5.
    advantage, _ = learner.advantages(trajectory)
    assert torch.allclose(advantage[0, 0], torch.tensor([1 - 2.5, 5 - 2.5, 3 - 2.5]))
    learner.counterfactual = False
    advantage, _ = learner.advantages(trajectory)
    assert torch.equal(advantage[0, 0], torch.tensor([1.0, 5.0, 3.0]))


def test_the_policy_does_not_gain_by_the_baseline_on_average():
    learner = COMA(SPEC)
    trajectory = played(learner)
    total = torch.zeros(6, 2, 3)
    for action in range(3):
        # The others' actions stay those that the critic reads: each agent is varied by itself.
        for agent in range(3):
            was = trajectory.action[..., agent].clone()
            trajectory.action[..., agent] = action
            advantage, _ = learner.advantages(trajectory)
            total[..., agent] += (
                trajectory.stored["policy"][..., agent, action] * (advantage[..., agent])
            )
            trajectory.action[..., agent] = was
    assert torch.allclose(total, torch.zeros(6, 2, 3), atol=1e-5)


def test_the_critic_reads_state_observation_index_and_actions_of_live_others():
    torch.manual_seed(0)
    env = Toy(2, 3)
    critic = CounterfactualCritic(3, 3, 6, 3)
    graph = agent_graph(env.reset(0), env.spec)
    action = torch.tensor([0, 1, 2, 2, 1, 0])
    before = critic(graph, action)

    def changed(what: Data, action: Tensor) -> list[bool]:
        return (critic(what, action) != before).any(1).tolist()

    other = action.clone()
    other[1] = 0
    assert changed(graph, other) == [True, False, True, False, False, False]
    state = graph.clone()
    state.state[1] += 1
    assert changed(state, action) == [False, False, False, True, True, True]
    seen = graph.clone()
    assert seen.x is not None
    seen.x[4] += 1
    assert changed(seen, action) == [False, False, False, False, True, False]
    same = Data(x=torch.ones(3, 6), alive=torch.ones(3, dtype=torch.bool), num_nodes=3)
    same.state, nothing = torch.ones(1, 3), torch.zeros(3, dtype=torch.long)
    q = critic(same, nothing)
    assert not torch.equal(q[0], q[1]), "agents are distinguished"
    graph.alive[1] = False
    before = critic(graph, action)
    assert changed(graph, other) == [False] * 6


def test_the_critic_learns_the_lambda_return_of_the_target_critic():
    learner = COMA(SPEC, gamma=0.5, gae_lambda=0.5)
    learner.targets["critic"] = Given(4.0, 4.0, 4.0)
    trajectory = played(learner, 3)
    assert torch.equal(trajectory.stored["value"], torch.full((3, 2, 3), 4.0))
    assert torch.equal(trajectory.last_value, torch.full((2, 3), 4.0))
    trajectory.survived[:], trajectory.alive[:], trajectory.valid[:] = True, True, True
    trajectory.terminated[:] = trajectory.truncated[:] = False
    trajectory.reward[:, 0] = torch.tensor([[3.0, 0, 0], [0, 6, 0], [0, 0, 9]])
    # Team rewards 1, 2, 3; backwards G = 3 + 0.5 * 4, then r + 0.5 * (4 + G) / 2.
    _, target = learner.advantages(trajectory)
    last = 3 + 0.5 * 4
    middle = 2 + 0.5 * (4 + last) / 2
    first = 1 + 0.5 * (4 + middle) / 2
    expected = torch.tensor([first, middle, last])[:, None].expand(3, 3)
    assert torch.allclose(target[:, 0], expected)
    trajectory.truncated[1, 0] = True
    _, target = learner.advantages(trajectory)
    assert torch.allclose(target[1, 0], torch.tensor(2 + 0.5 * 4.0))
    trajectory.terminated[1, 0] = True
    _, target = learner.advantages(trajectory)
    assert torch.equal(target[1, 0], torch.tensor([2.0, 2.0, 2.0]))


@pytest.mark.parametrize(
    ("options", "moves"), [({"target_update_interval": 2}, [0, 1, 0]), ({}, [0, 0, 0])]
)
def test_the_target_is_copied_when_it_is_due(options, moves, monkeypatch):
    learner = COMA(SPEC, rollout_length=6, **options)
    optimizer = learner.configure_optimizers()
    assert [group["lr"] for group in optimizer.param_groups] == [5e-4, 1e-3]
    monkeypatch.setattr(learner, "optimizers", lambda: optimizer)
    monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())
    for due in moves:
        learner.update(played(learner))
        pairs = zip(
            learner.critic.parameters(), learner.targets["critic"].parameters(), strict=True
        )
        assert all(torch.equal(one, two) for one, two in pairs) == bool(due)
    learner.target, learner.tau = "soft", 0.25
    (theirs, *_), (ours, *_) = learner.targets.parameters(), learner.critic.parameters()
    before = theirs.clone()
    learner.update(played(learner))
    assert torch.allclose(theirs, before + 0.25 * (ours - before))
    assert learner.updated == 4


def test_the_critic_can_be_trained_before_the_advantages_are_computed(monkeypatch):
    learner = COMA(SPEC, critic_first=True, value_coef=1.0, gamma=0.0, critic_learning_rate=0.5)
    trajectory = played(learner)
    learner.critic = Given(0.0, 0.0, 0.0)  # type: ignore[assignment]
    trajectory.action[:], trajectory.reward[:] = 1, 1.0
    trajectory.stored["policy"][:] = torch.tensor([0.5, 0.25, 0.25])
    optimizer = learner.configure_optimizers()
    monkeypatch.setattr(learner, "optimizers", lambda: optimizer)
    monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())
    advantages = learner.advantages
    seen = []
    monkeypatch.setattr(learner, "advantages", lambda t: seen.append(advantages(t)) or seen[-1])
    before = [p.clone() for p in learner.network.parameters()]
    learner.update(trajectory)
    # A first step of Adam is the learning rate: the action that was done has 0.5, less a quarter.
    assert learner.critic.q.tolist() == pytest.approx([0, 0.5, 0], abs=1e-3)  # type: ignore[arg-type]
    assert torch.allclose(seen[0][0][trajectory.acted], torch.tensor(0.375), atol=1e-3)
    moved = zip(before, learner.network.parameters(), strict=True)
    assert any(not torch.equal(one, two) for one, two in moved)


def test_a_share_of_the_policy_is_uniform_over_legal_actions():
    learner = COMA(SPEC, epsilon=0.25, final_epsilon=0.1)
    plain = COMA(SPEC)
    plain.network.load_state_dict(learner.network.state_dict() | {"uniform": torch.zeros(())})
    env = Toy(2, 3)
    graph, memory = agent_graph(env.reset(0), env.spec), torch.zeros(6, 0)
    mixed, pure = (each.network(graph, memory)[0].distribution for each in (learner, plain))
    # The third action is illegal at first.
    uniform = torch.tensor([0.5, 0.5, 0.0])
    assert torch.allclose(mixed.probs, 0.75 * pure.probs + 0.25 * uniform, atol=1e-6)


@pytest.mark.parametrize("name", ["commnet", "g2anet"])
def test_actors_can_communicate(name):
    env = Toy(2, 3)
    network = COMA(env.spec, communication=name).network
    graph, memory = make_graph("complete")(agent_graph(env.reset(0), env.spec)), torch.zeros(6, 0)
    assert graph.x is not None
    before = network(graph, memory)[0].latent
    graph.x[1] += 1.0
    after = network(graph, memory)[0].latent
    assert before is not None and network.rounds > 0
    assert (after != before).any(1).tolist() == [True] * 3 + [False] * 3


def test_bad_numbers_and_a_missing_state_are_refused():
    with pytest.raises(ValueError, match="COMA needs a global state; this environment has none"):
        COMA(Spec(num_agents=3, obs_shape=(6,), num_actions=3, horizon=6))
    with pytest.raises(
        ValueError, match="target_update_interval is 0; allowed are whole numbers from 1"
    ):
        COMA(SPEC, target_update_interval=0)
    with pytest.raises(ValueError, match="tau is 2; allowed are numbers above 0 to 1"):
        COMA(SPEC, tau=2)


@pytest.mark.slow
def test_sensors_learn_to_scan_the_area_that_surely_holds_a_target(tmp_path):
    run = train(
        "coma:rollout_length=8", "sensor", None, 40_000, 0, "a", str(tmp_path), progress=False
    )
    # 20 for the target less 5 for each of two scans; a policy that has learned nothing has -9.
    assert evaluate(run, 2048).mean_return.mean >= 9.5


@pytest.mark.parametrize(
    ("words", "graph"),
    [
        (["--method", "coma"], "none"),
        (["--method", "coma", "--method.communication", "commnet"], "complete"),
        (["--method", "coma:communication=g2anet"], "complete"),
        (["--method", "coma:communication=g2anet", "--graph", "none"], "none"),
    ],
)
def test_actors_that_communicate_have_a_graph_by_default(words, graph, tmp_path):
    words = ["train", *words, "--env", "hallway:num_envs=2", "--steps", "8", "--progress", "no"]
    words += ["--method.rollout_length", "4", "--method.hidden", "8"]
    assert main([*words, "--runs", str(tmp_path), "--name", "a"]) == 0
    assert Run(tmp_path / "a").config()["graph"] == {"name": graph}

"""Imagined rollouts, their returns, and the schedule of training on them."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from batches import batch
from torch import nn
from torch.distributions import Categorical
from torch_geometric.data import Data
from toy import Toy

from graphmarl.data import Collector
from graphmarl.functional import mean_of_live
from graphmarl.graphs import make_graph
from graphmarl.learners import imagination, model_based
from graphmarl.learners.imagination import imagine_rollout, imagine_step
from graphmarl.learners.sequences import Sequences, action_error, model_losses, unroll
from graphmarl.methods import MAMBASmall
from graphmarl.nn import (
    BlockMask,
    LatentAgent,
    LatentCritic,
    WorldModel,
    action_log_prob,
    last_action,
)
from graphmarl.step import Environment, Spec, Step

SMALL: dict[str, Any] = {"hidden": 16, "recurrent": 8, "heads": 2, "layers": 1}


class Known(WorldModel):
    """World model with fixed predictions of reward and continuation."""

    def __init__(self, reward: list[float], continues: list[float]) -> None:
        super().__init__(3, 2, categoricals=2, classes=2, dropout=0.0, **SMALL)
        self.predictions = torch.tensor(reward), torch.tensor(continues).logit()

    def predict(self, z, h):
        count = len(z) // len(self.predictions[0])
        return self.predictions[0].repeat(count), self.predictions[1].repeat(count)


class Four(LatentCritic):
    """All values are 4."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, features, alive):
        return torch.full(alive.shape, 4.0)


def imagined_rollout(
    reward: list[float], continues: list[float], paid: Any = "agent", horizon: int = 2
):
    agent = LatentAgent(Known(reward, continues), 16)
    alive = torch.ones(5, len(reward), dtype=torch.bool)
    start = torch.zeros(5, len(reward), agent.model.size), alive, BlockMask.complete(alive)
    return imagine_rollout(agent, Four(), *start, horizon, 0.5, 0.5, paid, "drawn")


def test_lambda_returns_use_the_predicted_discount():
    # One agent is paid 1, d = 0.8, gamma = lambda = 0.5, v = 4: y_1 = 1 + 0.4 * 4 = 2.6,
    # y_0 = 1 + 0.4 (0.5 * 4 + 0.5 * 2.6) = 2.32.
    imagined = imagined_rollout([1.0], [0.8])
    assert torch.allclose(imagined.target.view(2, 5), torch.tensor([[2.32], [2.6]]).expand(2, 5))
    assert torch.equal(imagined.value, torch.full((10, 1), 4.0))


@pytest.mark.parametrize(("paid", "wanted"), [("agent", [3.6, 1.6]), ("team", [2.6, 2.6])])
def test_a_team_is_paid_the_mean(paid, wanted):
    imagined = imagined_rollout([2.0, 0.0], [0.8, 0.8], paid, horizon=1)
    assert torch.allclose(imagined.target, torch.tensor(wanted).expand(5, 2))


def test_an_agent_that_does_not_continue_is_masked():
    imagined = imagined_rollout([2.0, 4.0], [0.9, 0.4], "team", horizon=2)
    assert imagined.alive.view(2, 5, 2)[:, 0].tolist() == [[True, True], [True, False]]
    # In the second step only the first is paid, so the mean is 1: y_1 = 1 + 0.45 * 4 = 2.8,
    # y_0 = 3 + 0.45 (2 + 1.4) = 4.53.
    assert torch.allclose(imagined.target[::5, 0], torch.tensor([4.53, 2.8]))
    agent, alive = LatentAgent(Known([0.0] * 2, [1.0] * 2), 16), torch.tensor([[True, True]])
    here = torch.rand(1, 2, agent.model.size)
    moved = here.clone()
    moved[:, 1] += 1.0
    for live in (alive, torch.tensor([[True, False]])):
        after = []
        for features in (here, moved):
            torch.manual_seed(0)
            adjacency = BlockMask.complete(alive).restrict(live)
            after.append(imagine_step(agent, features, live, adjacency)[1][0, 0])
        assert torch.equal(*after) == (not live[0, 1])


@pytest.mark.parametrize(("paid", "wanted"), [("agent", 4.0), ("team", 3.0)])
def test_the_return_of_an_agent_ends_with_its_death(paid, wanted):
    # The second goes on by 0.4 and is cut: no value of a dead state and no later reward follows.
    imagined = imagined_rollout([2.0, 4.0], [0.9, 0.4], paid, horizon=2)
    assert imagined.target[0, 1].item() == pytest.approx(wanted)


def test_dead_agents_can_receive_the_team_reward_to_the_end():
    # The team goes on by 0.9: y_1 = 1 + 0.45 * 4 = 2.8, y_0 = 3 + 0.45 (2 + 1.4) = 4.53, also for
    # the second, who dies in the first step.
    imagined = imagined_rollout([2.0, 4.0], [0.9, 0.4], "team_to_end", horizon=2)
    wanted = torch.tensor([[4.53, 4.53], [2.8, 2.8]])
    assert torch.allclose(imagined.target[::5], wanted)
    value, alive = torch.tensor([[1.0, 3.0, 8.0]] * 2), torch.tensor([[1, 1, 0], [0, 0, 0]]).bool()
    assert mean_of_live(value, alive).tolist() == [[2, 2, 2], [0, 0, 0]]


def test_a_rollout_continues_without_dead_agents(monkeypatch):
    masks, step = [], imagination.imagine_step

    def recorded(agent, features, alive, adjacency, legal):
        masks.append(adjacency.mask[0].int().tolist())
        return step(agent, features, alive, adjacency, legal)

    monkeypatch.setattr(imagination, "imagine_step", recorded)
    imagined_rollout([2.0, 4.0], [0.9, 0.4])
    assert masks == [[[1, 1], [1, 1]], [[1, 0], [0, 1]]]


def test_actions_predicted_as_unavailable_are_not_imagined():
    torch.manual_seed(0)
    model = WorldModel(3, 4, categoricals=2, classes=2, has_available=True, **SMALL)
    assert model.available is not None
    last: Any = model.available[-1]
    nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([-50.0, 50.0, -50.0, -0.847])  # 0.3 of the last
    agent, alive = LatentAgent(model, 16), torch.ones(100, 1, dtype=torch.bool)
    features = torch.zeros(100, 1, model.size)
    imagined_step, _ = imagine_step(agent, features, alive, BlockMask.complete(alive))
    assert imagined_step.available is not None
    assert imagined_step.available.float().mean((0, 1)).tolist() == pytest.approx(
        [0, 1, 0, 0.3], abs=0.2
    )
    assert set(imagined_step.action.flatten().tolist()) == {1, 3}
    assert torch.isfinite(imagined_step.log_prob).all()
    imagined_step, _ = imagine_step(agent, features, alive, BlockMask.complete(alive), "likely")
    assert imagined_step.available is not None
    assert imagined_step.available.float().mean((0, 1)).tolist() == [0, 1, 0, 0]


def losses(model: WorldModel, agents: list[int], **changes: float) -> dict[str, torch.Tensor]:
    """Losses of some of two agents without edges; the second dies at once."""
    alive = torch.tensor([[True, True]] + [[True, False]] * 3)[:, agents]
    obs, reward = torch.rand(4, 2, 3), torch.rand(3, 2)
    obs[1:, 1] += changes.get("obs", 0.0)
    reward[1:, 1] += changes.get("reward", 0.0)
    game = batch(
        obs[:, agents].tolist(),
        torch.zeros(3, len(agents), dtype=torch.long).tolist(),
        reward[:, agents].tolist(),
        [[]] * 4,
        alive=alive,
        survived=torch.cat([alive[1:], alive[-1:]]),
        last_action=torch.zeros(4, len(agents), dtype=torch.long),
    )
    seq = Sequences.of(game, masked=True)
    return model_losses(model, seq, unroll(model, seq), 1.0, 0.8, 1.0)


def test_inactive_states_change_no_loss_of_live_agents():
    # With a single class nothing is drawn.
    model = WorldModel(3, 3, categoricals=2, classes=1, positional=False, **SMALL)
    both, changed, alone, dead = (
        (torch.manual_seed(1), losses(model, who, **changes))[1]
        for who, changes in [
            ([0, 1], {}),
            ([0, 1], {"obs": 5.0, "reward": 5.0}),
            ([0], {}),
            ([1], {}),
        ]
    )
    for name, value in both.items():
        assert torch.equal(value, changed[name]), f"{name} of what nobody sees or is paid"
        assert torch.allclose(value, (alone[name] + dead[name]) / 2, atol=1e-6), name
    assert all(float(both[name].detach()) > 0 for name in both if name != "kl")


def test_losses_left_out_of_absorbing_states_are_0_there():
    model = WorldModel(3, 3, categoricals=2, classes=1, positional=False, **SMALL)
    layers: Any = (model.obs, model.previous_action[-1])
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, 0.0)
    model.obs.bias.data.fill_(3.0)
    alone, dead = losses(model, [0]), losses(model, [1])
    # Smooth L1 is |error| - 1/2; the dead agent is seen in the first of 4 states only, and had
    # then not yet done anything. The other has done something in 3 of 4: each costs ln(3).
    ln3 = torch.tensor(3.0).log()
    assert dead["observation"].item() == pytest.approx(3 * (3 - 0.5 - 0.5) / 4, abs=3 * 0.5 / 4)
    assert dead["information"].item() == 0
    assert torch.allclose(alone["information"], 3 * ln3 / 4)


def test_nothing_is_learned_of_rewards_on_the_seam():
    model = WorldModel(3, 3, categoricals=2, classes=1, positional=False, **SMALL)
    for head, bias in ((model.reward, 3.0), (model.continues, 0.0)):
        last: Any = head[-1]
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, bias)
    game = batch(
        torch.rand(4, 1, 3).tolist(),
        [[0]] * 3,
        [[1.0], [0.0], [1.0]],
        [[]] * 4,
        valid=torch.tensor([True, False, True, False]),
        last_action=torch.zeros(4, 1, dtype=torch.long),
    )
    game.time = torch.tensor([[4], [5], [0], [1]])
    seq = Sequences.of(game, masked=True)
    found = model_losses(model, seq, unroll(model, seq), 1.0, 0.8, 1.0)
    # 3 instead of 1 costs 2 - 1/2 in two of three transitions, an even chance of going on ln(2).
    assert found["reward"].item() == pytest.approx(2 * 1.5 / 3)
    assert found["discount"].item() == pytest.approx(2 * torch.tensor(2.0).log().item() / 3)


@pytest.mark.parametrize(("reward_loss", "best"), [("squared", 2.5), ("smooth_l1", 1 / 3)])
def test_only_the_squared_error_predicts_the_mean_reward(reward_loss, best):
    # Of 10 in one transition of four. By smooth L1, three pull down by the prediction, one up by 1.
    model = WorldModel(3, 3, categoricals=2, classes=1, positional=False, **SMALL)
    last: Any = model.reward[-1]
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, best)
    nobody = [[]] * 5
    game = batch(
        torch.rand(5, 1, 3).tolist(),
        [[0]] * 4,
        [[10.0], [0.0], [0.0], [0.0]],
        nobody,
        last_action=torch.zeros(5, 1, dtype=torch.long),
    )
    seq = Sequences.of(game, masked=True)
    found = model_losses(model, seq, unroll(model, seq), 1.0, 0.8, 1.0, reward_loss)
    (pull,) = torch.autograd.grad(found["reward"], last.bias)
    assert pull.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("kind", "expected"), [("squared", 3**2 / 2), ("smooth_l1", 3 - 0.5)])
def test_observations_are_predicted_as_they_are_standardised(kind, expected):
    model = WorldModel(
        2, 2, categoricals=2, classes=1, positional=False, normalize_observations=True, **SMALL
    )
    assert model.moments is not None
    model.moments.update(torch.tensor([[4.0, 4.0], [8.0, 8.0]]))
    nn.init.zeros_(model.obs.weight)
    nn.init.constant_(model.obs.bias, 1.0)
    # Of mean 6 and standard deviation 2, so that 2 is -2 and the error 3, in each of 2 entries.
    game = batch([[[2.0, 2.0]]] * 3, [[0]] * 2, [[0.0]] * 2, [[]] * 3, last_action=[[0]] * 3)
    seq = Sequences.of(game, masked=True)
    found = model_losses(model, seq, unroll(model, seq), 1.0, 0.8, 1.0, observation_loss=kind)
    assert found["observation"].item() == pytest.approx(2 * expected)


def test_what_was_played_is_what_observations_are_standardised_by():
    env = Toy()
    learner = MAMBASmall(env.spec, normalize_observations=True, learning_starts=10**6)
    (game, *_) = Collector(env, make_graph("complete"), learner, 40, 10)
    learner.update(game)
    assert learner.network.model.moments is not None
    assert torch.allclose(
        learner.network.model.moments.mean, game.obs[game.alive].mean(0), atol=1e-5
    )


def test_absorbing_agents_are_not_masked():
    agent = LatentAgent(Known([2.0, 4.0], [0.9, 0.4]), 16)
    alive = torch.ones(5, 2, dtype=torch.bool)
    start = torch.zeros(5, 2, agent.model.size), alive, BlockMask.complete(alive)
    found = imagine_rollout(agent, Four(), *start, 2, 0.5, 0.5, "team", "drawn", absorbing=True)
    assert found.alive.all()
    # Both are paid 3; by 0.4 the second goes on: y_1 = 3 + 0.2 * 4, y_0 = 3 + 0.2 (2 + 1.9).
    assert torch.allclose(found.target[::5, 1], torch.tensor([3.78, 3.8]))
    with pytest.raises(ValueError, match="with masked_training dead agents have no edges"):
        MAMBASmall(Toy().spec, absorbing=True, masked_training=True)
    complete = torch.ones(2, 3, 3, dtype=torch.bool)
    game = batch([[[0.0]] * 3] * 2, [[0] * 3], [[0.0] * 3], alive=[[True, True, False]] * 2)
    game.last_action = torch.zeros(2, 1, 3, dtype=torch.long)
    seq = Sequences.of(game, masked=False, absorbing=True)
    assert all(torch.equal(each.mask, complete[:1]) for each in seq.adjacency)  # type: ignore[union-attr]


@pytest.mark.parametrize("reward_loss", ["squared", "smooth_l1"])
def test_a_learner_uses_its_reward_loss(reward_loss, monkeypatch):
    learner = MAMBASmall(Toy().spec, reward_loss=reward_loss)
    seen = []

    def recorded(*arguments):
        seen.append(arguments[-2])
        return {"reward": torch.zeros(())}

    monkeypatch.setattr(learner, "draw", lambda: (None, None))
    monkeypatch.setattr(learner, "step", lambda *_: torch.zeros(()))
    monkeypatch.setattr(model_based, "unroll", lambda *_, drop: None)
    monkeypatch.setattr(model_based, "model_losses", recorded)
    learner.learn_model()
    assert seen == [reward_loss]


@pytest.mark.parametrize(
    ("normalize_advantage", "wanted"), [(False, [2.0, 6.0]), (True, [-1.0, 1.0])]
)
def test_advantages_are_standardised_only_if_asked_for(normalize_advantage, wanted, monkeypatch):
    learner = MAMBASmall(Toy().spec, normalize_advantage=normalize_advantage, epochs=1)
    found = SimpleNamespace(
        target=torch.tensor([[3.0, 5.0], [8.0, 5.0]]),
        value=torch.tensor([[1.0, 0.0], [2.0, 9.0]]),
        alive=torch.tensor([[True, False], [True, False]]),
    )
    seen = []
    monkeypatch.setattr(learner, "imagine", lambda: found)
    monkeypatch.setattr(
        learner, "_update_policy", lambda _, x, pick: seen.append(x[:, 0]) or torch.ones(3)
    )
    learner.learn_policy()
    assert torch.allclose(seen[0], torch.tensor(wanted), atol=1e-4)


def test_only_the_policy_has_weight_decay_and_its_gain_is_an_option():
    optimizers = MAMBASmall(Toy().spec).configure_optimizers()
    assert [each.param_groups[0]["weight_decay"] for each in optimizers] == [0, 1e-5, 0]
    learner = MAMBASmall(Toy().spec, critic_weight_decay=1e-5, policy_gain=2.0)
    assert learner.configure_optimizers()[2].param_groups[0]["weight_decay"] == 1e-5
    last: Any = learner.network.actor[-1]
    # Rows of an orthogonal matrix have the length of the gain.
    assert torch.allclose(last.weight.norm(dim=1), torch.tensor(2.0))


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_rounds_of_learning_depend_on_environment_steps_alone(copies, monkeypatch):
    env = Toy(num_envs=copies, num_agents=3)
    learner = MAMBASmall(
        env.spec,
        train_interval=30,
        learning_starts=60,
        model_gradient_steps=3,
        policy_gradient_steps=2,
        sequence_length=4,
        **SMALL,
    )
    done = {"learn_model": 0, "learn_policy": 0}

    def counted(name, size):
        def learn():
            done[name] += 1
            return torch.zeros(size)

        return learn

    monkeypatch.setattr(learner, "learn_model", counted("learn_model", 7))
    monkeypatch.setattr(learner, "learn_policy", counted("learn_policy", 5))
    collector = Collector(env, make_graph("complete"), learner, 200, 10, seed=4)
    for trajectory in collector:
        metrics = learner.update(trajectory)
        due = max(0, 1 + (collector.env_steps - 60) // 30)
        assert done == {"learn_model": 3 * due, "learn_policy": 2 * due}
        assert set(learner.policy_metric_names) < set(metrics)
    assert done["learn_model"] >= 3 * 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kl_balance": 1.5}, "kl_balance is 1.5; allowed are numbers from 0 to 1"),
        ({"sequence_length": 1}, "sequence_length is 1; allowed are whole numbers from 2"),
        ({"train_interval": 0}, "train_interval is 0; allowed are whole numbers from 1"),
        ({"imagination_starts": -1}, "imagination_starts is -1; allowed are whole numbers from 0"),
    ],
)
def test_bad_input_fails_at_the_door(options, message):
    with pytest.raises(ValueError, match=message):
        MAMBASmall(Toy().spec, **options)


def test_continuous_actions_are_predicted_by_a_gaussian_and_sent_as_they_are():
    # Half the squared error of each component: (0.5^2 + 1^2) / 2.
    prediction, action = torch.tensor([[0.5, -0.5]]), torch.tensor([[1.0, 0.5]])
    assert action_error(prediction, action, discrete=False).tolist() == [0.625]
    model = WorldModel(3, 2, "continuous", categoricals=2, classes=1, dropout=0.0, **SMALL)
    assert model.communication.alphabet == ()
    graph = Data(last_action=action.repeat(2, 1), time=torch.tensor([0, 3]), num_nodes=2)
    graph.batch = torch.arange(2)
    assert last_action(graph, 2).tolist() == [[0.0, 0.0], [1.0, 0.5]]


@pytest.mark.parametrize("form", ["squashed", "beta"])
def test_imagined_continuous_actions_have_the_probability_with_which_they_are_trained(form):
    torch.manual_seed(0)
    model = WorldModel(3, 2, "continuous", categoricals=2, classes=2, dropout=0.0, **SMALL)
    agent, alive = LatentAgent(model, 16, policy={"policy": form}), torch.ones(5, 2).bool()
    sent: list[torch.Tensor] = []
    advance = model.advance
    model.advance = lambda latent, action, *others: (  # type: ignore[method-assign]
        sent.append(action),
        advance(latent, action, *others),
    )[1]
    features = torch.randn(5, 2, model.size)
    step, _ = imagine_step(agent, features, alive, BlockMask.complete(alive))
    policy = agent.policy(features, None)
    again = action_log_prob(policy, step.action, step.action)
    assert torch.allclose(again, step.log_prob, atol=1e-5)
    done = step.action.tanh() if form == "squashed" else step.action
    assert torch.equal(sent[0], done.flatten(0, 1)) and done.abs().max() <= 1
    assert torch.allclose(policy.log_prob(done), step.log_prob, atol=1e-3)
    assert step.available is None


class Ring(Environment):
    """Two agents walk on a ring of four cells; entering cell 0 is rewarded, both if together."""

    def __init__(self, num_envs: int = 4) -> None:
        self.num_envs = num_envs
        self.spec = Spec(2, (4,), 2, horizon=12, has_position=False)

    def reset(self, seed: int) -> Step:
        self.place = torch.randint(4, (self.num_envs, 2))
        self.time = torch.zeros(self.num_envs, dtype=torch.long)
        return self.look(torch.zeros(self.num_envs, 2))

    def step(self, action) -> Step:
        begins = self.time >= 12
        self.time = torch.where(begins, 0, self.time + 1)
        before = self.place
        self.place = torch.where(begins[:, None], before, (before + 2 * action - 1) % 4)
        home = (self.place == 0) & ~begins[:, None]
        return self.look(home.float() + home.all(1, keepdim=True))

    def look(self, reward) -> Step:
        return Step(
            obs=nn.functional.one_hot(self.place, 4).float(),
            alive=torch.ones(self.num_envs, 2, dtype=torch.bool),
            reward=reward,
            terminated=torch.zeros(self.num_envs, dtype=torch.bool),
            truncated=self.time >= 12,
            time=self.time,
        )

    def state_dict(self):
        return {}

    def load_state_dict(self, state) -> Step:
        raise NotImplementedError


class Scripted(LatentAgent):
    """Takes scripted actions."""

    scripted: torch.Tensor

    def policy(self, features, available):
        return Categorical(probs=nn.functional.one_hot(self.scripted, 2).float())


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
def test_a_trained_model_imagines_the_rewards_that_were_recorded(monkeypatch):
    torch.manual_seed(0)
    env = Ring()
    sizes: dict[str, Any] = {"hidden": 32, "recurrent": 32, "categoricals": 4, "classes": 4}
    learner = MAMBASmall(
        env.spec,
        **sizes,
        layers=1,
        heads=2,
        batch_size=16,
        sequence_length=8,
        learning_starts=10**6,
        model_learning_rate=5e-3,
        dropout=0.0,
    )
    optimizers = learner.configure_optimizers()
    monkeypatch.setattr(learner, "optimizers", lambda: optimizers)
    monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())
    for trajectory in Collector(env, make_graph("complete"), learner, 1000, 20, seed=1):
        learner.replay.add(trajectory)
    untrained = share_that_comes_true(learner)
    for _ in range(240):
        learner.learn_model()
    trained = share_that_comes_true(learner)
    print(untrained, trained)
    assert trained > 0.9 > 0.7 > untrained


@torch.no_grad()
def share_that_comes_true(learner: MAMBASmall) -> float:
    """Of the rewards of 5 imagined steps, after 4 states that were seen: 0, 1 or 2, rounded."""
    torch.manual_seed(1)
    learner.batch_size, learner.sequence_length = 200, 9
    game, seq = learner.draw()
    learner.batch_size, learner.sequence_length = 16, 8
    agent = Scripted(learner.network.model)
    whole = (seq.same_episode[1:, ::2, 0] > 0).all(0)
    now = unroll(agent.model, seq).latent.features.unflatten(1, (-1, 2))[3]
    alive, right = game.alive[3], []
    for t in range(3, 8):
        agent.scripted = game.action[t].flatten()
        imagined_step, now = imagine_step(agent, now, alive, BlockMask.complete(alive))
        right.append((imagined_step.reward.round() == game.reward[t])[whole])
    return float(torch.stack(right).float().mean())

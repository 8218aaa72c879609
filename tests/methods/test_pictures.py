"""Observations that are pictures, read by convolutions, in a method of each learner and more."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from toy import Toy

from graphmarl.agent_graph import agent_graph, scaled
from graphmarl.cli import main
from graphmarl.data import Collector
from graphmarl.graphs import make_graph
from graphmarl.learners import SAC
from graphmarl.methods import METHODS
from graphmarl.nn import FrozenEncoder, PictureEncoder
from graphmarl.resolver import construct, options_of
from graphmarl.results.legacy import upgraded_config
from graphmarl.step import Step

SHAPE = (8, 9, 2)
SMALL = {"hidden": 16, "rollout_length": 8, "learning_starts": 8, "batch_size": 4, "size": 8}
SMALL |= {"categoricals": 3, "classes": 4, "layers": 1, "train_interval": 12}
SMALL |= {"model_gradient_steps": 1, "policy_gradient_steps": 1, "imagination_horizon": 3}
SMALL |= {"sequence_length": 6, "gradient_steps": 1, "epochs": 1, "heads": 2, "critic_hidden": 16}
FORMS: dict[str, dict[str, Any]] = {
    "ippo": {},
    "coma": {"communication": "commnet", "target": "soft"},
    "qmix": {"recurrent": True},
    "dgn": {},
    "vpp": {},
    "pic": {"target_actor": True},
    "maddpg": {"shared": False},
    "mamba": {"recurrent": 8, "normalize_observations": True},
}
every_form = pytest.mark.parametrize("name", FORMS)


class Pictures(Toy):
    """The toy with pictures of bytes in place of vectors."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        generator = torch.Generator().manual_seed(0)
        self.paint = torch.randn(6, math.prod(SHAPE), generator=generator)
        self.spec = replace(self.spec, obs_shape=SHAPE, layout={})

    def _step(self, reward: torch.Tensor) -> Step:
        step = super()._step(reward)
        picture = (255 * (step.obs @ self.paint).sigmoid()).byte()
        return step.replace(obs=picture.unflatten(-1, SHAPE))


def make(name: str, num_agents: int = 3) -> tuple[Any, Pictures]:
    env = Pictures(num_envs=2, num_agents=num_agents)
    torch.manual_seed(0)
    known = options_of(METHODS[name])
    options = {key: value for key, value in SMALL.items() if key in known}
    options |= {"encoder": "cnn"} | FORMS[name]
    return construct("method", name, METHODS[name], options, env.spec), env


def outputs(learner: Any, graph: Any) -> torch.Tensor:
    output, _ = learner.network(graph, torch.zeros(graph.num_nodes, learner.memory_size))
    return output.q if output.q is not None else output.distribution.logits


@pytest.mark.parametrize("shape", [(8, 8, 3), (9, 30, 1), (36, 40, 4), (84, 84, 4)])
def test_pictures_of_any_size_are_encoded_one_by_one(shape):
    encoder = PictureEncoder(shape)
    pictures = torch.rand(2, 3, math.prod(shape))
    encoded = encoder(pictures)
    assert encoded.shape == (2, 3, 128)
    assert torch.allclose(encoded[1, 2], encoder(pictures[1, 2][None])[0], atol=1e-5)
    moved = pictures.clone()
    moved[0, 0] = moved[0, 0].view(shape).flip(1).flatten()
    assert not torch.allclose(encoder(moved)[0, 0], encoded[0, 0], atol=1e-4)


def test_large_pictures_have_the_convolutions_of_dqn():
    layers = [m for m in PictureEncoder((84, 84, 4)) if isinstance(m, torch.nn.Conv2d)]
    assert [tuple(layer.weight.shape) for layer in layers] == [
        (32, 4, 8, 8),
        (64, 32, 4, 4),
        (64, 64, 3, 3),
    ]
    # 84 -> 20 -> 9 -> 7 pixels, as in the paper.
    assert PictureEncoder((84, 84, 4))[-2].in_features == 7 * 7 * 64


@every_form
def test_two_updates_reach_every_parameter(name, monkeypatch):
    learner, env = make(name)
    optimizer = learner.configure_optimizers()
    monkeypatch.setattr(learner, "optimizers", lambda: optimizer)
    monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())
    before = {key: value.clone() for key, value in learner.state_dict().items()}
    metrics: dict[str, float] = {}
    for number, trajectory in enumerate(Collector(env, make_graph("complete"), learner, 64, 8, 4)):
        assert trajectory.obs.dtype == torch.uint8
        metrics = learner.train().update(trajectory)
        if number == 2:
            break
    assert all(math.isfinite(value) for value in metrics.values()), metrics
    for key, parameter in learner.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and not torch.equal(parameter, before[key]), key
    moved = [key for key in before if "targets" in key and ".observation." in key]
    assert all(not torch.equal(learner.state_dict()[key], before[key]) for key in moved)
    assert bool(moved) == bool(getattr(learner, "targets", None))


@every_form
def test_renumbering_agents_renumbers_the_output_and_graphs_do_not_mix(name):
    learner, env = make(name)
    learner.eval()
    last_action = torch.zeros(2, 3, dtype=torch.long)
    graph = make_graph("complete")(agent_graph(env.reset(0), env.spec, last_action))
    both = outputs(learner, graph)
    other = graph.clone()
    assert other.x is not None and graph.x is not None and graph.x.max() <= 1
    other.x[:3] = 0.5
    assert torch.equal(outputs(learner, other)[3:], both[3:])
    if name != "mamba":  # its discrete states may well be the same
        assert not torch.equal(outputs(learner, other)[:3], both[:3])
    if not learner.network.num_agents and not learner.network.ordered:
        order = torch.tensor([2, 0, 1, 3, 5, 4])
        moved = graph.clone()
        for key in ("x", "pos", "alive", "kind", "available", "last_action"):
            moved[key] = graph[key][order]
        assert torch.allclose(outputs(learner, moved), both[order], atol=1e-5)


@pytest.mark.parametrize("name", ["vpp", "pic"])
def test_the_actor_reads_the_encoder_of_the_critic_which_alone_trains_it(name):
    learner, env = make(name)
    for trajectory in Collector(env, make_graph("complete"), learner, 64, 8, 4):
        learner.replay.add(trajectory)
        break
    batch = learner.replay.transitions(4)
    critic = learner.critics[0].states if isinstance(learner, SAC) else learner.critic
    encoder = list(critic.observation.parameters())  # type: ignore[union-attr]
    assert not [key for key, _ in learner.network.named_parameters() if ".observation." in key]
    losses = learner.losses(batch)
    for loss in ("policy", "critic"):
        reached = torch.autograd.grad(losses[loss], encoder, retain_graph=True, allow_unused=True)
        trained = any(each is not None and bool(each.any()) for each in reached)
        assert trained == (loss == "critic"), loss
    graph = agent_graph(env.reset(0), env.spec)
    before = outputs(learner, make_graph("complete")(graph)).clone()
    with torch.no_grad():
        encoder[0].mul_(-1)
    assert not torch.equal(outputs(learner, make_graph("complete")(graph)), before)


def test_the_target_actor_reads_the_encoder_of_the_target_critic():
    learner, _ = make("pic")
    target: Any = learner.targets["network"]
    assert isinstance(target.inputs.observation, FrozenEncoder)
    assert target.inputs.observation.shared[0] is learner.targets["critic"].observation
    assert learner.network.inputs.observation.shared[0] is learner.critic.observation


def test_a_world_model_reconstructs_the_scaled_picture():
    learner, env = make("mamba")
    model = learner.network.model
    assert model.obs.out_features == math.prod(SHAPE)
    picture = scaled(env.reset(0).obs).flatten(2)
    assert picture.min() >= 0 and picture.max() <= 1
    model.moments.update(picture.flatten(0, 1))
    assert model.standardise(picture).mean().abs() < 0.1


@pytest.mark.parametrize("shape", [(6,), (7, 9, 2), (8, 8)])
def test_what_is_no_picture_is_refused(shape):
    spec = replace(Toy().spec, obs_shape=shape, layout={})
    for name in ("ippo", "iql", "vpp", "mamba"):
        with pytest.raises(ValueError, match="encoder 'cnn' reads pictures of .* shape"):
            construct("method", name, METHODS[name], {"encoder": "cnn"}, spec)


@pytest.mark.parametrize("name", [n for n in METHODS if not getattr(METHODS[n], "pictures", False)])
def test_a_method_that_reads_no_pictures_names_those_that_do(name):
    with pytest.raises(ValueError, match=r"no option 'encoder'; .*methods that have it: ippo, "):
        construct("method", name, METHODS[name], {"encoder": "cnn"}, Pictures().spec)


def test_the_command_line_names_the_methods_that_read_pictures(capsys):
    assert main(["train", "--method", "neurcomm", "--method.encoder", "cnn"])
    assert "methods that have it: ippo, mappo, coma, iql" in capsys.readouterr().err


def test_the_option_is_declared_where_it_is():
    for name, cls in METHODS.items():
        assert ("encoder" in options_of(cls)) == (getattr(cls, "pictures", False) == "option"), name


@pytest.mark.parametrize("version", [1, 2])
def test_the_width_of_an_old_encoder_of_dgn_has_its_new_name(version):
    config = {"format": version, "method": {"name": "dgn", "encoder": 64}}
    assert upgraded_config(config)["method"] == {"name": "dgn", "encoder_hidden": 64}
    named = {"format": 2, "method": {"name": "dgn", "encoder": "cnn"}}
    assert upgraded_config(named)["method"] == {"name": "dgn", "encoder": "cnn"}

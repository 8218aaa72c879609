"""The table of methods says what is true of each: every entry is tried."""

import inspect

import pytest
import torch
from toy import Toy

from graphmarl.data import Collector
from graphmarl.experiment.config import Config
from graphmarl.functional import masked_mean
from graphmarl.graphs import make_graph
from graphmarl.learners import Learner
from graphmarl.methods import IPPO, METHODS, VPP, Method, method_table
from graphmarl.nn import Channel
from graphmarl.resolver import construct, options_of
from graphmarl.step import Spec

SMALL = {"tree": "view", "depth": 1, "rollout_length": 5}
SHAPES = {"obs_shape": (6,), "num_actions": 3, "horizon": 6}
SHAPES |= {"layout": {"view": slice(0, 4), "position": slice(4, 6)}}
every_method = pytest.mark.parametrize("name", METHODS)


def build(name: str, **changes) -> Learner:
    spec = {**SHAPES, "num_agents": 4, "state_size": 4, **changes}
    known = options_of(METHODS[name])
    small = {option: value for option, value in SMALL.items() if option in known}
    torch.manual_seed(0)
    return construct("method", name, METHODS[name], small, Spec(**spec))


def accepts(name: str, **changes) -> bool:
    try:
        build(name, **changes)
    except ValueError:
        return False
    return True


def declared(name: str) -> type[Method]:
    cls = METHODS[name]
    assert issubclass(cls, Method)
    return cls


@every_method
def test_kinds_of_actions_are_those_that_are_taken(name):
    assert accepts(name, action="discrete") == declared(name).discrete
    assert accepts(name, action="continuous") == declared(name).continuous


@every_method
def test_what_is_needed_of_an_environment_is_what_is_refused_without(name):
    needs = declared(name).needs_state in (True, "default")
    assert accepts(name, state_size=0) == (not needs)
    assert accepts(name, has_position=False) == (not declared(name).needs_position)


@every_method
def test_memory_is_there_or_an_option(name):
    option = options_of(METHODS[name]).get("recurrent")
    optional = option is not None and option.default is False
    has = True if build(name).memory_size else "option" if optional else False
    assert has == declared(name).recurrent


@every_method
def test_messages_are_what_a_channel_counts(name):
    assert bool(Channel(build(name).network, 4).layers) == declared(name).sends_messages


@every_method
def test_weights_run_with_another_number_of_agents_if_it_is_said(name):
    four, seven = (build(name, num_agents=n, state_size=n).state_dict() for n in (4, 7))
    alike = all(four[key].shape == seven[key].shape for key in four)
    assert alike == (declared(name).any_number in (True, "default"))


def test_the_table_has_a_row_for_each_method_made_from_its_class():
    rows = {row["method"]: row for row in method_table(METHODS)}
    assert list(rows) == list(METHODS)
    assert rows["vpp"]["continuous"] == "yes" and rows["iql"]["continuous"] == ""
    assert rows["ippo"]["recurrent"] == "option" and rows["mamba"]["recurrent"] == "yes"
    for name, row in rows.items():
        assert row["summary"] == (inspect.getdoc(METHODS[name]) or "").splitlines()[0]


def test_a_learner_of_a_user_needs_no_declarations():
    assert method_table({"mine": Learner})[0]["needs state"] == ""
    with pytest.raises(ValueError, match="COMA takes discrete actions; .* continuous ones") as no:
        build("coma", action="continuous")
    named = str(no.value).partition("which ")[2].removesuffix(" take").split(", ")
    assert named == [name for name in METHODS if declared(name).continuous]
    assert {"ippo", "mappo", "vpp"} <= set(named)


def test_toy_is_an_environment_that_every_method_takes():
    for name in METHODS:
        declared(name).check_spec(Toy().spec)


class Frugal(IPPO):
    """PPO with a loss on the size of the features, which the network reports."""

    def __init__(self, spec: Spec, weight: float = 0.0, **options) -> None:
        super().__init__(spec, **options)
        self.weight = weight
        self.network.register_forward_hook(self.report)

    @staticmethod
    def report(network, inputs, outputs) -> None:
        outputs[0].extra["size"] = outputs[0].features.pow(2).mean(1)

    def extra_losses(self, extra, rows) -> dict[str, torch.Tensor]:
        assert extra["size"].shape == rows.acted.shape
        return {"size": self.weight * masked_mean(extra["size"], rows.acted)}


@pytest.mark.parametrize("recurrent", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("unchecked")
def test_a_further_loss_of_ppo_is_reported_and_trained_on(recurrent, monkeypatch):
    sizes = []
    for weight in (0.0, 10.0):
        env = Toy(num_envs=4)
        torch.manual_seed(0)
        learner = Frugal(env.spec, weight, recurrent=recurrent, learning_rate=1e-2, epochs=4)
        optimizer = learner.configure_optimizers()
        monkeypatch.setattr(learner, "optimizers", lambda made=optimizer: made)
        monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())
        trajectory = next(iter(Collector(env, make_graph("none"), learner, 10**6, 20, 0)))
        metrics = [learner.update(trajectory) for _ in range(10)]
        assert (metrics[0]["size"] > 0) == (weight > 0)
        output, _ = learner.network(trajectory.graph(0), trajectory.memory)
        sizes.append(output.extra["size"].mean().item())
    assert sizes[1] < 0.5 * sizes[0]


def test_a_method_that_sends_messages_is_not_trained_without_edges_by_default():
    class Mute(Frugal):
        sends_messages = True

    monkeyed = {**METHODS, "mute": Mute}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphmarl.methods.METHODS", monkeyed)
        config = {"method": "mute", "env": "sensor", "graph": None, "seed": 0, "steps": 1}
        with pytest.raises(ValueError, match="mute sends messages and has no default graph"):
            Config(config)
        assert Config({**config, "graph": "none"}).graph == "none"


def test_the_critics_of_ip_are_as_wide_as_its_other_layers():
    # IP, Table 2: all layers have 128 units; VPP's states have the size of its embeddings.
    for name, width in (("ip", 128), ("vpp", 32)):
        learner = build(name)
        assert isinstance(learner, VPP)
        sizes = [each.states.sizes[1:] for each in (*learner.critics, learner.value)]  # type: ignore[union-attr]
        assert sizes == [[width, width]] * len(sizes)

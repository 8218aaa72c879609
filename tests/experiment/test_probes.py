"""Probes find what a message says of its sender, and nothing in noise."""

import numpy as np
import pytest
import torch
from inspected import inspected
from toy import Toy

from graphmarl.experiment.inspection import Inspection
from graphmarl.experiment.inspection.probes import cross_validated, permuted, targets_of
from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.nn import LayerMessages
from graphmarl.step import Spec, Step

SPEC = Spec(2, (3,), 2, 5, layout={"bit": slice(0, 1), "place": slice(1, 3)})
EDGES = torch.tensor([[0, 1], [1, 0]])


def recording(episodes: int, steps: int = 2) -> Inspection:
    """Agent 0 sends its bit and twice its place with noise; agent 1 sends noise."""
    torch.manual_seed(0)
    recorded = []
    for time in range(steps):
        obs = torch.randn(episodes, 2, 3)
        # A few values are classes, whole numbers or not.
        obs[..., 0] = 0.25 + 0.5 * (obs[..., 0] > 0).float()
        message = torch.randn(episodes, 2, 3)
        message[:, 0] = obs[:, 0] * torch.tensor([2.0, 2.0, 2.0]) + 0.1 * message[:, 0]
        alive = torch.ones(episodes, 2, dtype=torch.bool)
        none = torch.zeros(episodes, dtype=torch.bool)
        step = Step(obs, alive, obs[..., 0], none, none, torch.full((episodes,), time))
        edges = torch.cat([EDGES + 2 * e for e in range(episodes)], 1)
        flat = message.flatten(0, 1)
        sent = LayerMessages(edges, flat, torch.ones_like(flat, dtype=torch.bool), layer="conv")
        action = torch.zeros(episodes, 2, dtype=torch.long)
        recorded.append(RecordedStep(step, action, [sent], ~none, edges))
    return Inspection(recorded, SPEC, "by hand")


def test_a_probe_finds_what_a_message_says_and_nothing_in_noise():
    table = recording(60).probe(by_edge=True, permutations=30)
    table = table.set_index(["sender", "receiver", "target"])
    # The noise of 0.1 hides no bit, and 0.1^2 / 4 of the place's variance.
    assert table.loc[(0, 1, "bit"), "score"] > 0.98
    assert table.loc[(0, 1, "place"), "score"] == pytest.approx(1 - 0.01 / 4, abs=0.01)
    for target in ("bit", "place"):
        assert table.loc[(0, 1, target), "p_value"] == pytest.approx(1 / 31)
        assert table.loc[(1, 0, target), "p_value"] > 0.05
    assert table.loc[(1, 0, "bit"), "chance"] == pytest.approx(0.5, abs=0.06)
    assert table.loc[(1, 0, "place"), "score"] < 0.1
    assert table.loc[(0, 1, "action"), "metric"] == "constant"
    assert set(table["samples"]) == {120}


def test_probes_of_all_messages_are_one_row_for_each_layer_and_target():
    table = recording(20).probe(permutations=2, samples=50)
    assert table[["layer", "round", "target"]].to_numpy().tolist() == [
        ["conv", 0, name] for name in ("bit", "place", "action")
    ]
    assert set(table["samples"]) == {50}


def test_permuted_targets_are_those_of_whole_episodes():
    target, group = np.array([[1], [1], [2], [2], [3], [3]]), np.array([0, 0, 1, 1, 2, 2])
    found = permuted(target, group, np.random.default_rng(1))
    assert sorted(found[:, 0]) == [1, 1, 2, 2, 3, 3]
    assert all(found[i] == found[i + 1] for i in (0, 2, 4))


def test_targets_have_the_names_of_the_layout():
    moment = recording(3).recorded[0]
    targets = targets_of(moment, SPEC)
    assert list(targets) == ["bit", "place", "action"]
    assert targets["place"].tolist() == moment.step.obs[..., 1:].flatten(0, 1).tolist()


def test_one_number_of_a_part_is_a_target_too():
    table = recording(300).probe(targets=["place_1", "place"], permutations=2)
    assert table["target"].tolist() == ["place_1", "place"]
    # Over both senders: cov^2 / var = ((2 + 0) / 2)^2 / ((4 + 0.01 + 1) / 2).
    assert table["score"].tolist() == pytest.approx([1 / 2.505] * 2, abs=0.08)


def test_latent_features_are_probed_by_agent():
    found = inspected("commnet", env=Toy(num_envs=30))
    table = found.probe("latent", ["position"], permutations=3)
    (row,) = table.to_dict("records")
    assert row["metric"] == "R2" and row["score"] > 0.5, "each agent passes its position on"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ["bits"]}, r"target is 'bits'; there are bit, place \(of 2\), action"),
        ({"targets": ["place_2"]}, "target is 'place_2'"),
        ({"folds": 40}, "a probe with 40 folds needs 80 episodes or more; 20 have samples"),
        ({"source": "latent"}, "no latents to probe"),
    ],
)
def test_what_a_probe_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        recording(20).probe(**options)


def test_a_method_without_messages_has_none_to_probe():
    with pytest.raises(ValueError, match="no messages to probe"):
        inspected("iql").probe()


def test_a_value_of_a_single_episode_is_probed_without_a_warning():
    found = recording(12)
    found.recorded[0].step.obs[3, :, 0] = 2.0
    table = found.probe(targets=["bit"], permutations=1)
    assert table["metric"].tolist() == ["balanced accuracy"] and table["score"].item() < 1


def test_a_rare_class_is_predicted_as_often_as_it_should():
    generator = np.random.default_rng(0)
    target = (np.arange(2000) % 10 == 0).astype(float)[:, None]
    x = target + generator.standard_normal((2000, 1))
    (score,) = cross_validated(x, [target], np.arange(2000), True, 5)
    # A threshold in the middle of two unit Gaussians one apart is right with Phi(1/2) = 0.69.
    assert score == pytest.approx(0.69, abs=0.05)

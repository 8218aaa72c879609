"""Deletion curves: nothing removed is an evaluation, all removed is one without edges."""

from typing import Any

import pytest
import torch
from inspected import trained, untrained
from toy import Toy

import graphmarl as gm
from graphmarl.experiment.inspection.deletion import EdgeDeletion, attention_on
from graphmarl.experiment.policies import LearnerPolicy, LoadedPolicy
from graphmarl.nn import Channel, LayerMessages


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(str(tmp_path_factory.mktemp("runs")))


def test_the_ends_of_a_deletion_curve_are_evaluations(run):
    curve = gm.inspect(run, 1).deletion_curve(shares=[0.0, 1.0], episodes=8)
    assert curve["by"].tolist() == [k for k in ("importance", "attention", "random") for _ in "ab"]
    whole, none = gm.evaluate(run, 8), gm.evaluate(run, 8, graph="none")
    for share, played in ((0.0, whole), (1.0, none)):
        rows = curve[curve["share"] == share]
        assert rows["return"].tolist() == pytest.approx([played.mean_return.mean] * 3)
        assert rows["half_width"].tolist() == pytest.approx([played.mean_return.half_width] * 3)
        assert rows["messages"].tolist() == pytest.approx([played.mean_sent("messages")] * 3)


def test_a_share_is_removed_from_each_copy_the_highest_first():
    env = Toy(num_envs=2, num_agents=5)
    learner = untrained("dgn", env)
    with Channel(learner.network, 5, attention=True) as channel, torch.inference_mode():
        policy = LearnerPolicy(env, learner, "complete", greedy=True)
        loaded = LoadedPolicy(env, policy, channel, learner.network)
        EdgeDeletion(loaded, 0.25, "attention")(env.reset(0))
        left = channel.messages
        ranked = LearnerPolicy(env, learner, "complete", greedy=True)
        channel.messages = []
        ranked(env.reset(0))
        whole = channel.messages
    edges = whole[0].edge_index
    score = attention_on(whole, edges, 5)
    for copy in range(2):
        kept = {(s, r) for s, r in left[0].edge_index.T.tolist() if r // 5 == copy}
        own = [(float(a), s, r) for a, (s, r) in zip(score, edges.T.tolist(), strict=True)]
        highest = sorted((each for each in own if each[2] // 5 == copy), reverse=True)
        assert len(highest) == 20 and kept == {(s, r) for _, s, r in highest[5:]}
    assert [len(each.open) for each in left] == [30, 30], "both layers have lost the edges"
    assert policy.runner.graph is not None and policy.runner.graph.num_edges == 40


def test_attention_to_an_edge_is_the_largest_of_layers_and_heads():
    edges, nothing = torch.tensor([[1, 0], [0, 1]]), torch.zeros(2, 0)
    first = LayerMessages(
        edges, nothing, nothing.bool(), weights=lambda: torch.tensor([[0.1, 0.4], [0.2, 0.0]])
    )
    second = LayerMessages(
        edges.flip(1), nothing, nothing.bool(), weights=lambda: torch.tensor([[0.3], [0.1]])
    )
    assert attention_on([first, second], edges, 2).tolist() == pytest.approx([0.4, 0.3])


def test_what_a_deletion_curve_refuses(tmp_path):
    options: dict[str, Any] = {"runs": str(tmp_path), "progress": False}
    run = gm.train({"name": "commnet", "hidden": 16}, "toy:Toy", None, steps=1, name="c", **options)
    found = gm.inspect(run)
    assert found.deletion_curve(shares=[0.5], episodes=2)["by"].tolist() == ["importance", "random"]
    with pytest.raises(ValueError, match="no attention to order its edges by"):
        found.deletion_curve(by=["attention"], episodes=2)
    with pytest.raises(ValueError, match=r"by is \['size'\]; allowed are lists of importance"):
        found.deletion_curve(by=["size"])
    with pytest.raises(ValueError, match="shares is .* allowed are lists of numbers from 0 to 1"):
        found.deletion_curve(shares=[2.0])
    with pytest.raises(ValueError, match="shares is empty"):
        found.deletion_curve(shares=[])

"""A world model is rolled forward from recorded states, along the actions that were taken."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from inspected import inspected, untrained
from torch import nn
from toy import Toy

import graphmarl as gm
from graphmarl.experiment.inspection import Inspection
from graphmarl.nn import LatentAgent


def imagined(horizon: int = 3, change: Any = None, **options: Any) -> tuple[Inspection, Any]:
    env = Toy(num_envs=2)
    learner = untrained("mamba_small", env, **options)
    if change is not None:
        change(learner.network.model)
    found = inspected("mamba_small", env=env, learner=learner)
    return found, found.imagination(horizon, samples=3)


def test_the_first_predicted_reward_is_that_of_the_states_that_followed():
    found, table = imagined()
    network: Any = found.network
    assert isinstance(network, LatentAgent)
    # With the actions that were taken, h of the next step is the one that the agents computed.
    for before, after in pairwise(found.recorded):
        assert before.output is not None and before.output.features is not None
        assert after.output is not None and after.output.features is not None
        z = network.model.split(before.output.features).z
        h = network.model.split(after.output.features).h
        reward, logits = network.model.predict(z, h)
        for name, expected in (("reward", reward), ("continues", logits.sigmoid())):
            rows = table[(table["ahead"] == 1) & (table["target"] == name)]
            rows = rows[rows["time"] == int(before.step.time[0])]
            row = rows["episode"].to_numpy() * 3 + rows["agent"].to_numpy()
            still = after.running.repeat_interleave(3).numpy()[row]
            assert rows["imagined"].to_numpy()[still] == pytest.approx(
                expected.detach().numpy()[row][still], abs=1e-5
            )
            assert rows["deviation"].to_numpy() == pytest.approx(0, abs=1e-6), "nothing is sampled"


def test_what_was_real_is_what_was_recorded():
    found, table = imagined()
    agents = found.agents(observations=True)
    rewards = table[table["target"] == "reward"].assign(at=lambda t: t["time"] + t["ahead"] - 1)
    both = rewards.merge(agents, left_on=["episode", "at", "agent"], right_on=KEYS)
    assert len(both) == len(rewards) > 0
    assert both["real"].tolist() == both["reward"].tolist()
    seen = table[table["target"] == "view_1"].assign(at=lambda t: t["time"] + t["ahead"])
    both = seen.merge(agents, left_on=["episode", "at", "agent"], right_on=KEYS).dropna()
    assert len(both) > 0 and both["real"].tolist() == both["obs_view_1"].tolist()


KEYS = ["episode", "time", "agent"]


def constant(model: Any) -> None:
    """Predict the reward 2, continuation, and observations of 1 after standardisation."""
    for head, value in ((model.reward[-1], 2.0), (model.continues[-1], 9.0), (model.obs, 1.0)):
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, value)


def test_predictions_are_in_the_units_of_the_environment():
    def change(model: Any) -> None:
        constant(model)
        # Rows of -1 and 3 have mean 1 and standard deviation 2.
        model.moments.update(torch.tensor([-1.0, 3.0])[:, None].expand(2, 6))

    found, _ = imagined(change=change, normalize_observations=True)
    scaled = Inspection(found.recorded, found.spec, "", [], 1, found.network, {}, 0.5)
    means = scaled.imagination(4, samples=2).groupby("target")["imagined"]
    assert means.min()["reward"] == means.max()["reward"] == 4, "2 / 0.5"
    assert means.min()["view_0"] == means.max()["view_0"] == 3, "1 * 2 + 1"


def test_an_agent_that_is_predicted_to_end_has_no_further_reward():
    def ends(model: Any) -> None:
        constant(model)
        nn.init.constant_(model.continues[-1].bias, -9.0)

    _, table = imagined(change=ends)
    rewards = table[table["target"] == "reward"].groupby("ahead")["imagined"]
    assert rewards.min().tolist() == rewards.max().tolist() == [2, 0, 0]


def test_rows_end_with_the_episode_and_nothing_is_observed_after_it():
    found, table = imagined(horizon=100)
    length = found.steps().groupby("episode").size()
    last = (table["time"] + table["ahead"]).groupby(table["episode"]).max()
    assert last.tolist() == length.tolist()
    gone = table[(table["target"] == "continues") & (table["real"] == 0)]
    keys = ["episode", "time", "ahead", "agent"]
    seen = table[table["target"] == "view_0"].merge(gone[keys])
    assert len(seen) == len(gone) > 0 and bool(np.isnan(seen["real"]).all())


def test_samples_depend_on_the_seed_alone():
    found, table = imagined()
    torch.manual_seed(7)
    again, other = found.imagination(3, samples=3), found.imagination(3, samples=3, seed=1)
    assert again.equals(table) and not other.equals(table)


def test_only_a_world_model_can_be_rolled_forward():
    with pytest.raises(ValueError, match="no world model"):
        inspected("dgn").imagination()
    found, _ = imagined()
    with pytest.raises(ValueError, match=r"targets are \['speed'\]; there are reward, continues"):
        found.imagination(targets=["speed"])


def test_a_run_says_in_which_units_it_was_trained(tmp_path):
    method = {"name": "mamba_small", "hidden": 16, "recurrent": 8, "reward_scale": 0.25}
    method |= {"categoricals": 2, "classes": 4, "heads": 2}
    run = gm.train(method, "hallway:num_envs=2", steps=10, runs=str(tmp_path), progress=False)
    found = gm.inspect(run, steps=2)
    assert found.reward_scale == found.replay().reward_scale == 0.25
    assert set(found.imagination(1)["target"]) == {"reward", "continues", "place"}

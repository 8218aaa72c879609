"""Run folders of version 0.1, one of which was trained by that version, are read and evaluated."""

import shutil
from pathlib import Path

import pytest
import torch

from graphmarl.cli import main
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.train import resume
from graphmarl.results.checkpoints import CheckpointError
from graphmarl.results.legacy import FORMAT, upgraded_config, upgraded_weights
from graphmarl.results.run import Run, read_config

OLD = Path(__file__).parent / "run_0_1"
# What `graphmarl evaluate RUN --episodes 8` of version 0.1 printed for it, where a bit is a number.
SAID = {"return": 3.75, "steps": 2.12, "messages": 2.00, "numbers": 4.00, "bytes": 32.00}


@pytest.mark.filterwarnings("ignore:.*before checksums")
def test_a_run_of_version_0_1_is_evaluated_as_that_version_did():
    assert "rollout" in (OLD / "config.yaml").read_text()
    assert Run(OLD).config()["method"]["rollout_length"] == 8
    found = evaluate(OLD, 8)
    means = {name: each.mean for name, each in found.metrics().items()} | found.per_step()
    assert {name: float(f"{means[name]:.2f}") for name in SAID} == SAID


@pytest.mark.filterwarnings("ignore:.*before checksums")
def test_it_cannot_be_resumed(tmp_path):
    shutil.copytree(OLD, tmp_path / "run")
    with pytest.raises(CheckpointError, match="format 1, of an older version: it can be evaluated"):
        resume(tmp_path / "run", steps=500, progress=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"batch": 8, "clip": None}, {"batch_size": 8, "clip_range": None}),
        ({"exploration": 0.5}, {"exploration_fraction": 0.5}),
        ({"exploration": 1}, {"exploration_fraction": 1}),
        ({"explore": "boltzmann"}, {"exploration": "boltzmann"}),
        ({"sample": True, "kl": 2.0}, {"sample_latent": True, "kl_coef": 2.0}),
        ({"sample": "episode"}, {"sample": "episode"}),
    ],
)
def test_options_of_format_1_have_their_names_of_today(old, new):
    assert upgraded_config({"method": {"name": "x", **old}})["method"] == {"name": "x", **new}
    kept = {"method": {"name": "x", **old}, "format": FORMAT}
    assert upgraded_config(kept)["method"] == {"name": "x", **old}


def test_forms_that_are_new_are_those_of_format_1():
    # IP's critics were as wide as its embeddings; COMA's policy had no uniform share.
    assert upgraded_config({"method": {"name": "ip"}})["method"]["critic_size"] is None
    weights = upgraded_weights({"state_dict": {}}, "coma")["state_dict"]
    assert weights == {"network.uniform": torch.zeros(())}


def test_options_of_other_classes_and_of_files_by_hand_are_not_renamed(tmp_path):
    own = {"name": "mine:Method", "clip": 1.0}
    assert upgraded_config({"method": own})["method"] == own
    file = tmp_path / "config.yaml"
    file.write_text("method: {name: g2anet, context: lstm}")
    assert read_config(file)["method"]["context"] == "lstm"
    (tmp_path / "checkpoints").mkdir()
    assert "communication" in read_config(file)["method"], "in a run folder it is of format 1"


@pytest.mark.parametrize("version", [0, FORMAT + 1, "2", True, None])
def test_another_format_is_refused(version):
    with pytest.raises(ValueError, match=f"allowed are 1 to {FORMAT}"):
        upgraded_config({"format": version})


def test_parameters_of_format_1_have_their_names_of_today():
    names = {
        "network.context.context.conv.key.bias": "network.communication.module.conv.key.bias",
        "targets.network.context.embed.0.bias": "targets.network.communication.embed.0.bias",
        "network.model.talk.embed.weight": "network.model.communication.embed.weight",
        "network.model.goes_on.0.weight": "network.model.continues.0.weight",
        "critics.1.told.weight": "critics.1.neighbor_action.weight",
        "network.relations.0.out.0.bias": "network.blocks.0.out.0.bias",
        "network.judge.root.bias": "network.critic_encoder.root.bias",
    }
    weights = {name: torch.tensor(float(i)) for i, name in enumerate(names)}
    found = upgraded_weights({"state_dict": weights})["state_dict"]
    assert list(found) == list(names.values())
    assert [int(value) for value in found.values()] == list(range(len(names)))


@pytest.mark.filterwarnings("default:.*before checksums")
def test_a_warning_of_a_command_is_one_line(capsys):
    assert main(["evaluate", str(OLD), "--episodes", "8"]) == 0
    said = capsys.readouterr()
    (result,) = said.out.strip().splitlines()
    assert result.startswith("return 3.75") and result.endswith("4.00 numbers, 32.00 bytes")
    (line,) = said.err.strip().splitlines()
    assert line.startswith("graphmarl evaluate: warning: checkpoint ")
    assert line.endswith("was written before checksums; its bytes cannot be verified")

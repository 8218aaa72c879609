"""Whole runs: what they leave behind, how they repeat, and how they go on after an interruption."""

import errno
import functools
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from graphmarl.experiment import callbacks
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.train import resume, train
from graphmarl.graphs import GRAPHS
from graphmarl.methods import METHODS
from graphmarl.resolver import options_of
from graphmarl.results.checkpoints import CheckpointError, load_checkpoint
from graphmarl.results.run import Run

pytestmark = pytest.mark.usefixtures("unchecked")
# Small enough for a toy; of each method what it has of these.
SMALL = {
    "rollout_length": 10,
    "minibatch_size": 60,
    "epochs": 2,
    "learning_starts": 40,
    "batch_size": 8,
    "gradient_steps": 2,
    "buffer_size": 80,
}
SMALL |= {"episodes": 8, "code_epochs": 2, "flow_epochs": 3, "tree": "view", "depth": 1}
SMALL |= {
    "categoricals": 3,
    "classes": 4,
    "model_gradient_steps": 1,
    "policy_gradient_steps": 1,
    "imagination_horizon": 3,
}
SMALL |= {"train_interval": 30, "sequence_length": 6}
# One method of each learner, and one with a stage, in the fast suite; the others in the slow one.
FAST = ("ippo", "coma", "ndq", "vpp", "pic", "mamba_small", "nvif_ppo")
# Equality of a resumed run with a whole one is repetition too.
ONCE = ("ippo", "ndq", "nvif_ppo")
NAMES = [name if name in ONCE else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
every_method = pytest.mark.parametrize("name", NAMES)


def small(name: str, **options: Any) -> dict[str, Any]:
    known = options_of(METHODS[name])
    chosen = {k: v for k, v in SMALL.items() if k in known}
    if "categoricals" in known:
        chosen |= {"hidden": 16, "recurrent": 8, "epochs": 1}
    return {"name": name, **chosen, **options}


def start(folder: Path, name: str, learns: str = "ippo", **changes: Any) -> Run:
    options: dict[str, Any] = {
        "method": small(learns),
        "env": "toy:Toy",
        "steps": 200,
        "checkpoint_every": 50,
        "progress": False,
    }
    return train(runs=str(folder), name=name, **options | changes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Runs that were never interrupted and that no test alters, each trained once."""
    folder = tmp_path_factory.mktemp("whole")
    return functools.cache(lambda learns: start(folder, learns, learns))


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_checkpoint(run.last())["state_dict"]


def same(first: Run, second: Run) -> bool:
    one, two = weights(first), weights(second)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


class InterruptionError(Exception):
    pass


def interrupt(monkeypatch: pytest.MonkeyPatch, kind: type, hook: str, call: int) -> None:
    """Make the n-th call of a callback fail."""
    count, original = [0], getattr(kind, hook)

    def failing(self, *arguments):
        count[0] += 1
        if count[0] == call:
            raise InterruptionError
        return original(self, *arguments)

    monkeypatch.setattr(kind, hook, failing)


@every_method
def test_the_same_seed_gives_the_same_parameters_and_another_seed_others(name, whole, tmp_path):
    first, second = whole(name), start(tmp_path, "b", name)
    assert same(first, second)
    assert (first.path / "metrics.csv").read_text() == (second.path / "metrics.csv").read_text()
    assert not same(first, start(tmp_path, "c", name, seed=1))


# Every method once, and one of each learner at other moments too, with memory and without.
INTERRUPTED: list[Any] = [
    (name, 4, {}) if name in FAST else pytest.param(name, 4, {}, marks=pytest.mark.slow)
    for name in METHODS
]
FURTHER: list[Any] = [(name, time, {}) for name in ("nvif_ppo", "ndq") for time in (1, 2)]
FURTHER += [(name, 4, {"recurrent": True}) for name in ("ippo", "ndq")]
INTERRUPTED += [pytest.param(*case, marks=pytest.mark.slow) for case in FURTHER]
INTERRUPTED += [("ippo", 4, {"action": "continuous"})]


# Such methods take no delayed graph.
WITH_MEMORY = ("nvif_ppo", "nvif_dqn", "neurcomm", "mamba", "mamba_small")


@pytest.mark.parametrize(("name", "trajectory", "options"), INTERRUPTED)
def test_interrupted_and_resumed_equals_never_interrupted(
    name, trajectory, options, tmp_path, monkeypatch
):
    env = {"name": "toy:Toy", "action": options.get("action", "discrete")}
    method = small(name, **{k: v for k, v in options.items() if k != "action"})
    delay = 0 if name in WITH_MEMORY or options.get("recurrent") else 1
    graph = f"random:k=1,shuffle=yes,refresh=2,delay={delay},drop=0.2"
    setting: Any = {"graph": graph, "method": method, "env": env}
    whole = start(tmp_path, "whole", **setting)
    with monkeypatch.context() as patch:
        interrupt(patch, callbacks.MetricsWriter, "on_train_batch_end", trajectory)
        with pytest.raises(InterruptionError):
            start(tmp_path, "broken", **setting)
    again = resume(tmp_path / "broken", trust=True, progress=False)
    assert same(whole, again)
    assert (whole.path / "metrics.csv").read_text() == (again.path / "metrics.csv").read_text()
    one, two = (load_checkpoint(run.last()) for run in (whole, again))
    assert equal(one["optimizer_states"], two["optimizer_states"])
    assert equal(one["Collector"], two["Collector"])
    assert equal(one.get("replay"), two.get("replay"))


def equal(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(equal, one, two))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


# Two epochs of the first stage and three of the second.
LATER = [pytest.param(epoch, marks=pytest.mark.slow) for epoch in (2, 3, 5)]


@pytest.mark.parametrize("epoch", [1, 4, *LATER])
def test_an_interrupted_stage_goes_on(epoch, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt(patch, callbacks.StageSaver, "on_train_epoch_end", epoch)
        with pytest.raises(InterruptionError):
            start(tmp_path, "broken", "nvif_ppo")
    resumed = resume(tmp_path / "broken", trust=True, progress=False)
    assert same(whole("nvif_ppo"), resumed)


def test_a_trained_flow_is_used_again(whole, tmp_path):
    first = whole("nvif_ppo")
    flow = first.checkpoints / "flow.ckpt"
    method = small("nvif_ppo", flow=str(flow))
    second = start(tmp_path, "second", method=method)
    assert not (second.checkpoints / "flow.ckpt").exists()
    assert same(first, second)


MORE = [
    pytest.param(graph, marks=pytest.mark.slow)
    for graph in GRAPHS
    if graph not in ("radius", "links", "knn", "complete")
]


@pytest.mark.parametrize("graph", ["knn", "complete", *MORE])
def test_a_method_that_reads_no_edges_is_the_same_on_every_graph(graph, whole, tmp_path):
    assert same(whole("ippo"), start(tmp_path, "b", graph=graph))


OTHERS = [pytest.param(g, marks=pytest.mark.slow) for g in ("knn:k=1", "radius:r=0.4", "complete")]


@pytest.mark.parametrize("graph", ["random:k=1", "none", *OTHERS])
def test_nvif_trains_on_any_graph(graph, tmp_path):
    run = start(tmp_path, "a", "nvif_ppo", graph=graph)
    assert run.config()["graph"]["name"] == graph.partition(":")[0]
    assert len(evaluate(run, 4, graph="directional").returns) == 4


@pytest.mark.parametrize("options", [{"communication": "mean"}, {"alpha": 0.0}, {"layers": 3}])
def test_the_ablations_of_nvif_are_flags(options, whole, tmp_path):
    method = small("nvif_ppo", **options)
    run = start(tmp_path, "a", method=method)
    assert not same(run, whole("nvif_ppo"))
    assert (run.checkpoints / "flow.ckpt").exists() == ("communication" not in options)


def test_the_folder_gives_the_run_back(whole, tmp_path):
    run = whole("ippo")
    config = run.config()
    assert config["method"]["gamma"] == 0.97, "defaults are written out"
    again = train(**config, runs=str(tmp_path), name="again", progress=False)
    assert same(run, again)
    assert yaml.safe_load((run.path / "versions.yaml").read_text())["torch"]
    assert run.metrics()[-1]["env_steps"] >= 200
    assert len(run.saved()) == 2


def test_evaluation_plays_one_episode_per_copy_and_repeats(whole):
    run = whole("ippo")
    state = torch.get_rng_state()
    first, second = evaluate(run, 5), evaluate(run, 5)
    assert first == second
    assert torch.equal(state, torch.get_rng_state())
    assert len(first.returns) == 5
    assert all(1 <= length <= 6 for length in first.lengths)
    assert evaluate(run, 5, greedy=False) != evaluate(run, 5, greedy=False, seed=1)


def test_a_longer_run_can_follow(tmp_path):
    run = start(tmp_path, "a")
    assert resume(run.path, trust=True, steps=300, progress=False).metrics()[-1]["env_steps"] >= 300


def test_a_checkpoint_cut_in_half_is_refused_and_the_one_before_loads(tmp_path):
    run = start(tmp_path, "a")
    before, last = run.saved()
    data = last.read_bytes()
    last.write_bytes(data[: len(data) // 2])
    with pytest.raises(
        CheckpointError, match=rf"{last.name} is damaged.*there are .*{before.name}"
    ):
        evaluate(run, 2)
    assert len(evaluate(run, 2, checkpoint=before).returns) == 2


def test_a_checkpoint_with_a_pickled_object_is_refused(tmp_path):
    run = start(tmp_path, "a")
    torch.save({"state_dict": {}, "more": InterruptionError("run me")}, run.last())
    with pytest.raises(CheckpointError, match="contains objects other than tensors"):
        resume(run.path, trust=True, steps=400, progress=False)


def test_a_full_disk_leaves_the_earlier_checkpoint_alone(tmp_path, monkeypatch):
    run = start(tmp_path, "a")
    saved = [path.name for path in run.saved()]

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device.*earlier ones are untouched"):
        resume(run.path, trust=True, steps=400, progress=False)
    assert [path.name for path in run.saved()] == saved
    assert not list(run.checkpoints.glob(".*partial"))
    monkeypatch.undo()
    assert len(evaluate(run, 2).returns) == 2


def test_a_run_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"run folder .*file/a cannot be written"):
        start(tmp_path / "file", "a")


def test_a_configuration_that_cannot_be_written_down_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be plain values"):
        Run.create(tmp_path / "a", {"env": {"make": len}})
    assert not (tmp_path / "a").exists()


def test_a_run_is_never_overwritten(tmp_path):
    start(tmp_path, "a")
    with pytest.raises(FileExistsError, match="holds a run; resume it, or choose another name"):
        start(tmp_path, "a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "nvif_pp"}, "no method is called 'nvif_pp'; there are .*mean 'nvif_ppo'"),
        ({"method": {"name": "ippo", "gama": 1}}, "method 'ippo' has no option 'gama'; .*gamma"),
        ({"env": "gathr"}, "gathr"),
        ({"graph": "knm"}, "knm.*knn"),
        ({"graph": "knn:k=0"}, "k.*0"),
        ({"env": {"name": "gather", "size": 25}}, "25.*24, 48.*96"),
        ({"steps": 0}, "steps is 0; allowed are whole numbers from 1"),
        ({"method": {"gamma": 1}}, "has no 'name'"),
    ],
)
def test_bad_input_fails_at_the_door(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        start(tmp_path, "a", **changes)
    assert not (tmp_path / "a").exists(), "nothing is left behind"


def test_an_environment_that_says_nan_is_refused(tmp_path):
    with pytest.raises(ValueError, match="reward of copy 0, agent 0 contains NaN"):
        start(tmp_path, "a", env="broken:Broken")

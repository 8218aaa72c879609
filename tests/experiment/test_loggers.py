"""Loggers: their own readers find what the tables of the run hold."""

from pathlib import Path
from typing import Any

import pytest

from graphmarl.experiment import loggers
from graphmarl.experiment.train import resume, train
from graphmarl.results.run import Run

pytestmark = pytest.mark.usefixtures("unchecked")


def start(folder: Path, logger: Any, **changes: Any) -> Run:
    options: dict[str, Any] = {"steps": 120, "checkpoint_every": 40, "progress": False}
    options |= {"evaluate_every": 80, "evaluate_episodes": 3} | changes
    method = "ippo:rollout_length=10,minibatch_size=60"
    return train(method, "toy:Toy", runs=str(folder), name="a", logger=logger, **options)


def curve(rows: list[dict[str, float]], name: str) -> list[tuple[int, Any]]:
    return [(int(row["env_steps"]), pytest.approx(row[name])) for row in rows if name in row]


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_the_metrics_also_of_a_resumed_run(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = start(tmp_path, "tensorboard")
    resume(run, steps=200, progress=False)
    found = reader.EventAccumulator(str(run.path / "tensorboard"))
    found.Reload()
    for name in ("return", "policy_loss"):
        points = [(event.step, event.value) for event in found.Scalars(name)]
        assert points == curve(run.metrics(), name)
    points = [(event.step, event.value) for event in found.Scalars("evaluation/return")]
    assert points == curve(run.evaluations(), "return")


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_the_metrics_also_of_a_resumed_run(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = start(tmp_path, "csv,mlflow")
    resume(run, steps=200, progress=False)
    client = mlflow.MlflowClient(f"sqlite:///{run.path}/mlflow.db")
    (kept,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    history = client.get_metric_history(kept.info.run_id, "policy_loss")
    assert [(m.step, m.value) for m in history] == curve(run.metrics(), "policy_loss")
    history = client.get_metric_history(kept.info.run_id, "evaluation/return")
    assert [(m.step, m.value) for m in history] == curve(run.evaluations(), "return")
    assert kept.data.params["method/name"] == "ippo"


def test_the_configuration_keeps_the_names(tmp_path):
    pytest.importorskip("tensorboard")
    run = start(tmp_path, ["tensorboard", "csv"], steps=20)
    assert run.config()["logger"] == "csv,tensorboard"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tensorbord", "logger is 'tensorbord'; allowed are csv, tensorboard, wandb, mlflow"),
        (7, "logger is 7; allowed are names"),
        ([7], "a logger is 7"),
    ],
)
def test_wrong_loggers_are_refused(given, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        start(tmp_path, given)
    assert not (tmp_path / "a").exists()


def test_a_logger_without_its_package_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"graphmarl\[wandb\]"):
        start(tmp_path, "wandb")

"""Evaluations during training: what they write, that they change nothing, and how a run ends."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from graphmarl.experiment import callbacks, periodic_evaluation
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.train import resume, train
from graphmarl.results.checkpoints import load_checkpoint
from graphmarl.results.run import Run

pytestmark = pytest.mark.usefixtures("unchecked")
METHODS: dict[str, dict[str, Any]] = {
    "ippo": {"rollout_length": 10, "minibatch_size": 60},
    "ndq": {"rollout_length": 10, "learning_starts": 40, "batch_size": 8, "gradient_steps": 2},
}


class InterruptionError(Exception):
    pass


def start(folder: Path, name: str, learns: str = "ippo", **changes: Any) -> Run:
    options: dict[str, Any] = {"steps": 200, "checkpoint_every": 40, "progress": False}
    options |= {"evaluate_every": 60, "evaluate_episodes": 5} | changes
    method = {"name": learns, **METHODS[learns]}
    return train(method, "toy:Toy", "random:k=1", runs=str(folder), name=name, **options)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path)["state_dict"]


def same(one: Path, two: Path) -> bool:
    first, second = weights(one), weights(two)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def text(run: Run, name: str) -> str:
    return (run.path / name).read_text()


@pytest.mark.parametrize("learns", METHODS)
def test_evaluations_change_nothing_of_the_training(learns, tmp_path):
    with_them = start(tmp_path, "with", learns)
    without = start(tmp_path, "without", learns, evaluate_every=0)
    assert same(with_them.last(), without.last())
    assert text(with_them, "metrics.csv") == text(without, "metrics.csv")
    assert without.evaluations() == []


def test_the_last_row_is_what_the_last_checkpoint_plays(tmp_path):
    run = start(tmp_path, "a")
    rows = run.evaluations()
    # 4 copies of 10 steps less the seams: every second trajectory, and the end.
    assert len(rows) == 4
    assert [row["env_steps"] for row in rows] == sorted({row["env_steps"] for row in rows})
    assert rows[-1]["env_steps"] == run.metrics()[-1]["env_steps"]
    played = evaluate(run, 5, seed=periodic_evaluation.SEED)
    assert rows[-1]["return"] == pytest.approx(played.mean_return.mean)
    assert rows[-1]["length"] == pytest.approx(played.mean_length.mean)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_best_checkpoint_is_that_of_the_best_evaluation(mode, tmp_path):
    run = start(tmp_path, "a", monitor="return", mode=mode)
    best = max if mode == "max" else min
    played = evaluate(run, 5, seed=periodic_evaluation.SEED, checkpoint="best")
    assert played.mean_return.mean == pytest.approx(best(r["return"] for r in run.evaluations()))


@pytest.mark.parametrize("learns", METHODS)
def test_the_best_checkpoint_holds_weights_only(learns, tmp_path):
    run = start(tmp_path, "a", learns)
    assert set(load_checkpoint(run.best())) == {"state_dict", "graphmarl"}


def test_there_is_no_best_checkpoint_without_evaluations(tmp_path):
    run = start(tmp_path, "a", evaluate_every=0)
    with pytest.raises(FileNotFoundError, match="evaluate_every"):
        evaluate(run, 1, checkpoint="best")


HOOKS = ("on_train_batch_end", "on_validation_end")
FAST = {("ippo", HOOKS[0], 2), ("ippo", HOOKS[1], 2), ("ndq", HOOKS[1], 3)}
CASES = [
    case if case in FAST else pytest.param(*case, marks=pytest.mark.slow)
    for case in itertools.product(METHODS, HOOKS, (2, 3))
]


@pytest.mark.parametrize(("learns", "hook", "call"), CASES)
def test_interrupted_and_resumed_equals_never_interrupted(
    learns, hook, call, tmp_path, monkeypatch
):
    whole = start(tmp_path, "whole", learns)
    kind = periodic_evaluation.PeriodicEvaluation
    kind = callbacks.MetricsWriter if hook == "on_train_batch_end" else kind
    count, original = [0], getattr(kind, hook)

    def failing(self, *arguments):
        count[0] += 1
        if count[0] == call + (hook == "on_train_batch_end"):
            raise InterruptionError
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(kind, hook, failing)
        with pytest.raises(InterruptionError):
            start(tmp_path, "broken", learns)
    again = resume(tmp_path / "broken", trust=True, progress=False)
    assert same(whole.last(), again.last())
    for name in ("metrics.csv", "evaluations.csv"):
        assert text(whole, name) == text(again, name), name
    assert same(whole.best(), again.best())


def test_training_ends_at_a_target_and_says_so(tmp_path):
    run = start(tmp_path, "a", target=-1000.0)
    first = run.evaluations()[0]["env_steps"]
    assert run.metrics()[-1]["env_steps"] == first < 200
    assert "reached the target -1000" in run.ended()
    assert f"{first:.0f} of 200" in run.ended()
    assert run.last().name == f"step_{first:012.0f}.ckpt"


class StopAtTheFirst(Callback):
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


def test_a_run_that_a_callback_ended_goes_on_like_one_without(tmp_path):
    whole = start(tmp_path, "whole")
    stopped = start(tmp_path, "stopped", callbacks=[StopAtTheFirst()])
    assert stopped.metrics()[-1]["env_steps"] < 200
    assert "callback" in stopped.ended()
    again = resume(stopped, progress=False)
    assert same(whole.last(), again.last())
    assert text(whole, "evaluations.csv") == text(again, "evaluations.csv")
    assert "all steps are done" in again.ended()


def test_a_target_below_is_reached_from_above(tmp_path):
    run = start(tmp_path, "a", monitor="length", mode="min", target=1.0)
    assert "all steps are done" in run.ended()


def test_training_ends_after_its_hours(tmp_path):
    run = start(tmp_path, "a", hours=1e-9)
    assert len(run.metrics()) == len(run.evaluations()) == 1
    assert "hours are used up" in run.ended()
    assert "all steps are done" in resume(run, hours=1.0, progress=False).ended()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"monitor": "wins"}, "monitor is 'wins'; allowed are return, length"),
        ({"target": 1.0, "evaluate_every": 0}, "set evaluate_every"),
        ({"mode": "best"}, "mode is 'best'"),
        ({"hours": 0.0}, "hours is 0.0"),
    ],
)
def test_wrong_values_are_refused(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        start(tmp_path, "a", **changes)


def test_callbacks_of_lightning_find_the_metrics(tmp_path):
    kept = ModelCheckpoint(tmp_path / "kept", monitor="evaluation/return", mode="max")
    logger, callbacks = CSVLogger(tmp_path / "log"), [kept, LearningRateMonitor()]
    callbacks += [EarlyStopping("evaluation/length", patience=100)]
    run = start(tmp_path, "a", callbacks=callbacks, logger=logger)
    best = max(row["return"] for row in run.evaluations())
    assert float(kept.best_model_score or 0) == pytest.approx(best)
    assert same(Path(kept.best_model_path), run.best())
    logged = Path(logger.log_dir, "metrics.csv").read_text()
    assert "lr-Adam" in logged.splitlines()[0]

"""`graphmarl tune`: the planted optimum, an interruption, and what is refused at the door."""

import math
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
import yaml
from toy import Toy

import graphmarl as gm
from graphmarl.cli import main
from graphmarl.experiment.search_space import Axis, search_space
from graphmarl.experiment.study import Trials
from graphmarl.experiment.tune import tune_words
from graphmarl.ranges import UnitInterval
from graphmarl.results.run import Run
from graphmarl.step import Step

BEST = 0.3


class Planted(Toy):
    """Pays by its options alone, in the first step: most at `x` of 0.3 and with `kind` good.

    Args:
        num_envs: copies.
        x: the option with an optimum inside its range.
        kind: the option with an optimum among its values.
        decoy: an option without an effect.
        share: an option with bounds; above 0.5 training fails.
    """

    def __init__(
        self,
        num_envs: int = 2,
        x: float = 0.0,
        kind: Literal["bad", "good"] = "bad",
        decoy: int = 1,
        share: UnitInterval = 0.0,
    ) -> None:
        super().__init__(num_envs=num_envs, num_agents=2)
        self.pay, self.share = (0.5 if kind == "good" else 0.0) - (x - BEST) ** 2, share

    def _step(self, reward) -> Step:
        if self.share > 0.5 and self.num_envs == 2:
            raise ValueError("no agent can act")
        first = (self.time == 1)[:, None].float()
        return super()._step(self.pay / 2 * first.expand_as(self.alive).clone())


ENV = f"{__name__}:Planted"
METHOD = "iql:rollout_length=6,learning_starts=10000"
VARY = ["env.x=-2..2", "env.kind=bad,good", "env.decoy=1..5"]
SMALL = {"steps": 24, "episodes": 2, "pruner": "none", "progress": False}


def search(tmp_path: Path, name: str, **given) -> pd.DataFrame:
    given = SMALL | {"vary": VARY, "runs": str(tmp_path)} | given
    return gm.tune(name, METHOD, ENV, **given)


def pay(x: float, kind: str = "bad") -> float:
    return (0.5 if kind == "good" else 0.0) - (x - BEST) ** 2


def test_trials_are_evaluated_and_the_best_one_is_kept(tmp_path, capsys):
    table = search(tmp_path, "t", trials=4, seeds=2)
    assert table["trial"].tolist() == [0, 1, 2, 3] and set(table["state"]) == {"complete"}
    assert table["env.x"].nunique() == 4
    for row in table.to_dict("records"):
        options = Run(tmp_path / "t" / f"trial{row['trial']:04d}-seed1001").config()["env"]
        assert options["x"] == row["env.x"] and options["kind"] == row["env.kind"]
        assert row["return"] == pytest.approx(pay(row["env.x"], row["env.kind"]), abs=1e-6)
    best = table.loc[table["return"].idxmax()]
    config = yaml.safe_load((tmp_path / "t" / "best.yaml").read_text())
    assert config["env"]["x"] == best["env.x"] and config["seed"] == 0 and config["steps"] == 24
    said = capsys.readouterr().out
    wanted = f"best is trial {best['trial']}, return {best['return']:.6g}: env.x={best['env.x']}"
    assert wanted in said and "graphmarl train --method iql --method.learning_starts 10000" in said
    written = pd.read_csv(tmp_path / "t" / "trials.csv")
    assert written["env.x"].tolist() == pytest.approx(table["env.x"].tolist(), rel=1e-5)
    words = ["train", "--config", str(tmp_path / "t" / "best.yaml"), "--trust", "true"]
    assert main([*words, "--runs", str(tmp_path), "--name", "again", "--progress", "false"]) == 0
    # More trials go on where it stopped; what is there is not made again.
    more = search(tmp_path, "t", trials=5, seeds=2)
    assert more[:4].equals(table) and len(more) == 5
    with pytest.raises(ValueError, match="was made with steps 24, not 36; choose another name"):
        search(tmp_path, "t", trials=5, seeds=2, steps=36)


def test_an_interrupted_trial_is_continued_and_counted_once(tmp_path, monkeypatch):
    whole = search(tmp_path, "whole", trials=4, steps=48, checkpoint_every=12)
    trained = gm.experiment.grid_runs.GridRun.trained  # type: ignore[attr-defined]

    def interrupt(self, progress, callbacks=()):
        made = trained(self, progress, callbacks)
        if self.path.name.startswith("trial0002") and not (tmp_path / "mark").exists():
            (tmp_path / "mark").touch()
            made.last().unlink()  # as if it had been killed before its last checkpoint
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr("graphmarl.experiment.grid_runs.GridRun.trained", interrupt)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, "t", trials=4, steps=48, checkpoint_every=12)
    again = search(tmp_path, "t", trials=4, steps=48, checkpoint_every=12)
    assert again.equals(whole)
    one, two = (tmp_path / name / "trial0002-seed1000" / "metrics.csv" for name in ("whole", "t"))
    assert one.read_text() == two.read_text()


def test_a_trial_that_another_process_makes_is_left_to_it(tmp_path):
    space = search_space(METHOD, ENV, None, VARY)
    first = Trials(tmp_path / "t", space, "max", "none", 0)
    taken = [first.take(3, float("inf")) for _ in range(4)]
    assert [each and each.name for each in taken] == ["trial0000", "trial0001", "trial0002", None]
    assert taken[1] is not None
    taken[1].lock.__exit__()  # as when its process has ended
    left = Trials(tmp_path / "t", space, "max", "none", 0).take(3, float("inf"))
    assert left is not None and left.name == "trial0001" and left.choice == taken[1].choice
    assert Trials(tmp_path / "t", space, "max", "none", 0).take(3, float("-inf")) is None


def test_a_line_that_was_written_in_part_is_removed(tmp_path):
    space = search_space(METHOD, ENV, None, VARY)
    trials = Trials(tmp_path / "t", space, "max", "none", 0)
    taken = trials.take(2, float("inf"))
    assert taken is not None
    trials.finish(taken, "complete", 1.0)
    with open(tmp_path / "t" / "study.log", "ab") as file:
        file.write(b'{"op_code":4,"wor')
    again = Trials(tmp_path / "t", space, "max", "none", 0)
    other = again.take(2, float("inf"))
    assert other is not None and other.name == "trial0001"
    assert again.table("return")["state"].tolist() == ["complete", "running"]


@pytest.mark.slow
def test_trials_under_the_median_are_pruned_and_kept(tmp_path):
    given = {"vary": ["env.x=-2..2"], "steps": 240, "trials": 6, "pruner": "median"}
    table = search(tmp_path, "t", **given)
    rows = table.to_dict("records")
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert [row["state"] for row in rows[:5]] == ["complete"] * 5 and len(pruned) >= 1
    median = statistics.median(pay(row["env.x"]) for row in rows[:5])
    assert all(pay(row["env.x"]) < median and math.isnan(row["return"]) for row in pruned)
    run = Run(tmp_path / "t" / f"trial{pruned[0]['trial']:04d}-seed1000")
    # Compared first after a fifth of the steps.
    found = re.match(r"pruned: (\d+) of 240 environment steps", run.ended())
    assert found and 48 <= int(found[1]) < 72
    assert run.last().exists()
    # Less of another metric is better, and more return still is.
    lower = search(tmp_path, "l", **given, metric="length", mode="min")
    assert lower["state"].tolist() == table["state"].tolist()


def test_options_that_fail_are_failed_trials(tmp_path, capsys):
    given = {"vary": ["env.share=0,0.9"], "trials": 4}
    table = search(tmp_path, "t", **given)
    failed = table[table["state"] == "failed"]
    assert 1 <= len(failed) < 4 and set(failed["error"]) == {"no agent can act"}
    assert set(failed["env.share"]) == {"0.9"}
    assert "failed (no agent can act)" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="no trial of .* is complete; see trials.csv"):
        search(tmp_path, "u", vary=["env.share=0.8,0.9"], trials=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*results are of .* seed")
def test_an_ablation_gives_every_method_the_same_trials(tmp_path):
    def compare(tune: list[str], budget: int) -> pd.DataFrame:
        small = {"steps": 24, "episodes": 2, "seeds": 1, "progress": False}
        methods = ["iql:rollout_length=6", "ippo:rollout_length=6,minibatch_size=12"]
        given = small | {"tune": tune, "tune_budget": budget, "runs": str(tmp_path)}
        return gm.ablate("a", methods, ENV, ["none"], **given)

    ranges = ["env.x=-2..2", "env.kind=bad,good", "method.batch_size=4..8"]
    compare(ranges, 3)
    found = pd.read_csv(tmp_path / "a" / "tuned.csv").to_dict("records")
    assert [row["trials"] for row in found] == [3, 3]
    for row in found:
        trials = pd.read_csv(tmp_path / "a" / "tune" / row["cell"] / "trials.csv")
        assert row["return"] == trials["return"].max()
        # What is an option of one method only is searched for that one.
        searched = "method.batch_size" in trials
        assert searched == row["cell"].startswith("iql") != math.isnan(row["method.batch_size"])
        options = Run(tmp_path / "a" / f"{row['cell']}-seed0").config()["env"]
        assert options["x"] == pytest.approx(row["env.x"], rel=1e-5)
        assert options["kind"] == row["env.kind"]
    before = (tmp_path / "a" / "table.csv").read_text()
    compare(ranges, 3)  # the same again makes nothing
    assert (tmp_path / "a" / "table.csv").read_text() == before
    with pytest.raises(ValueError, match="no method, environment or graph has the option of 'gra"):
        compare(["graph.k=1..3"], 3)
    with pytest.raises(ValueError, match="tune has ranges and tune_budget is 0"):
        compare(ranges, 0)
    with pytest.raises(ValueError, match="tune_budget is 3 without ranges; write --tune"):
        compare([], 3)


@pytest.mark.slow
def test_the_planted_optimum_is_found_in_25_trials_killed_once(tmp_path):
    given = SMALL | {"name": "t", "method": METHOD, "env": ENV, "vary": VARY, "trials": 25}
    words = tune_words(given | {"runs": str(tmp_path), "checkpoint_every": 6, "steps": 96})
    folder = tmp_path / "t"

    def command() -> subprocess.Popen:
        paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
        return subprocess.Popen([sys.executable, "-m", "graphmarl", *words], env=environment)

    process = command()
    while not (folder / "trial0012-seed1000" / "checkpoints").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(pd.read_csv(folder / "trials.csv")) < 25
    assert command().wait() == 0
    table = pd.read_csv(folder / "trials.csv")
    assert len(table) == 25 and set(table["state"]) == {"complete"}
    assert len(list(folder.glob("trial*-seed1000"))) == 25
    best = table.loc[table["return"].idxmax()]
    print(f"best {best['return']:.4f} of 0.5 at x {best['env.x']:.3f}, {best['env.kind']}")
    assert best["env.kind"] == "good" and abs(best["env.x"] - BEST) < 0.15
    # A random search of 25 is as near as this with a probability of 0.6.
    assert best["return"] > 0.5 - 0.15**2
    whole = search(tmp_path, "whole", trials=25, steps=96, checkpoint_every=6)
    assert whole["return"].tolist() == pytest.approx(table["return"].tolist(), rel=1e-5)


@pytest.mark.slow
def test_two_processes_share_the_trials(tmp_path):
    table = search(tmp_path, "t", trials=5, jobs=2)
    assert set(table["state"]) == {"complete"} and len(table) == 5
    assert len(list((tmp_path / "t").glob("trial*-seed1000"))) == 5
    logs = [(tmp_path / "t" / f"worker{i}.txt").read_text() for i in (0, 1)]
    made = [line for log in logs for line in re.findall(r"^trial\d+", log, re.MULTILINE)]
    assert sorted(made) == [f"trial{i:04d}" for i in range(5)]


def test_ranges_and_lists_have_the_types_of_their_options():
    space = search_space(
        "dgn",
        "navigation",
        "knn:k=3",
        ["method.learning_rate=1e-4..1e-2:log", "method.hidden=32,64", "env.num_agents=3..6"],
    )
    assert space.axes == {
        "method.learning_rate": Axis(1e-4, 1e-2, True),
        "method.hidden": Axis(values=("32", "64")),
        "env.num_agents": Axis(3, 6),
    }
    kinds = [type(axis.distribution()).__name__ for axis in space.axes.values()]
    assert kinds == ["FloatDistribution", "CategoricalDistribution", "IntDistribution"]
    # The method's own graph has k=3, which is then another one.
    own = search_space("dgn", "gather", None, ["graph.k=1..4", "graph.refresh=1..3"])
    assert own.cell("a", {"graph.k": 2, "graph.refresh": 1}).graph == "knn:k=2,refresh=1"


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ([], "nothing is varied; write part.option=low..high"),
        (["rate=1..2"], "cannot vary 'rate=1..2'; write part.option=low..high"),
        (["method.rate=1..2"], "method 'iql' has no option 'rate'; its options are"),
        (["method.gamma=0.5..1.5"], "method.gamma is 1.5; allowed are numbers from 0 to 1"),
        (["method.gamma=0.9..0.5"], "varied from 0.9 to 0.5; the first must be smaller"),
        (["method.hidden=1.5..8"], "method.hidden is '?1.5'?; allowed are whole numbers"),
        (["method.gamma=0..1:log"], "a logarithmic scale needs a positive bound"),
        (["method.gamma=0.1..1:lin"], "cannot vary method.gamma=0.1..1:lin; write"),
        (["method.gamma=0.5,2"], "method.gamma is 2; allowed are numbers from 0 to 1"),
        (["env.kind=bad..good"], "env.kind is no number; write its values as env.kind=value,value"),
        (["env.kind=bad,fair"], "env.kind is 'fair'; allowed are bad, good"),
        (["env.kind=bad,bad"], "env.kind has a value twice"),
        (["env.x=0..1", "env.x=0..2"], "env.x is varied twice"),
        (["method.rollout_length=2..3"], "method.rollout_length is varied, and has the value 6 in"),
        (["graph.k=1..3"], "graph 'none' has no option 'k'"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_trained(vary, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        search(tmp_path, "t", vary=vary)
    assert not (tmp_path / "t").exists()


def test_the_command_line_refuses_what_is_missing_and_a_metric_that_is_unknown(tmp_path, capsys):
    words = ["tune", "--method", METHOD, "--env", ENV, "--vary", "env.x=0..1"]
    assert main(words) == 2
    assert "graphmarl tune: the following arguments are required: --name" in capsys.readouterr().err
    words += ["--name", "t", "--runs", str(tmp_path)]
    assert main([*words, "--metric", "queue"]) == 2
    assert "metric is 'queue'; allowed are return, length, living" in capsys.readouterr().err
    assert main([*words, "--trials", "0"]) == 2
    assert "trials is 0; allowed are whole numbers from 1" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_without_optuna_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"install it by `pip install 'graphmarl\[tune\]'`"):
        search(tmp_path, "t")

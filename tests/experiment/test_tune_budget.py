"""`--tune-budget` of the scripts: the same search before the runs of every setting."""

from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml

from graphmarl.experiment.config import Config
from graphmarl.experiment.report import search_sections
from graphmarl.experiment.search_space import option_types, search_space
from graphmarl.experiment.suite import SUITE
from graphmarl.experiment.suite_search import RANGES, SEARCHED, SuiteBudget, learner_ranges
from graphmarl.experiment.suite_types import TUNED, Benchmark, Setting
from graphmarl.experiment.sweep import written
from graphmarl.experiment.train_suite import train_suite
from graphmarl.learners import Learner, QLearning
from graphmarl.methods import METHODS, find_method
from graphmarl.ranges import unwrapped
from graphmarl.resolver import split_name
from graphmarl.results.cells import read_results
from graphmarl.results.collect import identify
from graphmarl.results.comparison import Comparison
from graphmarl.results.run import Run
from graphmarl.step import Spec
from graphmarl.texts import Text

pytestmark = pytest.mark.usefixtures("unchecked")
SMALL = ["--task", "sensor", "--env", "num_envs=4", "--steps", "200", "--episodes", "4"]
SMALL += ["--seeds", "3", "--cuts", "rank=50"]
SEARCH_WORDS = [*SMALL, "--tune-budget", "2", "--tune-steps", "100"]
LIKE = {"grid_35x35": "hangzhou_4x4"}
"""Tasks that take long to build, and a small one with the same observations and actions."""


def without(method: str) -> tuple[str, str]:
    """A method without the options that are searched, and these as `vary`."""
    name, options = split_name(method, "method")
    searched = {text.partition("=")[0][7:] for text in learner_ranges(find_method(name))}
    rest = {key: value for key, value in options.items() if key not in searched}
    return written(name, rest), " ".join(learner_ranges(find_method(name)))


@cache
def spec_of(env: str) -> Spec:
    """Shapes of an environment, whose engine is not started."""
    config = Config({"method": "iql", "env": env, "graph": None, "seed": 0, "steps": 1})
    with closing(config.environment(num_envs=1)) as environment:
        return environment.spec


@cache
def built(method: str, graph: str | None, env: str) -> Learner:
    found = {"method": method, "env": env, "graph": graph, "seed": 0, "steps": 1}
    return Config(found).learner(spec_of(env))


def named(family: str) -> Iterator[tuple[Benchmark, Setting]]:
    """Each distinct setting once, without those on an engine that is not installed."""
    known: set[tuple[str, str | None]] = set()
    benchmarks = SUITE[family].benchmarks
    for task, benchmark in benchmarks.items():
        for setting in () if task.startswith("smac-") else benchmark.settings.values():
            if (setting.method, setting.graph) not in known:
                known.add((setting.method, setting.graph))
                yield benchmarks.get(LIKE.get(task, ""), benchmark), setting


def test_ranges_are_allowed_by_the_types_of_the_options_of_every_method():
    assert {name for names in SEARCHED.values() for name in names} == set(RANGES)
    for name in METHODS:
        vary = learner_ranges(find_method(name))
        assert len(vary) == 3
        for text in vary:
            key, _, words = text.partition("=")
            range_ = unwrapped(option_types("method", name)[key.removeprefix("method.")])[1]
            for bound in words.removesuffix(":log").split(".."):
                assert float(bound) in range_, (name, text)


@pytest.mark.parametrize("end", [0, 1], ids=["low", "high"])
@pytest.mark.parametrize("family", SUITE)
def test_an_end_of_the_ranges_constructs_for_every_setting(family, end):
    learners: set[tuple[type[Learner], str]] = set()
    for benchmark, setting in named(family):
        rest, vary = without(setting.method)
        kind = find_method(split_name(rest, "method")[0])
        if (kind, rest) in learners:
            continue
        learners.add((kind, rest))
        env = benchmark.env.format(reward=setting.reward)
        ends = {}
        for text in vary.split():
            key, _, words = text.removeprefix("method.").partition("=")
            ends[key] = Text(words.removesuffix(":log").split("..")[end])
        name, options = split_name(rest, "method")
        assert built(written(name, options | ends), setting.graph, env).default_graph


@pytest.mark.parametrize("family", SUITE)
def test_settings_of_a_task_differ_in_more_than_the_options_that_are_searched(family):
    for task, benchmark in SUITE[family].benchmarks.items():
        rows: dict[object, Setting] = {}
        for row, setting in benchmark.settings.items():
            rest = (without(setting.method)[0], setting.graph, setting.reward)
            # What a search has found differs from what was searched in its options alone.
            if not row.endswith(TUNED):
                assert rows.setdefault(rest, setting) == setting, f"{task} {row}"


def test_settings_of_a_task_have_equal_budgets_and_equal_ranges(tmp_path):
    benchmark = SUITE["communication"].benchmarks["relay-1-hop"]
    rows = ("commnet", "neurcomm", "dgn", "vpp-none")
    values = {
        row: {"method": benchmark.settings[row].method, "env": benchmark.env, "graph": "links"}
        for row in rows
    }
    budget = SuiteBudget(7, 300, 16)
    found = budget.searches(benchmark, values, dict.fromkeys(rows, (None, None, None)))
    ranges: dict[str, str] = {}
    for search in found.values():
        same = (search.steps, search.episodes, search.seeds, search.pruner, len(search.vary))
        assert same == (300, 16, 1, "none", 3)
        for text in search.vary:
            key, _, words = text.partition("=")
            assert ranges.setdefault(key, words) == words
    assert found["dgn"].vary != found["vpp-none"].vary != found["commnet"].vary
    # What is searched is no option of the setting any more; the others are.
    given = split_name(benchmark.settings["dgn"].method, "method")[1]
    kept = {k: v for k, v in given.items() if k not in ("learning_rate", "gradient_steps")}
    assert split_name(found["dgn"].method, "method") == ("dgn", kept) and len(kept) < len(given)


@pytest.mark.parametrize(
    ("benchmark", "metric", "mode"),
    [
        (SUITE["didactic"].benchmarks["sensor"], "return", "max"),
        (SUITE["cityflow"].benchmarks["hangzhou_4x4"], "average_travel_time", "min"),
        # The reward of a setting is not the return that is compared.
        (SUITE["mpe"].benchmarks["push"], "team_return", "max"),
    ],
)
def test_trials_are_compared_as_the_runs_are(benchmark, metric, mode):
    env = benchmark.env.format(reward="team")
    values = {"iql": {"method": "iql", "env": env, "graph": "none"}}
    typed = {"iql": ("iql", None, None)}
    search = SuiteBudget(1, 10, 1).searches(benchmark, values, typed)["iql"]
    assert (search.metric, search.mode) == (metric, mode)


class Paid:
    """In place of an evaluation: the return is the learning rate."""

    def __init__(self, run: Run, *_: object, **__: object) -> None:
        self.rate = run.config()["method"]["learning_rate"]

    def means(self) -> dict[str, float]:
        return {"return": self.rate}


def test_the_seeds_are_trained_with_the_best_options_and_the_same_again_adds_no_trial(
    tmp_path, monkeypatch
):
    # The largest learning rate is the best one, and no pictures are drawn.
    monkeypatch.setattr("graphmarl.experiment.tuner.evaluate", Paid)
    monkeypatch.setattr("graphmarl.experiment.ablate.write_report", lambda *_: None)
    monkeypatch.setattr("graphmarl.results.tables.printed", lambda _: "")
    folder = tmp_path / "sensor"
    words = [*SEARCH_WORDS, "--method", "vdn:batch_size=8", "--runs", str(tmp_path)]
    train_suite("didactic", "help", words)
    name = "vdn-batch_size=8-num_envs=4"
    table = pd.read_csv(folder / f"tune-{name}" / "trials.csv")
    assert table["state"].tolist() == ["complete"] * 2
    best = int(table.loc[table["method.learning_rate"].idxmax(), "trial"])
    trial = Run(folder / f"tune-{name}" / f"trial{best:04d}-seed1000").config()
    run = Run(folder / f"{name}-tuned-seed3").config()
    assert run["method"] == trial["method"] and run["env"] == trial["env"]
    assert run["method"]["learning_rate"] == pytest.approx(
        table["method.learning_rate"][best], rel=1e-5
    )
    assert (run["steps"], run["seed"], trial["steps"], trial["seed"]) == (200, 3, 100, 1000)
    assert run["method"]["batch_size"] == 8
    (row,) = pd.read_csv(folder / "tuned.csv").to_dict("records")
    assert (row["cell"], row["trials"], row["best"]) == (f"{name}-tuned", 2, best)
    found = identify(folder / f"{name}-tuned-seed3" / "evaluation.csv")
    assert found == {"task": "sensor", "row": f"{name}-tuned", "seed": "3"}
    (section,) = search_sections(Comparison(read_results(folder)))
    assert "with 2 trials" in section.text

    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.ckpt")}
    train_suite("didactic", "help", words)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.ckpt")} == before
    assert pd.read_csv(folder / f"tune-{name}" / "trials.csv").equals(table)


def test_an_interrupted_search_goes_on_and_rows_of_other_settings_are_kept(tmp_path):
    values = {"env": "sensor:num_envs=2", "graph": "none"}
    settings = {
        name: values | {"method": f"{name}:learning_starts=9000"} for name in ("iql", "vdn")
    }
    typed = dict.fromkeys(settings, (None, None, None))
    benchmark = SUITE["didactic"].benchmarks["sensor"]
    vary = ("method.hidden=8,16",)
    for trials in (1, 2):
        budget = SuiteBudget(trials, 20, 2, vary)
        for name, search in budget.searches(benchmark, settings, typed).items():
            cell = budget.best(name, search, tmp_path)
            assert cell.name == f"{name}-tuned" and "hidden=" in str(cell.method)
    found = pd.read_csv(tmp_path / "tuned.csv")
    assert found["cell"].tolist() == ["iql-tuned", "vdn-tuned"] and found["trials"].tolist() == [
        2,
        2,
    ]
    assert len(list(tmp_path.glob("tune-iql/trial*-seed1000"))) == 2


def refused(*words: str) -> None:
    with pytest.raises(SystemExit):
        train_suite("didactic", "help", [*SMALL, "--method", *words])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("vdn --tune-vary method.gamma=0.9..1", "--tune-vary is of a search; add --tune-budget"),
        ("vdn --tune-steps 5", "--tune-steps is of a search; add --tune-budget"),
        ("vdn --tune-budget 0", "--tune-budget is 0; allowed are whole numbers from 1"),
        ("vdn --tune-budget 2 --tune-steps 0", "--tune-steps is 0; allowed are whole numbers"),
        ("vdn --tune-budget 2 --seeds 0 1000", "seeds have 1000, that of the trials"),
        ("vdn:gradient_steps=2 --tune-budget 2", "method.gradient_steps is 2 for vdn-"),
        ("vdn --tune-budget 2 --tune-vary env.num_envs=2..4", "env.num_envs is 4 for vdn-num"),
        ("vdn --tune-budget 2 --tune-vary gamma=0..1", "cannot vary 'gamma=0..1'; write"),
        ("vdn --tune-budget 2 --tune-vary method.gamma=0..2", "method.gamma is 2"),
        ("vdn --tune-budget 2 --tune-vary method.bits=1..2", "no method, environment or graph has"),
        ("vdn ndq --tune-budget 2 --tune-vary method.bits=1..2", "has none of the options of"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_trained(words, message, tmp_path, capsys):
    refused(*words.split(), "--runs", str(tmp_path))
    assert message in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_what_a_search_has_found_is_not_searched_again(capsys):
    words = ["--task", "grid-random", "--tune-budget", "5"]
    train_suite("mpe", "help", [*words, "--list"])
    listed = capsys.readouterr().out
    assert "grid-random/vpp-exact:" in listed and TUNED not in listed
    with pytest.raises(SystemExit):
        train_suite("mpe", "help", [*words, "--method", "vpp-exact-tuned"])
    message = "vpp-exact-tuned has the options of a search; allowed is what was searched"
    assert message in capsys.readouterr().err


def test_all_settings_of_a_folder_have_one_budget(tmp_path):
    SuiteBudget(3, 100, 8).keep(tmp_path, [0])
    SuiteBudget(3, 100, 8).keep(tmp_path, [1])
    assert yaml.safe_load((tmp_path / "tune_budget.yaml").read_text())["trials"] == 3
    for other, what in [
        (SuiteBudget(4, 100, 8), "trials 3, not 4"),
        (SuiteBudget(3, 200, 8), "steps 100, not 200"),
        (SuiteBudget(3, 100, 9), "episodes 8, not 9"),
        (SuiteBudget(3, 100, 8, ("method.gamma=0.9,1",)), r"vary \['method.learning_rate"),
    ]:
        with pytest.raises(ValueError, match=f"were tuned with {what}.*; choose other --runs"):
            other.keep(tmp_path, [0])


def test_a_learner_without_a_search_space_is_refused():
    with pytest.raises(ValueError, match="Learner has no search space; those are of PPO"):
        learner_ranges(Learner)
    assert learner_ranges(QLearning)[0] == "method.learning_rate=1e-4..1e-2:log"


def test_search_spaces_are_listed_and_nothing_is_trained(tmp_path, capsys):
    words = ["--list", "--preset", "sensor/vdn", "sensor/iql", "--tune-budget", "5"]
    train_suite("didactic", "help", [*words, "--runs", str(tmp_path / "runs")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[::2]] == ["sensor/vdn", "sensor/iql"]
    assert lines[1] == lines[3] == f"  searched: {' '.join(learner_ranges(QLearning))}"
    assert not Path(tmp_path / "runs").exists()
    search_space("vdn", "sensor", None, lines[1].split()[1:])

"""Runs of an ablation are evaluated in other environments and on other graphs."""

from typing import Any

import pytest

import graphmarl as gm
from graphmarl.cli import main
from graphmarl.experiment.transfer import Transfer, named_transfer, save_transfer, transfers
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows
from graphmarl.results.transfer import read_transfer, transfer_matrix

pytestmark = pytest.mark.filterwarnings("ignore:all results are of")
SMALL = "rollout_length=5,learning_starts=10,batch_size=4,gradient_steps=1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    methods = [f"{name}:{SMALL}" for name in ("dgn", "qmix", "iql")]
    gm.ablate(
        "grid",
        methods,
        "toy:Toy",
        ["none"],
        seeds=1,
        steps=40,
        episodes=3,
        runs=str(runs),
        progress=False,
        evaluate_env=["num_agents=2,5"],
        evaluate_graph=["complete"],
    )
    return runs / "grid"


def run_of(folder, method):
    (path,) = folder.glob(f"{method}*-seed0")
    return Run(path, trust=True)


def test_every_run_is_evaluated_at_every_setting(folder):
    run = run_of(folder, "dgn")
    rows = {(row["changed"], row["value"]): row for row in read_rows(run.path / "transfer.csv")}
    assert list(rows) == [("num_agents", "2"), ("num_agents", "5"), ("graph", "complete")]
    for (changed, value), row in rows.items():
        elsewhere = changed == "graph"
        env = None if elsewhere else {changed: int(value)}
        found = gm.evaluate(run, 3, value if elsewhere else None, env=env)
        assert float(row["return"]) == pytest.approx(found.mean_return.mean, rel=1e-5)
        assert float(row["steps"]) == pytest.approx(found.mean_length.mean, rel=1e-5)
        assert row["note"] == "" and row["episodes"] == "3"


def test_methods_that_take_no_other_number_of_agents_say_so(folder):
    rows = read_rows(run_of(folder, "qmix").path / "transfer.csv")
    assert [row["note"] for row in rows[:2]] == ["takes no other number of agents"] * 2
    assert rows[0]["return"] == "" and float(rows[2]["return"]) >= 0
    assert rows[2]["note"] == "reads no edges"
    # Agents by themselves are as many as there are.
    assert all(
        float(r["return"]) >= 0 for r in read_rows(run_of(folder, "iql").path / "transfer.csv")
    )


def test_the_report_has_the_matrix(folder):
    page = (folder / "report.html").read_text()
    assert "Transfer: num_agents" in page and "Transfer: graph" in page
    assert "takes no other number of agents" in page
    found = transfer_matrix(read_transfer(folder), "num_agents")
    assert list(found.columns) == ["2", "3", "5"] and len(found) == 3
    own = read_rows(run_of(folder, "iql").path / "evaluation.csv")[0]
    row = next(str(name) for name in found.index if str(name).startswith("iql"))
    assert found.loc[row, "3"] == pytest.approx(float(own["return"]))


def test_evaluations_that_are_there_are_kept_and_others_are_added(folder):
    run = run_of(folder, "iql")
    path = run.path / "transfer.csv"
    before, changes = read_rows(path), transfers(["num_agents=2,5"], ["complete"])
    assert save_transfer(run, changes, 3) == 0 and read_rows(path) == before
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")  # interrupted
    assert save_transfer(run, changes, 3) == 2 and read_rows(path) == before
    assert save_transfer(run, transfers(["num_agents=4"]), 3) == 1
    assert len(read_rows(path)) == 4
    assert save_transfer(run, changes, 2) == 3, "other episodes are other evaluations"
    assert {row["episodes"] for row in read_rows(path)} == {"2"}
    save_transfer(run, changes, 3)


def test_a_claim_names_a_change_as_the_table_has_it():
    (typed,) = transfers(["{map: random, size: 48}"])
    named = named_transfer("map,size=random,48")
    assert (named.changed, named.value) == (typed.changed, typed.value) == ("map,size", "random,48")
    assert {name: str(value) for name, value in named.env.items()} == {
        name: str(value) for name, value in typed.env.items()
    }
    assert named_transfer("graph=knn:k=4,refresh=5") == transfers(graph=["knn:k=4,refresh=5"])[0]
    for text in ("map", "map,size=random", "map=", "graph="):
        with pytest.raises(ValueError, match="write option,option=value,value"):
            named_transfer(text)


def test_options_are_given_one_by_one_or_together():
    one, two, both, graph = transfers(["size=24,48", "{map: random, walls: true}"], ["knn:k=8"])
    assert (one.changed, one.value, dict(one.env)) == ("size", "24", {"size": "24"})
    assert two.value == "48"
    assert (both.changed, both.value) == ("map,walls", "random,true")
    assert graph == Transfer("graph", "knn:k=8", {}, "knn:k=8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--evaluate_env", "num_agents"], "write option=value,value"),
        (["--evaluate_env", "num_agents=2,"], "write option=value,value"),
        (["--evaluate_env", "num_agents=2,2"], "num_agents 2 is evaluated twice"),
        (["--evaluate-env", "agents=2"], "has no option 'agents'"),
        (["--evaluate_env", "num_agents=none"], "num_agents is 'none'"),
        (["--evaluate_env", "{}"], "write {option: value"),
        (["--evaluate_graph", "knm"], "did you mean 'knn'"),
        (
            ["--evaluate_graph", "complete", "--print-commands"],
            "leave out a search and other evaluations",
        ),
    ],
)
def test_a_mistake_is_found_before_training(words, message, tmp_path, capsys):
    first = ["ablate", "--name", "x", "--method", "iql", "--env", "sensor", "--graph", "none"]
    if "num_agents" in words[1]:
        first[first.index("sensor")] = "navigation"
    assert main([*first, *words, "--runs", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_evaluates_elsewhere_and_says_so(tmp_path, capsys):
    words = ["ablate", "--name", "x", "--method", f"iql:{SMALL}", "--env", "toy:Toy"]
    words += ["--seeds", "1", "--steps", "20", "--episodes", "2", "--jobs", "1"]
    words += ["--evaluate_env", "num_agents=2", "--runs", str(tmp_path)]
    assert main(words) == 0
    assert "evaluated at 1 of 1 other settings" in capsys.readouterr().out
    assert main(words) == 0
    assert "evaluated at" not in capsys.readouterr().out, "nothing is done twice"


def test_other_observations_are_named(tmp_path):
    options: dict[str, Any] = {"steps": 20, "runs": str(tmp_path), "progress": False}
    method = {"name": "iql", "rollout_length": 5, "learning_starts": 10, "batch_size": 4}
    run = gm.train(method, "navigation:num_agents=6,num_envs=2", **options)
    save_transfer(run, transfers(["num_agents=3,15"]), 1)
    first, second = read_rows(run.path / "transfer.csv")
    assert first["note"] == "observations of (14,), trained with (26,)"
    assert second["note"] == "" and float(second["return"]) < 0


def test_runs_are_evaluated_with_cut_messages(folder, tmp_path):
    options = {"rollout_length": 10, "minibatch_size": 60}
    method, more = {"name": "commnet", **options}, {"runs": str(tmp_path), "progress": False}
    run = gm.train(method, "toy:Toy", "complete", steps=40, name="a", **more)
    assert save_transfer(run, transfers(cut=["rank=100"]), 3) == 1
    (row,) = read_rows(run.path / "transfer.csv")
    assert (row["changed"], row["value"]) == ("cut", "rank=100")
    cut = gm.evaluate(run, 3, cut="rank=100")
    assert float(row["return"]) == pytest.approx(cut.mean_return.mean, rel=1e-5)
    assert float(row["messages"]) == cut.mean_sent("messages") == 0
    other = run_of(folder, "iql")
    save_transfer(other, transfers(cut=["rank=100"]), 3)
    assert read_rows(other.path / "transfer.csv")[-1]["note"] == "sends no messages"
    with pytest.raises(ValueError, match="lacks its number|did you mean|there are"):
        transfers(cut=["ranks"])

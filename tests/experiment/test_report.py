"""The report of an ablation: its page, its files, and the commands that repeat it."""

import base64
import re
import shlex
import subprocess
import warnings
from functools import wraps

import pytest
import torch
import yaml
from left_runs import leave

import graphmarl.cli.training
from graphmarl.cli import main
from graphmarl.experiment.ablate import holds_only, report_suffix, run_seeds, write_report
from graphmarl.experiment.config import Config
from graphmarl.experiment.grid_runs import Settings, runs_of
from graphmarl.experiment.repeat import changed_versions, repeating, train_words, versions_table
from graphmarl.experiment.report import report_page
from graphmarl.experiment.sweep import Cell
from graphmarl.methods import METHODS
from graphmarl.results.cells import read_results
from graphmarl.results.comparison import Comparison
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows

FEW = "ignore:.*results are of .* seed"
FILES = ["table.csv", "table.md", "table.tex", "marl_eval.json", "ablation.png", "ablation.pdf"]


def svgs(page: str) -> str:
    """The texts of all figures of a page."""
    found = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    return "".join(base64.b64decode(each).decode() for each in found)


@pytest.fixture
def folder(tmp_path):
    for name, method, graph, level in (
        ("ippo-knn", "ippo", "knn", 1.0),
        ("ippo-none", "ippo", "none", 1.0),
        ("dgn-knn", "dgn", "knn", 3.0),
    ):
        for seed in range(5):
            graphs = {"name": graph} | ({"k": 2} if graph == "knn" else {})
            leave(tmp_path, f"{name}-seed{seed}", level + seed / 4, graphs, {"name": method})
    return tmp_path


def test_a_report_is_one_page_and_the_same_tables_for_papers(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # five seeds are enough
        rows = write_report(folder)
    for name in FILES:
        assert (folder / name).stat().st_size > 100, name
    assert [row["cell"] for row in read_rows(folder / "table.csv")] == rows["cell"].tolist()
    assert rows["note"].tolist() == ["", "", "same results as ippo-knn: ippo reads no edges"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    for heading in (
        "What varied",
        "Results",
        "Performance profiles",
        "Probability of improvement",
        "Best run",
        "Runs",
        "How to repeat it",
    ):
        assert f"<h2>{heading}</h2>" in page
    # The mean of 3, 3.25, 3.5, 3.75 and 4, which is one of 3.2 or less in 3 % of all resamples.
    assert re.search(r"3\.50 \[3\.[12]\d, 3\.[78]\d\]", page)
    assert "15 of 15 finished, 5 seeds each" in page and ">ippo reads no edges" not in page
    assert "<p>ippo-none: same results as ippo-knn: ippo reads no edges</p>" in page
    assert "There is no finished run with a checkpoint yet" in page
    assert "warning" not in page and "All runs were made with the same versions" in page
    figures = svgs(page)
    for text in ("return in training, IQM", "final return, IQM", "share of runs above it"):
        assert text in figures
    assert "probability of improvement" in figures and "<text" in figures


def test_no_request_leaves_the_page(folder):
    write_report(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=[\"'](?!data:)|url\((?!data:)|@import|<link", page)


def test_few_seeds_are_warned_of_once_in_the_api_on_the_page_and_in_the_terminal(tmp_path, capsys):
    leave(tmp_path, "a-seed0", 1.0)
    leave(tmp_path, "a-seed1", 2.0)
    text = "all results are of 2 seeds: with fewer than 5, bootstrap intervals are too narrow"
    with pytest.warns(UserWarning, match=text) as found:
        write_report(tmp_path)
    assert len(found) == 1
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count(text) == 1
    warnings.simplefilter("default")
    assert main(["report", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err.count(text) == 1 and said.err.startswith("graphmarl report: warning: all")
    assert str(tmp_path / "report.html") in said.out and "1.50 [1.00, 2.00]" in said.out


@pytest.mark.filterwarnings(FEW)
def test_another_metric_or_policy_has_files_of_its_own(tmp_path):
    leave(tmp_path, "a-seed0", 1.0, more={"queue": 2.5, "win 50%/x": 1})
    write_report(tmp_path, html=False)
    before = (tmp_path / "table.csv").read_text()
    write_report(tmp_path, metric="queue", html=False)
    write_report(tmp_path, "stochastic", "win 50%/x", html=False)
    assert (tmp_path / "table.csv").read_text() == before
    assert read_rows(tmp_path / "table-queue.csv")[0]["queue"] == "2.5"
    assert (tmp_path / "ablation-win_50__x-stochastic.png").exists()
    assert not list(tmp_path.glob("*.html"))
    assert report_suffix() == "" and report_suffix("stochastic") == "-stochastic"


@pytest.mark.filterwarnings(FEW)
def test_several_folders_make_one_report(tmp_path, capsys):
    for name, number in (("one", 3), ("two", 9)):
        for cell, value in (("a", 1.0), ("b", 2.0)):
            path = leave(tmp_path / name, f"{cell}-seed0", value, env={"num_agents": number})
            (path / "versions.yaml").write_text(f"torch: '2.{number}'\nnumpy: '2.0'\n")
    out = tmp_path / "both"
    words = ["report", str(tmp_path / "one"), str(tmp_path / "two"), "--out", str(out)]
    words += ["--score_range", "{'navigation:num_agents=3': [0, 4]}"]
    assert main(words) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    for text in (
        "Results: navigation:num_agents=3",
        "Results: navigation:num_agents=9",
        "navigation:num_agents=3: 0 is 0, 1 is 4",
        "<h2>All environments</h2>",
        "optimality gap",
        "different versions of the packages",
    ):
        assert text in page, text
    assert len(read_rows(out / "table.csv")) == 4
    assert not (tmp_path / "one" / "table.csv").exists()
    runs = [run for cell in read_results(tmp_path / "one") for run in cell.runs]
    runs += [run for cell in read_results(tmp_path / "two") for run in cell.runs]
    changed = changed_versions(versions_table(runs))
    assert changed["package"].tolist() == ["torch", "torch"]
    assert changed["version"].tolist() == ["2.3", "2.9"] and changed["runs"].tolist() == [2, 2]


@pytest.mark.filterwarnings(FEW)
def test_runs_that_are_not_finished_are_listed(tmp_path):
    leave(tmp_path, "a-seed0", 1.0)
    leave(tmp_path, "a-seed1", None)
    leave(tmp_path, "a-seed2", None, steps=900)
    (tmp_path / "a-seed10").mkdir()
    page = report_page(Comparison(read_results(tmp_path)))
    body = page[page.index("<h2>Runs</h2>") :]
    states = re.findall(r"words.>(a-seed\d+)</td>\s*<td>\d+</td>\s*<td[^>]*>([a-z ]+)<", body)
    assert states == [
        ("a-seed0", "finished"),
        ("a-seed1", "not evaluated"),
        ("a-seed2", "not finished"),
        ("a-seed10", "not begun"),
    ]
    assert "1 of 4 finished, 1 seed each" in page and "ended" not in body
    text = "2 hours are used up: 300 of 900 environment steps, 2.00 hours\n"
    (tmp_path / "a-seed2" / "ended.txt").write_text(text)
    page = report_page(Comparison(read_results(tmp_path)))
    assert "2 hours are used up<" in page and "not finished<" not in page


def test_a_folder_in_which_nothing_has_ended_has_a_report(tmp_path):
    (tmp_path / "empty" / "a-seed0").mkdir(parents=True)
    leave(tmp_path / "begun", "a-seed0", None)
    for name in ("empty", "begun"):
        rows = write_report(tmp_path / name)
        assert rows["seeds"].tolist() == [0] and rows["unfinished"].tolist() == [1]
        assert "There is no finished run" in (tmp_path / name / "report.html").read_text("utf-8")


@pytest.mark.filterwarnings(FEW)
def test_less_of_a_metric_may_be_better(tmp_path):
    for name, value in (("slow", 9.0), ("quick", 2.0)):
        leave(tmp_path, f"{name}-seed0", 1.0, more={"travel": value})
    write_report(tmp_path, metric="travel", lower_is_better=True)
    page = (tmp_path / "report-travel.html").read_text(encoding="utf-8")
    assert "a run of quick, which has the highest" in page and "less is better" in page
    assert "minus travel" in svgs(page)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no runs"):
        write_report(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_words_of_a_configuration_give_it_back(method, tmp_path, monkeypatch):
    options = {"method": {"name": method, "gamma": 0.5}, "graph": "knn:k=2,refresh=3"}
    options["env"] = "navigation:num_agents=3,action=continuous"
    config = Config({**options, "steps": 300, "seed": 4, "threads": 2}).config
    config = yaml.safe_load(yaml.safe_dump(config))
    given: dict = {}
    # What is read from its signature stays.
    train = wraps(graphmarl.cli.training.train)(lambda **each: given.update(each) or Run("a"))
    monkeypatch.setattr(graphmarl.cli.training, "train", train)
    assert main([*train_words(config), "--seed", "4"]) == 0
    names = (*options, "steps", "seed", "threads")
    found = Config({name: given[name] for name in names}).config
    assert yaml.safe_load(yaml.safe_dump(found)) == config
    assert "--threads" in train_words(config) and "--device" not in train_words(config)


def test_the_commands_are_lines_of_a_shell(folder, tmp_path):
    lines = repeating(read_results(folder))
    assert len(lines) == 4 and lines[-1] == "graphmarl report again"
    # A shell runs them with a program of that name, which prints its arguments.
    script = "graphmarl() { printf '%s\\n' \"$*\"; }\n" + "\n".join(lines)
    path = folder / "dgn-knn-seed0" / "evaluation.csv"
    path.write_text("policy,return\ngreedy,3.0\n")  # as version 0.2 wrote it
    assert repeating(read_results(folder)) == lines
    for path in folder.glob("dgn-knn-seed*/evaluation.csv"):
        path.write_text("policy,return\ngreedy,3.0\n")
    assert "--evaluate 32" in repeating(read_results(folder))[0]
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path)
    said = done.stdout.splitlines()
    assert done.returncode == 0 and len(said) == 16
    first = shlex.split(said[0])
    assert first[:3] == ["train", "--method", "dgn"] and first[-1] == "dgn-knn-seed0"
    for option, value in (("--evaluate", "8"), ("--graph.k", "2"), ("--runs", "again")):
        assert first[first.index(option) + 1] == value
    assert "seed4" in said[4] and "--seed 4" in said[4]


@pytest.mark.filterwarnings(FEW)
def test_the_graph_of_the_best_run_is_on_the_page(tmp_path):
    small = "rollout_length=5,minibatch_size=60"
    options = {"steps": 40, "seeds": (0,), "runs": str(tmp_path), "episodes": 2, "progress": False}
    with torch.random.fork_rng():
        run_seeds("talks", f"commnet:{small}", "navigation:num_agents=3", "complete", **options)
    pytest.importorskip("plotly")
    page = report_page(Comparison(read_results(tmp_path)))
    assert "talks-seed0; one greedy episode was recorded" in page
    assert "<h2>Agent graph</h2>" in page and 'class="viewer"' in page
    rows = write_report(tmp_path, html=False)
    # Three agents that all hear the two others, in each of the method's two rounds.
    assert rows["messages"].item() == 12 and rows["bits"].item() > 0


@pytest.mark.filterwarnings(FEW)
def test_a_graph_that_cannot_be_shown_is_said_in_words(tmp_path, monkeypatch):
    path = leave(tmp_path, "a-seed0", 1.0, method={"name": "elsewhere:Method"})
    (path / "checkpoints" / "step_000000000300.ckpt").write_bytes(b"")
    page = report_page(Comparison(read_results(tmp_path)))
    assert "Its graph cannot be shown:" in page and "names elsewhere:Method from outside" in page

    def missing(*_: object, **__: object) -> None:
        raise ImportError("interactive graphs need pip install 'graphmarl[inspect]'")

    monkeypatch.setattr("graphmarl.experiment.report.inspect", missing)
    assert "graphmarl[inspect]" in report_page(Comparison(read_results(tmp_path)))


def test_a_folder_with_other_runs_is_not_trusted(tmp_path):
    cells = [Cell(name, "ippo", "navigation", "none") for name in "ab"]
    runs = runs_of(cells, [0, 1], tmp_path, Settings())
    for name in ("a-seed0", "b-seed1"):
        (tmp_path / name).mkdir()
    assert holds_only(tmp_path, runs) and not holds_only(tmp_path, runs[:2])


@pytest.mark.filterwarnings(FEW)
def test_a_report_shows_the_search_before_the_runs(folder):
    (folder / "tuned.csv").write_text(
        "cell,trials,best,return,method.learning_rate\nippo-knn,7,3,1.5,0.00025\ndgn-knn,7,2,2.5,\n"
    )
    page = report_page(Comparison(read_results(folder)))
    section = page[page.index("<h2>Search</h2>") :].partition("</section>")[0]
    assert "7 trials" in section
    for word in ("ippo-knn", "0.00025", "method.learning_rate"):
        assert word in section
    (folder / "tuned.csv").unlink()
    assert "<h2>Search</h2>" not in report_page(Comparison(read_results(folder)))

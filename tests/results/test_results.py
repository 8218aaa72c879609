"""Tables and pictures of ablations against numbers written out."""

import pytest
import yaml

from graphmarl.experiment.ablate import write_report
from graphmarl.results.plots import draw_results
from graphmarl.results.tables import differing, printed, read_results, table


def leave(folder, name, value, graph, team=None, **method):
    """A run folder as training leaves it."""
    path = folder / name
    path.mkdir(parents=True)
    parts = {"method": {"name": "dgn", **method}, "env": {"name": "grid"}, "graph": graph}
    (path / "config.yaml").write_text(yaml.safe_dump(parts))
    (path / "metrics.csv").write_text("env_steps,return\n100,\n200,1.0\n300,3.0\n")
    (path / "timing.csv").write_text("env_steps,seconds\n100,30\n300,30\n")
    if value is None:
        return
    more = ("", "") if team is None else (",team_return", f",{team}")
    lines = [
        f"{policy},{value + plus}{more[1]}\n" for policy, plus in (("greedy", 0), ("stochastic", 9))
    ]
    (path / "evaluation.csv").write_text(f"policy,return{more[0]}\n" + "".join(lines))


@pytest.fixture
def folder(tmp_path):
    for seed, value in enumerate((1.0, 2.0, 3.0)):
        leave(tmp_path, f"a-seed{seed}", value, {"name": "knn", "k": 3}, layers=1, gamma=0.9)
    leave(tmp_path, "b-seed0", 7.0, {"name": "knn", "k": 8}, layers=1, gamma=0.9)
    leave(tmp_path, "b-seed1", None, {"name": "knn", "k": 8}, layers=1, gamma=0.9)
    leave(tmp_path, "c-seed10", 5.0, {"name": "complete"}, layers=2, gamma=0.9)
    (tmp_path / "d-seed0").mkdir()
    return tmp_path


def test_a_row_has_what_differs_and_the_interval_over_seeds(folder):
    cells = read_results(folder)
    assert differing(cells) == ["method.layers", "graph", "graph.k"]
    rows = table(cells)
    # Mean 2, standard deviation 1, t(0.975, 2 degrees of freedom) = 4.3027, over the root of 3.
    assert rows[0] == {
        "cell": "a",
        "method.layers": "1",
        "graph": "knn",
        "graph.k": "3",
        "seeds": "3",
        "unfinished": "0",
        "env_steps": "300",
        "return": "2.000",
        "half_width": "2.484",
        "steps_per_second": "5",
        "minutes": "1.00",
    }
    assert (rows[1]["seeds"], rows[1]["unfinished"], rows[1]["half_width"]) == ("1", "1", "")
    assert rows[2]["graph.k"] == "" and rows[2]["return"] == "5.000"
    assert (rows[3]["cell"], rows[3]["seeds"], rows[3]["return"]) == ("d", "0", "")
    said = printed(rows).splitlines()
    assert "2.000 +- 2.484" in said[1] and "7.000 (one seed)" in said[2]
    assert "10.000" not in said[1]
    assert table(read_results(folder, "stochastic"))[0]["return"] == "11.000"


def test_the_return_of_the_team_is_shown_where_there_is_one(tmp_path):
    leave(tmp_path, "a-seed0", 1.0, {"name": "none"}, team=-4.5)
    (row,) = table(read_results(tmp_path))
    assert row["team_return"] == "-4.500" and "return" not in row
    assert "-4.500 (one seed)" in printed([row])


def test_another_metric_is_compared_where_it_was_measured(tmp_path):
    leave(tmp_path, "a-seed0", 1.0, {"name": "none"})
    path = tmp_path / "a-seed0" / "evaluation.csv"
    path.write_text("name,policy,return,queue\na,greedy,1,2.5\n")
    (row,) = table(read_results(tmp_path, metric="queue"))
    assert row["queue"] == "2.500" and "2.500 (one seed)" in printed([row])
    with pytest.raises(ValueError, match="metric is 'delay'; a has name, policy, return, queue"):
        read_results(tmp_path, metric="delay")


def test_the_picture_has_a_curve_a_band_and_a_final_return_for_each_cell(folder):
    cells = read_results(folder)
    left, right = draw_results(cells)
    assert len(left.lines) == 3 and len(left.collections) == 2, "of c there is one seed"
    (steps, returns) = left.lines[0].get_xydata().T  # type: ignore[union-attr]
    assert (steps[0], steps[-1], returns[0], returns[-1]) == (200, 300, 1, 3)
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == ["a", "b (1 unfinished)", "c", "d (1 unfinished)"]


def test_a_report_is_written_from_the_folders_and_an_empty_one_is_refused(folder, tmp_path_factory):
    rows = write_report(folder)
    assert (folder / "table.csv").read_text().splitlines()[0] == ",".join(rows[0])
    assert (folder / "ablation.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileNotFoundError, match="holds no runs"):
        write_report(tmp_path_factory.mktemp("empty"))

"""Tables for papers, and the format of marl-eval."""

import json
import re
import shutil
import subprocess

import pytest
from left_runs import leave

from graphmarl.results.cells import read_results
from graphmarl.results.comparison import Comparison
from graphmarl.results.export import as_csv, as_latex, as_markdown, as_marl_eval
from graphmarl.results.tables import table


@pytest.fixture
def folder(tmp_path):
    for name, values in (("a_1", (-1.0, -2.0)), ("b,c", (4.0, 6.0))):
        for seed, value in enumerate(values):
            leave(tmp_path, f"{name}-seed{seed}", value, {"name": f"k|{name}"}, more={"win_50%": 1})
    return tmp_path


def test_csv_has_numbers_and_nothing_for_what_is_missing(folder):
    leave(folder, "d-seed0", 1.0)
    lines = as_csv(table(read_results(folder))).splitlines()
    names = lines[0].split(",")
    assert names[names.index("return") :][:3] == ["return", "low", "high"]
    assert lines[1].split(",")[names.index("return")] == "-1.5"
    assert lines[3].split(",")[names.index("low")] == ""


def test_markdown_escapes_what_would_end_a_cell(folder):
    head, rule, *rows = as_markdown(table(read_results(folder))).splitlines()
    assert head.startswith("| cell | graph | seeds |") and set(rule) == set("| -")
    assert r"k\|a_1" in rows[0] and "-1.50 [-2.00, -1.00]" in rows[0]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in (head, rule, *rows)}) == 1


def test_latex_uses_booktabs_and_escapes_names(folder):
    text = as_latex(table(read_results(folder, metric="win_50%")))
    assert text.startswith("% \\usepackage{booktabs}")
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"a\_1", r"win\_50\%", r"env\_steps"):
        assert part in text
    assert "$-$1.50 [$-$2.00, $-$1.00]" in as_latex(table(read_results(folder)))
    assert "k|a\\_1" in text, "only an option loses no sign"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX")
def test_latex_compiles(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("tex")
    (path / "table.tex").write_text(as_latex(table(read_results(folder, metric="win_50%"))))
    text = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    text += "\\input{table}\n\\end{document}\n"
    (path / "main.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (path / "main.pdf").read_bytes().startswith(b"%PDF")


def test_the_json_has_the_structure_that_marl_eval_documents(folder):
    # environment > task > algorithm > run > step > step_count and metrics, and absolute_metrics.
    text = json.loads(as_marl_eval(Comparison(read_results(folder))))
    assert list(text) == ["navigation"] and list(text["navigation"]) == ["navigation"]
    algorithms = text["navigation"]["navigation"]
    assert list(algorithms) == ["a_1", "b c"], "names there may hold no comma"
    runs = algorithms["a_1"]
    assert list(runs) == ["seed_0", "seed_1"]
    run = dict(runs["seed_1"])
    assert run.pop("absolute_metrics") == {"return": [-2.0]}
    assert run == {
        "step_0": {"step_count": 200, "return": [1.0]},
        "step_1": {"step_count": 300, "return": [3.0]},
    }
    counts = {len(run) for runs in algorithms.values() for run in runs.values()}
    assert counts == {3}, "all runs have equally many steps"


def test_steps_of_the_json_are_those_that_all_runs_have(folder):
    path = folder / "b,c-seed0" / "metrics.csv"
    path.write_text("env_steps,return\n250,5.0\n350,6.0\n")
    text = json.loads(as_marl_eval(Comparison(read_results(folder))))
    steps = [
        [step["step_count"] for name, step in run.items() if name != "absolute_metrics"]
        for runs in text["navigation"]["navigation"].values()
        for run in runs.values()
    ]
    assert len(steps) == 4 and all(each == steps[0] for each in steps)
    assert (steps[0][0], steps[0][-1]) == (250, 300)

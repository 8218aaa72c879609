"""Claims: what their text means, and verdicts by arithmetic written out."""

import csv
import re
from pathlib import Path

import pytest

from graphmarl.experiment.presets import find_preset
from graphmarl.experiment.reproduce import find_claims
from graphmarl.experiment.suite import SUITE
from graphmarl.results.claims import (
    Claim,
    Contrast,
    Finding,
    Side,
    contrast_text,
    findings,
    parse_contrasts,
    read_claims,
    verdict,
)
from graphmarl.results.claims_page import claim_lines, graph_lines
from graphmarl.results.measured import WHOLE, Result, measured

DATASETS = Path(__file__).parents[2] / "datasets"


def claim(contrasts, better="higher", tasks=("t",)):
    parsed, lower = parse_contrasts(contrasts), better == "lower"
    measure = "return", "greedy", lower
    return Claim("c", "P", "Fig. 1", "s", "mpe", tasks, parsed, *measure, 100, 2, "", "")


def results(row, values, steps=100, task="t", change=WHOLE, commit="c0"):
    where = "greedy", change, steps, commit
    return [Result(task, row, n, *where, {"return": float(v)}) for n, v in enumerate(values)]


def answer(text, found, better="higher"):
    return findings(claim(text, better), found)[0].answer


def test_a_contrast_is_read_and_written():
    text = "a-b=1,c=x > 0.95 * d@rank=80; e@rank=80,within=graph > 12.5"
    first, second = parse_contrasts(text)
    assert first == Contrast(Side("a-b=1,c=x", WHOLE, 1), Side("d", "rank=80", 0.95))
    assert second == Contrast(Side("e", "rank=80,within=graph", 1), Side("", WHOLE, 12.5))
    assert "; ".join(contrast_text(each) for each in (first, second)) == text


@pytest.mark.parametrize("text", ["a", "a > b > c", "a > two * b", "a < b", ""])
def test_another_form_is_refused(text):
    with pytest.raises(ValueError, match="write"):
        parse_contrasts(text)


def test_whole_intervals_decide():
    # The interval of values lies between the smallest and the largest.
    high, low = results("a", [5, 6, 7]), results("b", [1, 2, 3])
    assert answer("a > b", high + low) == "holds"
    assert answer("b > a", high + low) == "contradicted"
    assert answer("a > b", high + low, "lower") == "contradicted"
    assert answer("b > a", high + low, "lower") == "holds"
    assert answer("a > b", results("a", [1, 5, 9]) + results("b", [2, 4, 6])) == "open"


def test_factors_cuts_and_numbers():
    found = results("a", [10, 10]) + results("a", [9, 9], change="rank=80")
    assert answer("a@rank=80 > 0.8 * a", found) == "holds"
    assert answer("a@rank=80 > a", found) == "contradicted"
    assert answer("a > 9.5", found) == "holds"
    assert answer("a > 10", found) == "open"


def test_one_seed_or_unequal_steps_answer_nothing():
    assert answer("a > b", results("a", [9]) + results("b", [1])) == "open"
    other = results("b", [1, 1], steps=106)
    assert answer("a > b", results("a", [9, 9]) + other) == "unequal steps"
    assert answer("a > b", results("a", [9, 9]) + results("b", [1, 1], steps=105)) == "holds"
    assert answer("a > b", results("a", [9, 9])) == "not run"
    # Another task and the other policy are not taken for it.
    assert answer("a > b", results("a", [9, 9]) + results("b", [1, 1], task="u")) == "not run"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "open"], "holds in part"),
        (["holds", "contradicted"], "holds in part"),
        (["holds", "not run"], "holds in part"),
        (["open", "contradicted"], "contradicted"),
        (["open", "not run"], "not at this budget"),
        (["unequal steps", "not run"], "not run"),
    ],
)
def test_verdicts(answers, expected):
    contrast = parse_contrasts("a > b")[0]
    assert verdict([Finding("t", contrast, None, None, each) for each in answers]) == expected


def test_every_claim_names_settings_that_there_are():
    claims = read_claims(DATASETS)
    assert len({each.name for each in claims}) == len(claims)
    for each in claims:
        assert each.metric and each.policy in ("greedy", "stochastic")
        assert each.steps > 0 and each.seeds > 0
        for task in each.tasks:
            assert task in SUITE[each.family].benchmarks
            for row in each.rows:
                assert find_preset(f"{task}/{row}").name == f"{task}/{row}"
    assert {each.paper for each in claims} == {"NVIF", "NDQ", "VPP", "IP", "MAMBA"}


def test_claims_are_found_by_name():
    known = [claim("a > b")._replace(name=name) for name in ("one", "two")]
    assert find_claims(["all"], known) == known
    assert find_claims(["two"], known) == known[1:]
    with pytest.raises(ValueError, match="'three'.* allowed are all, one, two"):
        find_claims(["three"], known)


def test_the_examples_of_the_script_name_claims_that_there_are():
    text = (DATASETS.parent / "scripts" / "reproduce.py").read_text()
    names = re.findall(r"^  python scripts/reproduce.py ((?:[a-z][\w-]* )+)--budget", text, re.M)
    assert len(names) == 2
    for each in names:
        assert find_claims(each.split(), read_claims(DATASETS))


def write(path, rows):
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def test_tables_of_all_forms_are_one_list(tmp_path):
    gather = {"task": "gather-random-24-view2", "row": "nvif_ppo-alpha=0", "seed": 3}
    gather["env_steps"] = 7
    gather |= {"policy": "greedy", "return": 1.5, "steps": 9, "half_width": 0, "hours": 1}
    gather |= {"map": "random", "size": 24, "view_radius": 2, "commit": "c"}
    write(tmp_path / "measured_gather.csv", [gather])
    didactic = {"task": "hallway-4x4", "row": "ndq-bits=3", "seed": 1, "env_steps": 5}
    didactic |= {"minutes": 1, "commit": "c", "cut": "rank=80", "return": 2.5, "win": ""}
    write(
        tmp_path / "measured_didactic.csv",
        [didactic, {**didactic, "task": "sensor", "row": "ndq-none"}],
    )
    (found,) = measured(tmp_path, "magent")
    assert found[:6] == ("gather-random-24-view2", "nvif_ppo-alpha=0", 3, "greedy", WHOLE, 7)
    hallway, sensor = measured(tmp_path, "didactic")
    assert hallway[:5] == ("hallway-4x4", "ndq-bits=3", 1, "greedy", "rank=80")
    assert hallway.metrics == {"minutes": 1.0, "return": 2.5} and sensor.task == "sensor"
    assert sensor.row == "ndq-none"
    with pytest.raises(ValueError, match="'chess'; allowed are mpe"):
        measured(tmp_path, "chess")


def test_rows_from_before_a_change_of_their_method_count_nowhere(tmp_path):
    row = {"task": "t", "row": "a", "seed": 0, "reward": "own", "env_steps": 5, "commit": "old"}
    row |= {"policy": "greedy", "minutes": 1, "return": 2}
    write(tmp_path / "measured_mpe.csv", [row, {**row, "commit": "new"}])
    change = {"table": "measured_mpe.csv", "row": "a", "commit": "old", "change": "x"}
    write(tmp_path / "measured_before.csv", [change])
    assert [each.commit for each in measured(tmp_path, "mpe")] == ["new"]


def test_the_page_shows_each_verdict_and_what_was_measured(tmp_path):
    line = {"claim": "x", "paper": "NDQ", "source": "Fig. 1", "statement": "A is better."}
    line |= {"family": "mpe", "tasks": "t u", "contrasts": "a > b", "metric": "return"}
    line |= {"policy": "greedy", "better": "higher", "paper_steps": 9, "paper_seeds": 2}
    write(tmp_path / "claims.csv", [line | {"cause": "Few steps.", "evidence": "More held."}])
    row = {"task": "t", "reward": "own", "env_steps": 5, "commit": "c0", "policy": "greedy"}
    values = {"a": (4, 4), "b": (1, 2)}
    write(
        tmp_path / "measured_mpe.csv",
        [
            {**row, "row": name, "seed": seed, "minutes": 1, "return": value}
            for name, each in values.items()
            for seed, value in enumerate(each)
        ],
    )
    lines = claim_lines(tmp_path)
    assert lines[2] == "| x | NDQ, Fig. 1 | A is better. | holds in part | Few steps. More held. |"
    assert lines[-1].startswith("| x | t | a > b | 4.00 [4.00, 4.00] (2) | 1.50 [1.00, 2.00] (2) |")
    assert lines[-1].endswith("| holds | 5 | c0 |")


def test_where_the_graph_pays_is_the_method_beside_its_controls(tmp_path):
    line = {"claim": "x", "paper": "VPP", "source": "no-graph control", "statement": "Better."}
    line |= {"family": "mpe", "tasks": "t u", "contrasts": "a > a-none; a > a-shuffled"}
    line |= {"metric": "return", "policy": "greedy", "better": "higher", "paper_steps": 9}
    line |= {"paper_seeds": 2, "cause": "", "evidence": ""}
    other = line | {"claim": "y", "source": "Fig. 1", "contrasts": "a > b"}
    write(tmp_path / "claims.csv", [line, other])
    row = {"reward": "own", "env_steps": 5, "commit": "c0", "policy": "greedy"}
    values = {("t", "a"): 4, ("t", "a-none"): 1, ("t", "a-shuffled"): 3, ("u", "a"): 4}
    values |= {("u", "a-none"): 4, ("t", "b"): 0}
    table = [
        {"task": task, "row": name, "seed": seed, "return": value, **row}
        for (task, name), value in values.items()
        for seed in range(2)
    ]
    write(tmp_path / "measured_mpe.csv", table)
    cells = [line.strip("| ").split(" | ") for line in graph_lines(tmp_path)[2:]]
    own, no_edges = "4.00 [4.00, 4.00] (2)", "1.00 [1.00, 1.00] (2), holds"
    assert cells[0] == ["VPP", "t", "a", own, no_edges, "3.00 [3.00, 3.00] (2), holds"]
    assert cells[1] == ["VPP", "u", "a", own, "4.00 [4.00, 4.00] (2), open"], "none shuffled"
    assert len(cells) == 2

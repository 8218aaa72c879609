"""Reproduction trains what a claim needs, and answers from the runs."""

from typing import Any

import pytest

from graphmarl.experiment.reproduce import Budget, cell_of, claim_runs, reproduce
from graphmarl.experiment.suite import SUITE
from graphmarl.results.claims import Claim, parse_contrasts
from graphmarl.results.collect import TRANSFER, collect_magent
from graphmarl.results.markdown import transfer_lines
from graphmarl.results.tables import read_rows


def claim(contrasts, family, *tasks):
    measure = "return", "greedy", False
    return Claim(
        "c", "P", "Fig. 1", "s", family, tasks, parse_contrasts(contrasts), *measure, 9, 3, "", ""
    )


def test_a_budget_says_steps_and_seeds(tmp_path):
    needed = claim("dgn > dgn-none", "communication", "relay-1-hop", "relay-2-hops")
    benchmark = SUITE["communication"].benchmarks["relay-1-hop"]
    budgets: dict[Budget, tuple[int, int]]
    budgets = {"smoke": (1, 1), "cpu": (benchmark.steps, 5), "full": (9, 3)}
    for budget, (steps, seeds) in budgets.items():
        runs = claim_runs(needed, budget, tmp_path)
        tasks = ["relay-1-hop", "relay-2-hops"][: 1 if budget == "smoke" else 2]
        assert {str(run.path.relative_to(tmp_path)) for run in runs} == {
            f"communication/{task}/{row}-seed{seed}"
            for task in tasks
            for row in ("dgn", "dgn-none")
            for seed in range(seeds)
        }
        assert {run.settings.steps for run in runs if "1-hop" in str(run.path)} == {steps}


@pytest.mark.usefixtures("unchecked")
def test_another_budget_is_refused(tmp_path):
    with pytest.raises(ValueError, match="budget.*tiny.*smoke, cpu.*full"):
        wrong: Any = "tiny"
        claim_runs(claim("dgn > 1", "communication", "relay-1-hop"), wrong, tmp_path)


def test_only_a_smoke_run_changes_options():
    benchmark = SUITE["communication"].benchmarks["relay-1-hop"]
    whole = cell_of("relay-1-hop", "dgn-none", "cpu")
    assert (whole.method, whole.env) == (benchmark.settings["dgn-none"].method, benchmark.env)
    small: Any = cell_of("relay-1-hop", "dgn-none", "smoke")
    assert small.env["num_envs"] == 2 and small.method["batch_size"] == 4
    assert small.graph == whole.graph == "none"


def test_claims_of_several_families_share_a_folder(tmp_path):
    first = claim("dgn > 2", "communication", "relay-1-hop")._replace(name="first")
    second = claim("ippo > 2000", "magent", "gather-normal-24")._replace(name="second")
    third = claim("ippo > 2", "smac", "3m")._replace(name="third", metric="win")
    found = reproduce([first, second, third], "smoke", tmp_path, progress=False)
    assert {name: each[0].answer for name, each in found.items()} == dict.fromkeys(found, "open")
    assert len(found) == 3


def test_a_claim_can_be_of_another_environment_than_that_of_training(tmp_path):
    needed = claim("ippo@map,size=random,24 > 1e6; ippo > 1e6", "magent", "gather-normal-24")
    found = reproduce([needed], "smoke", tmp_path, progress=False)["c"]
    assert all(each.better is not None for each in found) and found[0].better != found[1].better
    runs = tmp_path / "magent"
    collect_magent(runs, "c", tmp_path)
    rows = {row["value"]: row for row in read_rows(tmp_path / TRANSFER)}
    assert set(rows) == {"normal,24", "random,24"}, "its own environment is there beside the other"
    (own,) = (
        row for row in read_rows(tmp_path / "measured_gather.csv") if row["policy"] == "greedy"
    )
    assert float(rows["normal,24"]["return"]) == pytest.approx(float(own["return"]), abs=1e-3)
    lines = "\n".join(transfer_lines(tmp_path))
    assert "normal 24" in lines and rows["random,24"]["return"][:5] in lines


def test_a_smoke_run_trains_cuts_and_answers(tmp_path):
    needed = claim("ndq@rank=80 > ndq; ndq > 20; vdn > 20", "didactic", "sensor")
    found = reproduce([needed], "smoke", tmp_path, progress=False)["c"]
    assert all(each.better is not None for each in found)
    # One seed has no interval, and answers nothing.
    assert {each.answer for each in found} == {"open"}
    metrics = tmp_path / "didactic" / "sensor" / "ndq-seed0" / "metrics.csv"
    before = metrics.stat().st_mtime_ns
    assert reproduce([needed], "smoke", tmp_path, progress=False)["c"] == found
    assert metrics.stat().st_mtime_ns == before

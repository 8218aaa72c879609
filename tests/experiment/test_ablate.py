"""Runs over several seeds leave tables that can be read back, whatever they are called."""

from graphmarl.experiment.ablate import run_seeds
from graphmarl.experiment.communication import measure_cuts
from graphmarl.results.run import Run
from graphmarl.results.tables import summary

SMALL = "rollout_length=5,learning_starts=10,batch_size=4,gradient_steps=1"


def test_seeds_are_trained_evaluated_and_cut_once(tmp_path):
    name = "ndq-bits=3,gamma=0.9"  # a name with a comma in it
    options = {"steps": 40, "seeds": (0, 1), "runs": str(tmp_path), "episodes": 4}
    rows = run_seeds(name, f"ndq:{SMALL}", "toy:Toy", progress=False, **options)
    assert rows[["name", "seed", "policy"]].to_numpy().tolist() == [
        [name, seed, policy] for seed in (0, 1) for policy in ("greedy", "stochastic")
    ]
    assert (rows["return"] >= 0).all() and (rows["env_steps"] >= 40).all()
    assert (rows["messages"] > 0).all() and (rows["episodes"] == 4).all()
    found = summary(rows)
    assert found["seeds"].tolist() == [2, 2]
    assert found["policy"].tolist() == ["greedy", "stochastic"]
    run = Run(tmp_path / f"{name}-seed0", trust=True)
    before = run.last().stat().st_mtime_ns
    assert run_seeds(name, f"ndq:{SMALL}", "toy:Toy", progress=False, **options).equals(rows)
    assert run.last().stat().st_mtime_ns == before, "what was finished is not done again"
    cuts = measure_cuts(run, ["rank=100", "rank=50,within=graph"], episodes=4)
    assert [row["cut"] for row in cuts] == ["none", "rank=100", "rank=50,within=graph"]
    assert float(cuts[0]["bits"]) > float(cuts[2]["bits"]) > float(cuts[1]["bits"]) == 0
    assert cuts[0]["win"] == "", "the toy has no such metric"


def test_a_method_without_messages_is_measured_without_a_cut(tmp_path):
    run_seeds("q", f"iql:{SMALL}", "toy:Toy", None, 40, (0,), str(tmp_path), 4, progress=False)
    (row,) = measure_cuts(Run(tmp_path / "q-seed0", trust=True), ["rank=100"], episodes=4)
    assert row["cut"] == "none" and row["bits"] == ""

"""The benchmark: each area runs, and what it prints is what was measured."""

import importlib
import re
import sys

import pytest
import torch

benchmark = importlib.import_module("benchmark")
peers = importlib.import_module("benchmark_peers")
work = importlib.import_module("benchmark_work")

QUICK = benchmark.Options(seconds=0.0, rounds=1, quick=True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("area", benchmark.AREAS)
def test_every_area_runs_and_prints_finite_numbers(area):
    row = benchmark.measure_line(area, 0, QUICK)
    assert row.startswith(f"{area}, {benchmark.AREAS[area](True)[0].name}: ")
    assert re.search(r": [\d,.]+ ms, [\d,.]+ [\w-]+/s", row) and "peak " in row
    assert not re.search(r"\b(nan|inf)\b", row)
    counted = area in ("gnn-mappo", "pic", "ndq", "mamba", "vpp")
    assert bool(re.search(r"[\d.]+ GFLOP at \d+% of \d+ GFLOP/s", row)) == counted


@pytest.mark.parametrize("quick", [True, False])
def test_lines_of_an_area_have_different_names(quick):
    for area, lines_of in benchmark.AREAS.items():
        names = [line.name for line in lines_of(quick)]
        assert len(set(names)) == len(names) > 0, area


@pytest.mark.slow
def test_lines_are_selected_and_measured_in_other_processes(capsys):
    words = ["graphs", "--quick", "--seconds", "0", "--rounds", "1", "--lines", "Radius"]
    benchmark.main(words)
    assert re.fullmatch(r"graphs, Radius, 8 within, 100 agents: [^\n]+\n", capsys.readouterr().out)


@pytest.mark.slow
def test_another_code_does_the_work_in_turns():
    given = QUICK._replace(peer=("mpe2", "."), python=sys.executable, rounds=2)
    row = benchmark.measure_line("envs", 0, given)
    assert re.search(r"; mpe2 [\d.]+ ms, [\d.]+ times ours \([\d.]+ to [\d.]+\)$", row)


def test_ratios_are_those_of_the_time_of_the_same_number_of_units():
    done = work.Work(lambda: None, "steps", units=10)
    ours = [{"call": 2.0, "training": 1.0}, {"call": 4.0, "training": 1.0}]
    # Half of the steps of a call of ours in 6 and 4 seconds: 12 and 8 for as many.
    theirs = [{"call": 6.0, "steps": 5.0}, {"call": 4.0, "steps": 5.0}]
    assert benchmark.ratios(done, ours, theirs) == "10,000.00 ms, 4.00 times ours (2.00 to 6.00)"
    both = [{"call": 4.0, "training": 3.0}, {"call": 4.0, "training": 3.0}]
    assert benchmark.ratios(done, ours, both).endswith(
        "training 3,000.00 ms, 3.00 times ours (3.00 to 3.00)"
    )


def test_a_measurement_is_a_mean_over_at_least_one_call():
    returned = iter([{"steps": 1.0}])
    found = peers.measure(lambda: next(returned), 0.0, "wall")
    assert found["steps"] == 1 and 0 < found["call"] < 1
    counts = iter(range(1, 1000))
    found = peers.measure(lambda: {"steps": float(next(counts))}, 1e-4, "wall")
    calls = next(counts) - 1
    assert found["steps"] == (calls + 1) / 2


def test_operations_are_those_of_matrix_products_forward_and_backward():
    # 3 x 4 times 4 x 5 has 60 products and 60 sums; the gradients of both factors as many each.
    a, b = torch.rand(3, 4, requires_grad=True), torch.rand(4, 5, requires_grad=True)
    assert work.operations(lambda: a @ b) == 120
    assert work.operations(lambda: (a @ b).sum().backward()) == 360


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_operations_of_a_sparse_matrix_are_those_of_its_entries():
    matrix = torch.eye(3).to_sparse_csr()
    assert work.operations(lambda: matrix @ torch.rand(3, 5)) == 2 * 3 * 5


def test_random_transitions_are_drawn_with_their_edges():
    spec = work.Spec(5, (3,), 2, horizon=25, has_available=True)
    drawn = work.random_trajectory(spec, 4, 2, "knn:k=2")
    assert drawn.edges.index.shape == (2, 4 * 2 * 5 * 2)
    assert drawn.available.gather(-1, drawn.action[..., None]).all()


@pytest.mark.parametrize(
    "words, text",
    [
        (["nothing"], "area is 'nothing'; allowed are gnn-mappo, pic"),
        (["--against", "nobody", "."], "peer is 'nobody'; allowed are pic, ndq"),
        (["--rounds", "0"], "allowed are rounds and threads of at least 1"),
        (["--seconds", "nan"], "seconds of at least 0"),
    ],
)
def test_wrong_arguments_are_refused(words, text, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(words)
    assert text in capsys.readouterr().err

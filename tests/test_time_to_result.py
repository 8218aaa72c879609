"""Time to the same result: `scripts/time_to_result.py` and the files of its runs."""

import csv
import importlib
import math

import pytest

record = importlib.import_module("time_to_result_record")
reached, threshold = record.reached, record.threshold


def rows_of(side: str, task: str, seed: int, returns: list[float]) -> list[dict[str, str]]:
    cells = [
        (side, task, str(seed), str(10 * i), "0", "0", *2 * [str(x)]) for i, x in enumerate(returns)
    ]
    return [dict(zip(record.COLUMNS, each, strict=True)) for each in cells]


def test_the_first_of_three_evaluations_whose_mean_is_high_enough_counts():
    curve = [(0.0, 0.0), (1.0, 4.0), (2.0, 2.0), (3.0, 3.0), (4.0, 9.0)]
    assert reached(curve, 3.0) == 1.0
    assert reached(curve, 4.5) == 2.0
    assert reached(curve, 5.0) is None
    assert reached(curve[:2], 0.0) is None


def test_the_threshold_is_what_the_peer_reaches_over_its_seeds():
    rows = rows_of("pic", "spread-15", 0, [0, 1, 2, 3]) + rows_of("pic", "spread-15", 1, [4, 4, 4])
    assert threshold(rows, "spread-15") == 3.0
    assert threshold(rows, "sensor") == 14.8
    with pytest.raises(ValueError, match="train it first"):
        threshold([], "spread-15")


def test_the_table_has_every_seed_the_median_and_the_ratio():
    rows = rows_of("pic", "spread-15", 0, [0, 0, 0, 0, 3, 3, 3])
    rows += rows_of("ours", "spread-15", 0, [0, 3, 3, 3]) + rows_of(
        "ours", "spread-15", 1, [0, 0, 0]
    )
    lines = record.table(rows).splitlines()
    assert "| spread-15, 3.00 | pic | 40 | 40 | 1.00 |" in lines
    cells = "| spread-15, 3.00 | ours | 10, not reached in 20 s | not reached | 0.00 |"
    assert lines[-1] == cells


def test_evaluations_are_written_as_they_are_made_and_cost_no_time(tmp_path):
    run = record.Record(tmp_path, ("ours", "sensor", 3), 1.0, 20, 0.0, target=14.8)
    run.begin()

    def play() -> tuple[float, float]:
        return sum(range(10**6)) * 0 + 15.0, 14.0

    for steps in (0, 10):
        run.evaluate(steps, play)
        assert not run.ended(steps)
    assert not run.path.exists()
    run.evaluate(20, play)
    assert run.ended(20)
    run.close()
    with run.path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["steps"] for row in rows] == ["0", "10", "20"]
    assert record.read(tmp_path) == rows
    assert float(rows[-1]["seconds"]) <= run.out
    assert math.isclose(float(rows[-1]["return"]), 15.0)

"""Trips at random: counts, shares, ways, and seeds."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from graphmarl.envs.traffic.grid import Grid, turn_of
from graphmarl.envs.traffic.tasks import TASKS
from graphmarl.envs.traffic.turning import TurningTrips, entries


def ways(flow):
    return [int(road.rsplit("_", 1)[1]) for road in flow.route]


def turns(flow):
    return [turn_of(*pair) for pair in pairwise(ways(flow))]


def test_trips_lead_from_end_to_end_over_linked_roads_and_turn_back_before_they_turn_again():
    grid = Grid(3, 4)
    net = grid.roadnet()
    roads = {road.id: road for road in net.roads}
    virtual = {place.id for place in net.intersections if place.virtual}
    linked = {
        (link.start_road, link.end_road) for place in net.signals for link in place.road_links
    }
    flows = TurningTrips(rate=400.0).flows(grid, 5)
    assert {flow.route[0] for flow in flows} == {
        road.id for road in net.roads if road.start_intersection in virtual
    }
    for flow in flows:
        assert roads[flow.route[-1]].end_intersection in virtual
        assert all(pair in linked for pair in pairwise(flow.route))
        made = [turn for turn in turns(flow) if turn != "go_straight"]
        assert all(one != other for one, other in pairwise(made))


def test_the_shares_are_those_of_the_first_intersection():
    flows = TurningTrips(rate=None, vehicles=10000).flows(Grid(1, 1), 0)
    count = Counter(turns(flow)[0] for flow in flows)
    for turn, share in (("turn_left", 0.1), ("go_straight", 0.6), ("turn_right", 0.3)):
        # Five standard errors.
        assert count[turn] / 10000 == pytest.approx(
            share, abs=5 * (share * (1 - share) / 1e4) ** 0.5
        )


def test_after_a_left_turn_one_goes_straight_or_right_in_proportion():
    flows = TurningTrips(rate=None, vehicles=6000).flows(Grid(5, 5), 1)
    after = Counter(
        second for flow in flows for first, second in pairwise(turns(flow)) if first == "turn_left"
    )
    assert set(after) == {"go_straight", "turn_right"}
    # 0.6 : 0.3.
    assert after["go_straight"] / after.total() == pytest.approx(2 / 3, abs=0.04)


def test_a_rate_is_a_poisson_process_at_each_end():
    grid, trips = Grid(2, 2), TurningTrips(rate=300.0, duration=1800)
    counts = np.array(
        [
            [Counter(flow.route[0] for flow in flows)[road] for road in ends]
            for seed in range(30)
            for flows, ends in [
                (trips.flows(grid, seed), [f"road_{x}_{y}_{d}" for x, y, d in entries(grid)])
            ]
        ]
    )
    # 240 numbers of mean 150 and variance 150; the mean of all within five standard errors.
    assert counts.shape == (30, 8)
    assert counts.mean() == pytest.approx(150, abs=5 * (150 / 240) ** 0.5)
    assert counts.var() == pytest.approx(150, rel=0.3)


def test_a_peak_moves_vehicles_to_the_middle_and_keeps_their_number():
    flows = TurningTrips(rate=None, vehicles=10000, duration=1000, peak=1.0).flows(Grid(1, 1), 0)
    assert len(flows) == 10000
    times = np.array([flow.start_time for flow in flows])
    assert (np.diff(times) >= 0).all() and times.min() >= 0 and times.max() < 1000
    # The integral of 1 - cos(2 pi t) from 1/4 to 3/4 is 1/2 + 1/pi.
    middle = ((times >= 250) & (times < 750)).mean()
    assert middle == pytest.approx(0.5 + 1 / np.pi, abs=0.02)
    even = TurningTrips(rate=None, vehicles=10000, duration=1000).flows(Grid(1, 1), 0)
    assert np.mean([250 <= flow.start_time < 750 for flow in even]) == pytest.approx(0.5, abs=0.02)


def test_seeds_decide_and_leaving_out_the_last_changes_no_other():
    grid, trips = Grid(3, 3), TurningTrips()
    one, again, other = trips.flows(grid, 0), trips.flows(grid, 0), trips.flows(grid, 1)
    torch.rand(1)
    np.random.random()
    assert one == again and one != other
    early = trips.flows(grid, 0, until=500)
    assert early == tuple(flow for flow in one if flow.start_time < 500)
    assert 0 < len(early) < len(one)


def test_the_named_tasks_have_their_dimensions_and_volumes():
    signals = {name: task.grid.rows * task.grid.columns for name, task in TASKS.items()}
    assert signals == {
        "grid_1x1": 1,
        "grid_2x2": 4,
        "grid_3x3": 9,
        "hangzhou_4x4": 16,
        "grid_7x7": 49,
        "grid_10x10": 100,
        "grid_15x15": 225,
        "grid_35x35": 1225,
    }
    hangzhou = TASKS["hangzhou_4x4"]
    assert len(hangzhou.trips.flows(hangzhou.grid, 3)) == 2983
    assert (hangzhou.grid.east_west, hangzhou.grid.north_south) == (800, 600)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vehicles": 5}, "rate is 300.0 and vehicles is 5; exactly one of them"),
        ({"rate": -1.0}, "rate is -1.0; it must be at least 0"),
        ({"duration": 0}, "duration is 0; it must be at least 1"),
        ({"shares": (0.5, 0.5, 0.5)}, "none is negative, and they sum to 1"),
        ({"shares": (0.0, 0.0, 1.0)}, "go in circles"),
        ({"peak": 1.5}, "peak is 1.5; allowed are 0 to 1"),
    ],
)
def test_numbers_that_are_not_allowed_are_said(options, said):
    with pytest.raises(ValueError, match=said):
        TurningTrips(**options)


def test_a_turn_with_a_share_needs_a_lane():
    with pytest.raises(ValueError, match="the share of left turns is 0.1, and no lane is for them"):
        TurningTrips().flows(Grid(1, 1, lanes=(0, 1, 1)), 0)
    flows = TurningTrips(shares=(0.0, 0.7, 0.3)).flows(Grid(2, 2, lanes=(0, 1, 1)), 0)
    assert "turn_left" not in {turn for flow in flows for turn in turns(flow)}

"""Who stands where, who waits for a circle, and who comes when: on cases counted by hand."""

import numpy as np
import pytest
import torch

from graphmarl.envs.traffic.conflicts import Approach, Conflicts, in_cycle
from graphmarl.envs.traffic.crossings import find_crossings
from graphmarl.envs.traffic.demand import arrivals, number_flows, plan
from graphmarl.envs.traffic.driving import DrivingState, follow_speed
from graphmarl.envs.traffic.files import Flow, VehicleKind
from graphmarl.envs.traffic.fleet import NO_VEHICLE, Fleet, Lineup, standing_order
from graphmarl.envs.traffic.grid import Grid
from graphmarl.envs.traffic.tables import compile_network
from graphmarl.envs.traffic.vehicle_params import VehicleTable


def test_a_chain_of_blockers_is_endless_if_it_leads_into_a_circle():
    # 0 -> 1 -> 2 -> nobody; 3 -> 4 -> 5 -> 4; 6 waits for itself.
    blocker = torch.tensor([1, 2, NO_VEHICLE, 4, 5, 4, 6])
    found = in_cycle(blocker, torch.arange(7))
    assert found.tolist() == [False, False, False, True, True, True, True]


def test_those_who_are_gone_block_nobody():
    numbers = torch.arange(4)
    fleet = Fleet.beginning(numbers, numbers, numbers, numbers, torch.float64)
    fleet.blocker = torch.tensor([3, NO_VEHICLE, 1, 2])
    # Row 2 is gone; 3, 0 and 1 become 0, 1 and 2.
    kept = fleet.keep(torch.tensor([3, 0, 1]))
    assert kept.trip.tolist() == [3, 0, 1]
    assert kept.blocker.tolist() == [NO_VEHICLE, 0, NO_VEHICLE]


def test_those_who_come_stand_behind_the_others_the_farthest_first():
    spot = torch.tensor([5, 5, 7, 7, 7, 9])
    distance = torch.tensor([3.0, 1.0, 2.0, 4.0, 2.5, 8.0])
    gone = torch.tensor([False, True, False, False, False, False])
    # Rows 3 and 4 come to spot 7 now, where row 2 is; row 0 stays on spot 5; row 5 comes to spot 9.
    order = standing_order(spot, distance, torch.tensor([1, 3, 4, 5]), gone)
    assert order.tolist() == [0, 2, 3, 4, 5]
    distance[4] = 4.5
    order = standing_order(spot, distance, torch.tensor([1, 3, 4, 5]), gone)
    assert order.tolist() == [0, 2, 4, 3, 5]


def test_lines_cross_where_they_share_a_point():
    lines = [
        [(0.0, 0.0), (4.0, 0.0), (4.0, 3.0)],
        [(3.0, -2.0), (3.0, 2.0)],
        [(9.0, 9.0), (8.0, 8.0)],
    ]
    found = find_crossings(lines)
    assert (found.first.tolist(), found.second.tolist()) == ([0], [1])
    assert (found.along_first.tolist(), found.along_second.tolist()) == ([3.0], [2.0])


def test_trips_come_and_draw_as_in_cityflow():
    network = compile_network(Grid(1, 1).roadnet())
    roads = list(network.roads)
    routes = [
        (roads[road], roads[after[0]]) for road, after in enumerate(network.next_roads) if after
    ]
    # Two come in second 0, their first roads in falling order, and the second flow again in 3 s.
    flows = [
        Flow(VehicleKind(), routes[1], 1.0, 0, 0),
        Flow(VehicleKind(), routes[0], 2.5, 0, 4),
    ]
    numbers = number_flows(flows, network)
    found = arrivals(numbers, plan(numbers, network), 100, seed=5489)
    assert found.time.tolist() == [0, 0, 3]
    # The first outputs of the standard's generator. In second 0: two draws for each vehicle, of
    # which the first is its priority, as a signed number; then one for each first lane. In second 3
    # draw 6 is the next priority.
    bits = np.random.RandomState(5489).randint(0, 2**32, 7, dtype=np.uint32)
    assert bits[0] == 3499211612
    assert found.priority.tolist() == bits[[0, 2, 6]].astype(np.int32).tolist()
    assert not found.more
    assert arrivals(numbers, plan(numbers, network), 3, seed=5489).more


def test_the_hardest_braking_counts_where_the_gap_is_short():
    # Usually they brake with 2 m/s^2, at worst with 4.5; 5 m/s both, 1 m apart, headway 0.5 s.
    numbers = [5.0, 2.0, 2.0, 4.5, 2.0, 2.0, 0.5, 11.0, 0.5]
    driving = DrivingState.__new__(DrivingState)
    driving.kinds = VehicleTable(torch.tensor([numbers]), torch.zeros(2, dtype=torch.long))
    rows = torch.arange(2)
    fleet = Fleet.beginning(rows, rows, rows, rows, torch.float32)
    fleet.speed = torch.full((2,), 5.0)
    driving.fleet, leader = fleet, torch.tensor([-1, 0])
    none, nobody = torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.bool)
    driving.lineup = Lineup(none, none, none, nobody, none, leader, torch.tensor([0.0, 1.0]))
    speed = follow_speed(driving)
    # With d for both: sqrt(d^2 / 4 + v_L^2 + 2 d (gap - v / 2 - target)) - d / 2.
    usual = (1 + 25 + 4 * (1 - 2.5 - 0.5)) ** 0.5 - 1
    hard = (4.5**2 / 4 + 25 + 9 * (1 - 2.5)) ** 0.5 - 2.25
    headway = (1 + 5 - 2.5) / (0.5 + 0.5)
    assert hard < min(usual, headway)
    assert speed.tolist() == [torch.inf, pytest.approx(hard, abs=1e-5)]


@pytest.mark.parametrize(("blocker", "waits"), [([-1, -1, -1], [0]), ([-1, 2, 1], [])])
def test_nobody_waits_for_a_circle_of_those_who_wait(monkeypatch, blocker, waits):
    # Vehicle 0 would wait for 1, which waits for nobody, or for 2, which waits for 1.
    monkeypatch.setattr(Conflicts, "_goes", lambda *_: torch.tensor([False]))
    rows, real, yes = torch.arange(3), torch.zeros(3), torch.ones(3, dtype=torch.bool)
    fleet = Fleet.beginning(rows, rows, rows, rows, torch.float32)
    fleet.blocker = torch.tensor(blocker)
    kinds = VehicleTable(torch.ones(1, 9), torch.zeros(3, dtype=torch.long))
    approach = Approach(rows, rows, real, real, 3, yes)
    pairs, far = (torch.tensor([0]), torch.tensor([1])), torch.tensor([3.0])
    waiting = Conflicts.__new__(Conflicts)._settle(fleet, kinds, rows, approach, pairs, (far, far))
    assert waiting.row.tolist() == waits

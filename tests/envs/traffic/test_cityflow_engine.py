"""CityFlow's own engine, here a module with its interface and a far simpler traffic behind it."""

import sys

import fake_cityflow
import pytest
import torch

from graphmarl.envs.traffic import cityflow
from graphmarl.envs.traffic.cityflow import CityFlowEngine
from graphmarl.envs.traffic.files import Flow, VehicleKind
from graphmarl.envs.traffic.grid import Grid
from graphmarl.envs.traffic.protocol import TrafficEngine

GRID = Grid(1, 1)
KIND = VehicleKind(length=4.0, headway_time=2.0)
STRAIGHT = ("road_0_1_0", "road_1_1_0")
LEFT = ("road_1_0_1", "road_1_1_2")
NOW = torch.tensor([True])


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setitem(sys.modules, "cityflow", fake_cityflow)
    monkeypatch.setattr(cityflow, "REST", 0.0)
    monkeypatch.setattr(fake_cityflow.Engine, "living", 0)


@pytest.fixture
def engine():
    engine = CityFlowEngine(GRID.roadnet(), [Flow(KIND, STRAIGHT, 1.0, 2, 2)])
    yield engine
    engine.close()


def play(engine, phase, seconds):
    engine.advance(torch.tensor([[phase]]), seconds)


def test_it_has_the_methods_of_an_engine(engine):
    assert isinstance(engine, TrafficEngine)
    assert (engine.copies, engine.num_lanes, engine.num_signals) == (1, 24, 1)


def test_a_vehicle_comes_in_its_second_waits_at_red_and_leaves(engine):
    play(engine, 2, 2)
    assert engine.vehicles().tolist() == [0]
    play(engine, 2, 1)
    assert engine.vehicles().tolist() == [1]
    # The second road of the file, and its middle lane; later the third road.
    assert engine.lane_vehicles()[0].nonzero().flatten().tolist() == [4]
    play(engine, 2, 40)
    assert engine.lane_waiting()[0].nonzero().flatten().tolist() == [4]
    assert engine.average_travel_time().tolist() == [41]  # from second 2 to second 43
    play(engine, 1, 1)
    assert engine.lane_vehicles()[0].nonzero().flatten().tolist() == [6]
    assert engine.finished().tolist() == [0]
    play(engine, 0, 40)
    assert (engine.finished().tolist(), engine.vehicles().tolist()) == ([1], [0])
    assert engine.time().tolist() == [84]


def test_flows_send_at_their_interval_until_their_end():
    flows = [Flow(KIND, STRAIGHT, 2.5, 1, 9), Flow(KIND, LEFT, 4.0, 0, -1)]
    engine = CityFlowEngine(GRID.roadnet(), flows)
    seen = []
    for _ in range(12):
        play(engine, 0, 1)
        seen.append(int(engine.vehicles()))
    # The first in seconds 1, 4 (3.5), 6, 9 (8.5); the second in 0, 4, 8.
    assert seen == [1, 2, 2, 2, 4, 4, 5, 5, 6, 7, 7, 7]
    engine.close()


def test_reset_brings_other_vehicles_or_the_first_ones_again(engine):
    play(engine, 1, 10)
    engine.reset(torch.tensor([False]))
    assert engine.time().tolist() == [10]
    engine.reset(NOW, [[Flow(KIND, LEFT, 1.0, 0, 0)] * 3])
    play(engine, 1, 1)
    assert engine.vehicles().tolist() == [3]
    engine.reset(NOW)
    assert engine.time().tolist() == [0] and engine.finished().tolist() == [0]
    play(engine, 1, 3)
    assert engine.vehicles().tolist() == [1]
    with pytest.raises(ValueError, match="flows are of 2 copies; 1 are reset"):
        engine.reset(NOW, [[], []])


def test_every_episode_of_the_same_flows_is_the_same(engine):
    seen = []
    for _ in range(2):
        engine.reset(NOW)
        for _ in range(80):
            play(engine, 1, 1)
            seen.append(engine.lane_vehicles())
    assert torch.equal(torch.stack(seen[:80]), torch.stack(seen[80:]))


def test_a_saved_state_goes_on_elsewhere_with_its_vehicles_and_phases(engine):
    flows = [Flow(KIND, route, 3.0, start, -1) for route, start in ((STRAIGHT, 0), (LEFT, 1))]
    engine.reset(NOW, [flows])
    for phase, seconds in ((1, 20), (1, 9), (4, 15)):
        play(engine, phase, seconds)
    state = engine.state_dict()
    assert state["seconds"].tolist() == [29, 15]

    def rest(phase):
        found = []
        for _ in range(20):
            play(engine, phase, 3)
            found.append(torch.cat([engine.lane_vehicles()[0], engine.finished()]))
        return torch.stack(found), engine.average_travel_time()

    expected = rest(4)
    engine.close()
    engine = CityFlowEngine(GRID.roadnet(), [])
    engine.load_state_dict(state)
    assert all(torch.equal(one, other) for one, other in zip(rest(4), expected, strict=True))
    engine.close()


@pytest.mark.parametrize("phase", [-1, 9])
def test_a_wrong_phase_never_reaches_it(engine, phase):
    said = f"signal 'intersection_1_1' in copy 0 is {phase}; it has 9 phases, from 0"
    with pytest.raises(ValueError, match=said):
        play(engine, phase, 1)
    assert engine.time().tolist() == [0]


def test_phases_of_another_shape_are_refused(engine):
    with pytest.raises(ValueError, match=r"shape \(1, 2\); it must be .* = \(1, 1\)"):
        engine.advance(torch.tensor([[1, 1]]))


def test_a_wrong_route_never_reaches_it(engine):
    for route, said in (
        (("road_0_1_0", "road_7"), r"flows\[0\].route names 'road_7', which is no road"),
        (("road_0_1_0",), r"a trip goes over at least 2 roads"),
    ):
        with pytest.raises(ValueError, match=said):
            engine.reset(NOW, [[Flow(KIND, route)]])


def test_there_is_one_at_a_time(engine):
    with pytest.raises(RuntimeError, match="there is a CityFlowEngine in this process already"):
        CityFlowEngine(GRID.roadnet(), [])
    engine.close()
    CityFlowEngine(GRID.roadnet(), []).close()


def test_more_copies_and_other_devices_are_refused():
    with pytest.raises(ValueError, match="copies is 2; CityFlow plays 1 in a process"):
        CityFlowEngine(GRID.roadnet(), [], copies=2)
    with pytest.raises(ValueError, match="device is cuda; CityFlow runs on the cpu"):
        CityFlowEngine(GRID.roadnet(), [], device="cuda")


def test_where_it_is_missing_one_reads_how_to_build_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cityflow", None)
    with pytest.raises(ImportError, match=r"pip install \./CityFlow; the engine 'embedded'"):
        CityFlowEngine(GRID.roadnet(), [])

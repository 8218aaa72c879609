"""The environment: what signals see, what they are paid, and who drives."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import fake_cityflow
import pytest
import torch
from told import Told

from graphmarl.envs import check_env, make_env
from graphmarl.envs.traffic import Traffic, cityflow
from graphmarl.envs.traffic.files import CityFlowConfig, Flow, VehicleKind, write_task
from graphmarl.envs.traffic.grid import Grid
from graphmarl.envs.traffic.junctions import Junctions

pytestmark = pytest.mark.usefixtures("unchecked")

TRACES = Path(__file__).parent / "traces"


# Lanes of a grid of 1 x 1 in the order of its file: three each of road_1_0_1 (northwards),
# road_0_1_0 (eastwards), road_1_1_0 to road_1_1_3 (outwards), road_2_1_2 and road_1_2_3.
INCOMING = [3, 4, 5, 0, 1, 2, 18, 19, 20, 21, 22, 23]
OUTGOING = list(range(6, 18))


def told(**options):
    env = Traffic("grid_1x1", num_envs=2, **options)
    lane = torch.arange(24)
    env._engine = Told(torch.stack([lane, 2 * lane]), torch.stack([lane % 5, lane % 7]))
    env.reset(0)
    return env


def test_the_reward_is_the_seconds_that_vehicles_spend_on_incoming_lanes():
    env = told()
    step = env.step(torch.tensor([[0], [3]]))
    # Each of the 12 lanes has its number (or twice that), plus 1 to 10 in the seconds 1 to 10.
    per_second = sum(INCOMING)
    expected = [-(10 * copies * per_second + 12 * 55) / 100 for copies in (1, 2)]
    assert step.reward[:, 0].tolist() == pytest.approx(expected)
    step = env.step(torch.tensor([[0], [3]]))
    second = [-(10 * copies * per_second + 12 * 155) / 100 for copies in (1, 2)]
    assert step.reward[:, 0].tolist() == pytest.approx(second)
    both = [a + b for a, b in zip(expected, second, strict=True)]
    assert step.info["team_return"].tolist() == pytest.approx(both)


def test_the_other_rewards_are_those_of_colight_and_presslight():
    waiting = {
        copy: [sum(lane % (5, 7)[copy] for lane in lanes) for lanes in (INCOMING, OUTGOING)]
        for copy in (0, 1)
    }
    env = told(reward="waiting")
    step = env.step(torch.tensor([[0], [3]]))
    assert step.reward[:, 0].tolist() == [-0.25 * waiting[0][0], -0.25 * waiting[1][0]]
    # The metric of the team is the same whatever is paid.
    assert step.info["team_return"].tolist() == pytest.approx(
        [-(10 * copies * sum(INCOMING) + 12 * 55) / 100 for copies in (1, 2)]
    )
    assert step.info["queue"].tolist() == [waiting[0][0], waiting[1][0]]
    step = told(reward="pressure").step(torch.tensor([[0], [3]]))
    assert step.reward[:, 0].tolist() == [-abs(a - b) for a, b in waiting.values()]


def test_yellow_comes_where_the_phase_changes_and_not_before_the_first():
    env = told(yellow=4)
    for action in ([[0], [3]], [[0], [5]], [[7], [5]]):
        env.step(torch.tensor(action))
    phases = env.engine.phases  # type: ignore[attr-defined]
    assert phases[:10] == [[[1], [4]]] * 10
    assert phases[10:20] == [[[1], [0]]] * 4 + [[[1], [6]]] * 6
    assert phases[20:] == [[[0], [6]]] * 4 + [[[8], [6]]] * 6


def test_an_observation_is_what_waits_and_what_is_on_each_lane_and_the_phase():
    env = told()
    step = env.reset(0)
    assert step.obs.shape == (2, 1, 32)
    waiting, vehicles, phase = (step.obs[1, 0, env.spec.layout[n]] for n in env.spec.layout)
    assert torch.allclose(waiting * 20, torch.tensor([float(k % 7) for k in INCOMING]))
    assert torch.allclose(vehicles * 20, torch.tensor([2.0 * k for k in INCOMING]))
    assert phase.tolist() == [0] * 8
    step = env.step(torch.tensor([[0], [3]]))
    assert step.obs[1, 0, 24:].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]


def test_volumes_are_of_lanes_that_a_phase_alone_lets_go():
    step = told().reset(0)
    # Straight on is the middle lane, 3 k + 1; left the first, 3 k; right turns are always free.
    east, north, west, south = 3, 0, 18, 21
    straight = [east + 1 + west + 1, north + 1 + south + 1]
    left = [east + west, north + south]
    alone = [2 * road + 1 for road in (east, west, north, south)]
    assert step.info["volume"][0, 0].tolist() == straight + left + alone


def test_pressure_takes_off_the_mean_of_the_lanes_behind():
    places = Junctions.of(Grid(1, 1).roadnet())
    counts = torch.zeros(1, 24, dtype=torch.long)
    counts[0, 3] = 5  # eastwards, turning left, into road_1_1_1, lanes 9 to 11
    counts[0, 9], counts[0, 10] = 2, 4
    pressure = places.pressure(counts)[0, 0]
    # Phases 3 and 5 let it go: 5 - (2 + 4 + 0) / 3. Straight on northwards leads there too.
    assert pressure.tolist() == pytest.approx([0, -2, 3, 0, 3, 0, -2, 0])


def test_links_are_roads_between_signals_and_positions_are_metres():
    env = Traffic("hangzhou_4x4", num_envs=2)
    step = env.reset(0)
    assert step.position is not None and step.links is not None
    assert step.position[1, 5].tolist() == [800.0, 600.0]
    links = {tuple(pair) for pair in step.links.T.tolist()}
    grid = [
        (4 * y + x, 4 * b + a)
        for y in range(4)
        for x in range(4)
        for b in range(4)
        for a in range(4)
        if abs(x - a) + abs(y - b) == 1
    ]
    assert links == {(i + 16 * copy, j + 16 * copy) for i, j in grid for copy in (0, 1)}
    env.close()


@pytest.fixture
def uneven(tmp_path):
    """Two signals, the first of which lacks five phases and the second a lane of three."""
    net = Grid(1, 2).roadnet()
    first, second = net.signals
    fewer = replace(first, phases=first.phases[:4])
    roads = []
    for road in net.roads:
        short = road.id == "road_2_0_1"
        roads.append(replace(road, lanes=road.lanes[:1]) if short else road)
    links = tuple(
        replace(
            link,
            lane_links=tuple(
                replace(lane, start_lane=0) if link.start_road == "road_2_0_1" else lane
                for lane in link.lane_links
            ),
        )
        for link in second.road_links
    )
    change = {fewer.id: fewer, second.id: replace(second, road_links=links)}
    places = tuple(change.get(place.id, place) for place in net.intersections)
    net = replace(net, intersections=places, roads=tuple(roads))
    route = ("road_2_0_1", "road_2_1_0")
    return write_task(tmp_path, CityFlowConfig(), net, [Flow(VehicleKind(), route, 5.0)])


def test_signals_of_different_shapes_are_as_wide_as_the_widest(uneven):
    env = Traffic(str(uneven), num_envs=2, horizon=4)
    assert env.spec.obs_shape == (2 * 12 + 8,)
    assert env.spec.kinds == ("10_lanes_8_phases", "12_lanes_3_phases")
    assert env.spec.kind == (1, 0)
    step = env.reset(0)
    assert step.available is not None
    assert step.available[1].tolist() == [[True] * 3 + [False] * 5, [True] * 8]
    for _ in range(3):
        step = env.step(torch.ones(2, 2, dtype=torch.long))
    seen = step.obs[0, 1, 12:24] * 20
    # The road with one lane is the second that comes in: lane 3 of ten, and two that are not there.
    assert seen.nonzero().flatten().tolist() == [3]

    def make(copies):
        return Traffic(str(uneven), decision=2, yellow=1, horizon=2, num_envs=copies)

    check_env(make(2), make=make)


def test_the_files_of_a_task_are_played_as_they_are():
    """Against a recorded run of CityFlow, which had no yellow."""
    folder = TRACES / "grid_1x1"
    env = Traffic(str(folder / "config.json"), yellow=0, horizon=120, num_envs=1)
    phases = json.loads((folder / "random_signals.json").read_text())["phase_every_10_s"]
    with open(folder / "random.csv", newline="") as file:
        recorded = list(csv.DictReader(file))
    env.reset(0)
    for phase, record in zip(phases[:12], recorded, strict=False):
        step = env.step(torch.tensor([phase]) - 1)
        expected = float(record["average_travel_time_s"])
        assert step.info["average_travel_time"].item() == pytest.approx(expected, rel=0.02)


def played(env, steps):
    found = []
    for _ in range(steps):
        step = env.step(torch.zeros(env.num_envs, env.spec.num_agents, dtype=torch.long))
        found.append(step.obs)
    return torch.stack(found)


def test_each_episode_of_each_copy_has_its_own_trips_or_all_have_the_same():
    for fixed in (False, True):
        env = Traffic("grid_1x1", horizon=4, num_envs=2, fixed_flow=fixed)
        env.reset(0)
        first, second = played(env, 5)[:4], played(env, 4)
        assert torch.equal(first[:, 0], first[:, 1]) is fixed
        assert torch.equal(first[:, 0], second[:, 0]) is fixed


def test_a_copy_that_begins_anew_does_not_disturb_the_others():
    envs = [Traffic("grid_1x1", horizon=20, num_envs=2) for _ in range(2)]
    for env in envs:
        env.reset(0)
        played(env, 3)
    envs[1].truncated = torch.tensor([True, False])
    one, other = (played(env, 3) for env in envs)
    assert torch.equal(one[:, 1], other[:, 1])
    assert other[0, 0, 0, :24].sum() == 0 < one[0, 0, 0, :24].sum()
    assert envs[1].time.tolist() == [2, 6]


def test_the_fixed_trips_are_those_that_are_written_as_files(tmp_path):
    from graphmarl.envs.traffic.tasks import TASKS

    config = TASKS["grid_1x1"].write(tmp_path)
    envs = [
        Traffic("grid_1x1", fixed_flow=True, horizon=5, num_envs=1),
        Traffic(str(config), horizon=5, num_envs=1),
    ]
    for env in envs:
        env.reset(0)
    assert torch.equal(*(played(env, 5) for env in envs))


def test_cityflow_plays_it_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "cityflow", fake_cityflow)
    monkeypatch.setattr(cityflow, "REST", 0.0)
    monkeypatch.setattr(fake_cityflow.Engine, "living", 0)
    env = Traffic("grid_1x1", engine="cityflow", horizon=8, num_envs=1)
    check_env(env)
    env.close()


def test_without_cityflow_one_reads_how_to_build_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cityflow", None)
    with pytest.raises(ImportError, match="git clone"):
        Traffic(engine="cityflow", num_envs=1)


def test_what_is_not_allowed_is_said(tmp_path, monkeypatch):
    for options, said in (
        ({"task": "hangzou"}, r"task is 'hangzou'; allowed are grid_1x1, .*NAME\.json"),
        ({"task": "none.json"}, "cannot be read"),
        ({"reward": "speed"}, "reward is 'speed'; allowed are delay, waiting, pressure"),
        ({"engine": "sumo"}, "engine is 'sumo'; allowed are embedded, cityflow"),
        ({"yellow": 10}, "yellow is 10; allowed are 0 to decision - 1 = 9"),
        ({"horizon": 0}, "horizon is 0"),
    ):
        with pytest.raises(ValueError, match=said):
            make_env("traffic", **options)
    for config, said in (
        (
            CityFlowConfig(lane_change=True),
            "laneChange is true; the embedded engine changes no lane",
        ),
        (CityFlowConfig(interval=0.5), "interval is 0.5; only 1 s can be played"),
    ):
        path = write_task(tmp_path, config, Grid(1, 1).roadnet(), ())
        with pytest.raises(ValueError, match=said):
            Traffic(str(path))
    monkeypatch.setitem(sys.modules, "cityflow", fake_cityflow)
    with pytest.raises(ValueError, match="num_envs is 2; CityFlow plays 1 copy in a process"):
        Traffic("grid_1x1", engine="cityflow", num_envs=2)


def test_a_scene_shows_where_vehicles_stand():
    scene = told().scene(1)
    ends, weight = scene.lines["road with waiting vehicles"]
    assert (scene.low, scene.high) == ((-300.0, -300.0), (300.0, 300.0))
    # The second road comes from the west: 1.2 % of the 600 m to the right of its middle line.
    assert ends[1].flatten().tolist() == pytest.approx([-300.0, -7.2, 0.0, -7.2])
    assert weight[1].item() == pytest.approx((3 % 7 + 4 % 7 + 5 % 7) / 10)


def test_the_links_of_each_copy_are_between_its_own_signals():
    env = Traffic("grid_2x2", num_envs=3)
    links = env.reset(0).links
    assert links is not None and links.shape == (2, 3 * 8)
    # Four streets in both directions, copy after copy, four rows each.
    streets = {(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)}
    for copy, mine in enumerate(links.chunk(3, 1)):
        assert set(map(tuple, (mine - 4 * copy).t().tolist())) == streets

"""Road networks of the structures that public data has: each plays, or is refused with a reason.

`pytest -s -k table` prints the table.
"""

import json
import warnings

import networks
import pytest
import torch
from networks import LEFT, STRAIGHT, written
from told import Told

from graphmarl.envs.traffic import Traffic
from graphmarl.envs.traffic.engine import EmbeddedEngine
from graphmarl.envs.traffic.files import read_roadnet, read_task
from graphmarl.envs.traffic.grid import Grid

pytestmark = pytest.mark.usefixtures("unchecked")

BACK = STRAIGHT[::-1]


def two_flows(_, flow_file):
    flow_file.append(dict(flow_file[0], route=list(BACK)))


def flow_edit(**changes):
    return lambda _, flow_file: flow_file[0].update(changes)


def road_edit(**changes):
    return lambda net_file, _: net_file["roads"][3].update(changes)


def no_member(_, flow_file):
    del flow_file[0]["vehicle"]["maxPosAcc"]


def same_road(net_file, _):
    net_file["roads"].append(dict(net_file["roads"][0]))


def same_place(net_file, _):
    net_file["intersections"].append(dict(net_file["intersections"][2]))


def phase_times(net_file, _):
    for phase in networks.inner(net_file)["trafficLight"]["lightphases"]:
        phase["time"] = 0


def empty(net_file, _):
    net_file.update(intersections=[], roads=[])


def all_virtual(net_file, _):
    networks.inner(net_file)["virtual"] = True


POINTS = [{"x": 0, "y": 0}, {"x": 90, "y": 0}, {"x": 0, "y": 0}]
SIXTY = [{"x": 0, "y": 0}, {"x": 30, "y": 0}]


def case(said="", net=None, edit=None, **options):
    """Network, edit of the files, options, and what is said if the structure is refused."""
    return net, edit, options, said


MANY = (
    "phase 0 of intersection 'intersection_1_1' frees go_straight, turn_right, which is no yellow"
)
OTHER = "yellow_phase is 4; allowed at intersection 'intersection_1_1' are 0 to 3, or all_red"
NO_WAY = "[1].route: there is no way from 'road_1_1_0' to 'road_0_1_0'"
TWICE = "roads[8].id is 'road_1_0_1', which is there already; the option undrivable=skip takes the"
EXAMPLE, ROW = networks.engineered(), networks.single_phases()
ONE_PHASE = networks.with_plan(Grid(1, 1).roadnet(), (0, 1, 2))
NO_LEFTS = {"net": networks.without_lefts(), "edit": flow_edit(route=list(LEFT))}
NO_PHASES = {"edit": lambda n, _: networks.inner(n)["trafficLight"].update(lightphases=[])}
STRUCTURES = {
    "phase 0 is a yellow, as in Hangzhou": case(),
    "phase 0 is a green, as in CityFlow's example": case(MANY, EXAMPLE),
    "it says which phases may be yellow": case("right turns at most: 1, 3)", EXAMPLE),
    "the same, all red": case(net=EXAMPLE, yellow_phase="all_red"),
    "the same, yellow is phase 1": case(net=EXAMPLE, yellow_phase=1),
    "yellow is a phase that is missing": case(OTHER, EXAMPLE, yellow_phase=4),
    "a signal with one phase, as in Cologne": case(net=ROW),
    "the same, fixed": case(net=ROW, single_phase="fixed"),
    "all signals with one phase": case(
        "each signal has a single phase; allowed is single_phase=agent",
        ONE_PHASE,
        single_phase="fixed",
    ),
    "no phases": case("lightphases is empty", **NO_PHASES),
    "roads with one lane": case(edit=networks.narrow),
    "a U-turn as a left turn": case(edit=networks.u_turn),
    "a road that ends where it begins": case(edit=networks.loop),
    "two networks in one": case(edit=networks.island),
    "phases of no duration": case(edit=phase_times),
    "a trip without a way": case(NO_WAY, edit=two_flows),
    "it says how many": case("skip leaves out the 1 of 2 trips that", edit=two_flows),
    "the same, skipped": case(edit=two_flows, undrivable="skip"),
    "no left turns": case("there is no way from 'road_1_0_1'", **NO_LEFTS),
    "only trips without a way": case("no trip can be driven: flow", **NO_LEFTS, undrivable="skip"),
    "a negative startTime": case("startTime is -5; it must", edit=flow_edit(startTime=-5)),
    "the same, from second 0": case(edit=flow_edit(startTime=-5), undrivable="skip"),
    "endTime before startTime": case(
        "endTime is 3, before startTime 9", edit=flow_edit(startTime=9, endTime=3)
    ),
    "a vehicle without maxPosAcc": case("vehicle has no maxPosAcc; CityFlow", edit=no_member),
    "it offers to leave the trip out": case("skip leaves such trips out", edit=no_member),
    "it says what CityFlow takes": case("from outside have maxPosAcc 4.5", edit=no_member),
    "an interval of 0": case("interval is 0; it must be above 0", edit=flow_edit(interval=0)),
    "two roads with the same id": case(TWICE, edit=same_road),
    "the last of two roads with the same id": case(edit=same_road, undrivable="skip"),
    "the last of two intersections": case(edit=same_place, undrivable="skip"),
    "no intersections": case("all intersections of the road network are virtual", edit=empty),
    "virtual intersections only": case("all intersections of the road", edit=all_virtual),
    "a road that turns back on itself": case("points give no line", edit=road_edit(points=POINTS)),
    "a road as long as its intersection is wide": case(
        "points give no line", edit=road_edit(points=SIXTY)
    ),
    "a road without lanes": case("lanes is empty", edit=road_edit(lanes=[])),
    "a number of 400 digits": case(
        "it must be a number from -1e+09 to 1e+09", edit=flow_edit(interval=10**400)
    ),
    "a time beyond 32 bits": case("an integer of 32 bits", edit=flow_edit(endTime=2**31)),
}


def result(folder, structure):
    """What came of a structure, and the environment if it was built."""
    net, edit, options, _ = STRUCTURES[structure]
    path = written(folder, net, edit=edit)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            env = Traffic(path, num_envs=1, decision=3, yellow=1, **options)
            env.reset(0)
            for _ in range(2):
                action = torch.zeros(1, env.spec.num_agents, dtype=torch.long)
                assert env.step(action).obs.isfinite().all()
        except ValueError as error:
            return f"refused: {str(error).replace(str(folder) + '/', '')}"
    notes = "".join(f"; {str(note.message).split(': ', 1)[1]}" for note in said)
    return f"plays with {env.spec.num_agents} agents of {env.spec.num_actions} actions{notes}"


@pytest.mark.parametrize("structure", STRUCTURES)
def test_table_of_structures(structure, tmp_path):
    said, found = STRUCTURES[structure][3], result(tmp_path, structure)
    print(f"{structure}: {found}")
    assert found.startswith("refused: " if said else "plays"), found
    assert said in found and "\n" not in found


@pytest.mark.parametrize(
    ("yellow", "number", "actions"),
    [("all_red", 4, [0, 1, 2, 3]), (1, 1, [0, 2, 3]), (3, 3, [0, 1, 2])],
)
def test_the_yellow_phase_comes_between_two_phases_and_is_no_action(
    tmp_path, yellow, number, actions
):
    path = written(tmp_path, networks.engineered())
    env = Traffic(path, num_envs=1, yellow=3, decision=5, yellow_phase=yellow)
    assert env.junctions.phase.tolist() == [actions]
    env._engine = engine = Told(*torch.zeros(2, 1, 24, dtype=torch.long))
    env.reset(0)
    env.step(torch.tensor([[0]]))
    env.step(torch.tensor([[len(actions) - 1]]))
    assert engine.phases == [[[0]]] * 5 + [[[number]]] * 3 + [[[actions[-1]]]] * 2


def test_all_red_frees_nothing_in_both_engines(tmp_path, monkeypatch):
    import sys

    import fake_cityflow

    from graphmarl.envs.traffic import cityflow

    monkeypatch.setitem(sys.modules, "cityflow", fake_cityflow)
    monkeypatch.setattr(cityflow, "REST", 0.0)
    monkeypatch.setattr(fake_cityflow.Engine, "living", 0)
    path = written(tmp_path, networks.engineered())
    for engine in ("embedded", "cityflow"):
        env = Traffic(path, num_envs=1, engine=engine, yellow_phase="all_red")
        env.reset(0)
        for phase, arrives in ((4, False), (0, True)):
            env.engine.reset(torch.tensor([True]))
            env.engine.advance(torch.tensor([[phase]]), 120)
            assert bool(env.engine.finished() > 0) is arrives, engine
        env.close()


def test_a_car_that_only_phase_0_lets_through_arrives(tmp_path):
    """Everything that CityFlow's example frees is freed by some action."""
    path = written(tmp_path, networks.engineered())
    env = Traffic(path, num_envs=1, yellow_phase="all_red", horizon=20)
    step = env.reset(0)
    for _ in range(12):
        step = env.step(torch.tensor([[0]]))
    # 200 m at 11.1 m/s is less than half a minute; one car in 5 s, for 2 minutes.
    assert step.info["throughput"].item() > 5


def test_signals_with_one_phase_are_left_out_and_counted(tmp_path):
    path = written(tmp_path, networks.single_phases(), [("road_0_1_0", "road_1_1_0", "road_2_1_0")])
    env = Traffic(path, num_envs=1)
    assert (env.left_out, env.spec.num_agents) == (0, 3)
    with pytest.warns(UserWarning, match="1 of 3 signals are fixed and no agents"):
        env = Traffic(path, num_envs=2, single_phase="fixed")
    assert (env.left_out, env.spec.num_agents) == (1, 2)
    # The road from the first to the third passes the second, so they are neighbours, both ways.
    step = env.reset(0)
    assert step.links is not None and step.links.T.tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    for _ in range(12):
        step = env.step(torch.zeros(2, 2, dtype=torch.long))
    assert (step.info["throughput"] > 0).all()
    chosen = torch.tensor([[3, 5]])
    assert env.junctions.phases(chosen).tolist() == [[3, 0, 5]]


def test_of_two_roads_with_the_same_id_the_last_counts(tmp_path):
    def edit(net_file, _):
        first = net_file["roads"][0]
        lanes = [dict(lane, maxSpeed=3) for lane in first["lanes"]]
        net_file["roads"].append(dict(first, lanes=lanes))

    path, skipped = written(tmp_path, edit=edit), []
    roadnet = read_roadnet(tmp_path / "roadnet.json", skipped)
    assert [road.lanes[0].max_speed for road in roadnet.roads if road.id == "road_1_0_1"] == [3]
    assert len(roadnet.roads) == 8
    assert skipped == [
        "roadnet.json: roads[0] has the id 'road_1_0_1' of roads[8], which counts",
    ]
    with pytest.raises(ValueError, match="is there already"):
        Traffic(path, num_envs=1)


def test_skipped_trips_are_counted_and_the_others_drive(tmp_path):
    def edit(_, flow_file):
        wrong = {"route": list(BACK)}, {"startTime": 9, "endTime": 3}, {"interval": -1}
        flow_file += [dict(flow_file[0], **change) for change in wrong]
        flow_file.append(dict(flow_file[0], startTime=-7, endTime=0))

    path = written(tmp_path, edit=edit)
    with pytest.warns(UserWarning, match=r"4 entries are not played as written; the first: flow"):
        env = Traffic(path, num_envs=1, undrivable="skip")
    assert [note.split(": ")[1].split(".")[0] for note in env.skipped] == [
        "[2]", "[3]", "[4]", "[1]",
    ]  # fmt: skip
    env.reset(0)
    env.engine.advance(torch.tensor([[1]]), 1)
    # In second 0 one car of the first flow, and one of the last, which begins there.
    assert env.engine.average_travel_time().item() == 1
    assert len(env._flows) == 2 and env._flows[1].start_time == 0


def test_a_route_into_a_lane_that_does_not_lead_on_cannot_be_driven(tmp_path):
    """Of two lane links into the next road, only one leads to the third road."""

    def edit(net_file, _):
        for place in net_file["intersections"]:
            for link in place.get("roadLinks", []):
                kept = [x for x in link["laneLinks"] if x["endLaneIndex"] == 0]
                link["laneLinks"] = kept[:1]

    route = ("road_0_1_0", "road_1_1_0", "road_2_1_0")
    path = written(tmp_path, Grid(1, 2).roadnet(), [route, STRAIGHT], edit)
    with pytest.raises(ValueError, match=r"\[0\].route: .* reaches lane . of it, which does not"):
        Traffic(path, num_envs=1)
    with pytest.warns(UserWarning, match="1 entry is not played"):
        assert len(Traffic(path, num_envs=1, undrivable="skip")._flows) == 1


def test_lane_changes_are_refused_or_ignored_with_a_word(tmp_path):
    path = written(tmp_path, lane_change=True)
    with pytest.raises(ValueError, match="laneChange is true; .* lane_change=ignore plays"):
        Traffic(path, num_envs=1)
    with pytest.warns(UserWarning, match="laneChange is true and ignored"):
        Traffic(path, num_envs=1, lane_change="ignore").reset(0)


def test_several_cars_of_a_flow_depart_in_one_second(tmp_path):
    config = written(tmp_path, edit=flow_edit(interval=0.25))
    _, roadnet, flows = read_task(config)
    entries = EmbeddedEngine(roadnet, flows)._entries
    # The first in second 0, and four in each of the following seconds, as CityFlow's loop sends.
    sent, _ = entries.sent(2)
    assert sent.tolist() == [5]
    assert entries.sent(3)[0].tolist() == [9]


def test_dir_is_relative_to_the_config_or_a_folder_above_or_the_working_directory(
    tmp_path, monkeypatch
):
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    config = written(home / "tasks", dir="tasks/")
    Traffic(config, num_envs=1)  # a folder above the config
    monkeypatch.chdir(other)
    (home / "tasks" / "config.json").rename(other / "config.json")
    with pytest.raises(ValueError, match="roadnetFile is no file") as error:
        Traffic("config.json", num_envs=1)
    assert f"above, {other}, nor in the working directory, {other}" in str(error.value)
    monkeypatch.chdir(home)
    Traffic(str(other / "config.json"), num_envs=1)  # the working directory


def test_a_deep_file_and_one_that_is_no_text_are_refused(tmp_path):
    path = written(tmp_path)
    for name in ("config.json", "roadnet.json", "flow.json"):
        good = (tmp_path / name).read_bytes()
        for data, said in ((b"[" * 3000 + b"]" * 3000, "nested too deep"), (b"\xff{}", "not JSON")):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(ValueError, match=f"{name} is .*{said}"):
                Traffic(path, num_envs=1)
        (tmp_path / name).write_bytes(good)
    assert json.loads(good)

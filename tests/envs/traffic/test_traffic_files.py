"""CityFlow's files: what is written is read back, and what is malformed is said."""

import json
from dataclasses import replace

import pytest

from graphmarl.envs.traffic.files import (
    CityFlowConfig,
    Flow,
    VehicleKind,
    read_config,
    read_flow,
    read_roadnet,
    read_task,
    write_config,
    write_flow,
    write_roadnet,
    write_task,
)
from graphmarl.envs.traffic.geometry import at, bezier, lane_line, length
from graphmarl.envs.traffic.grid import Grid

FLOWS = (
    Flow(VehicleKind(), ("road_0_1_0", "road_1_1_0"), 2.5, 3, -1),
    Flow(VehicleKind(4.0, 1.5, 2.5, 4.0, 1.5, 3.0, 0.0, 16.67, 2.0), ("road_1_0_1", "road_1_1_2")),
)


@pytest.fixture
def task(tmp_path):
    """The folder of a grid of 1 x 1."""
    write_task(tmp_path, CityFlowConfig(seed=7, lane_change=True), Grid(1, 1).roadnet(), FLOWS)
    return tmp_path


@pytest.fixture
def short(task):
    """The same, with lane links of two points, which are soon read."""

    def cut(data):
        for link in data["intersections"][2]["roadLinks"]:
            for lane in link["laneLinks"]:
                lane["points"] = lane["points"][::10]

    change(task / "roadnet.json", cut)
    return task


def change(path, edit):
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def test_what_is_written_is_read_back_equal(task):
    assert read_task(task / "config.json") == (
        CityFlowConfig(seed=7, lane_change=True),
        Grid(1, 1).roadnet(),
        FLOWS,
    )


def test_the_same_data_are_the_same_bytes(task, tmp_path_factory):
    config, roadnet, flows = read_task(task / "config.json")
    again = tmp_path_factory.mktemp("again")
    write_task(again, config, roadnet, flows)
    for name in ("config.json", "roadnet.json", "flow.json"):
        assert (again / name).read_bytes() == (task / name).read_bytes()


def test_what_may_be_missing_is_what_cityflow_takes(task):
    change(task / "config.json", lambda data: data.pop("laneChange"))
    assert read_config(task / "config.json").lane_change is False

    def forget(data):
        del data[0]["startTime"], data[0]["endTime"]

    change(task / "flow.json", forget)
    first = read_flow(task / "flow.json", read_roadnet(task / "roadnet.json"))[0]
    assert (first.start_time, first.end_time) == (0, -1)


def test_of_a_virtual_intersection_nothing_but_its_place_is_read(task):
    def spoil(data):
        data["intersections"][0].update(width=12, roadLinks="nonsense", trafficLight=None)

    change(task / "roadnet.json", spoil)
    assert read_roadnet(task / "roadnet.json") == Grid(1, 1).roadnet()


def test_a_lane_link_without_points_has_the_curve_that_cityflow_draws(task):
    for points in ([], None):

        def forget(data, points=points):
            link = data["intersections"][2]["roadLinks"][0]["laneLinks"][0]
            link["points"] = points
            if points is None:
                del link["points"]

        change(task / "roadnet.json", forget)
        link = read_roadnet(task / "roadnet.json").signals[0].road_links[0].lane_links[0]
        # From lane 1, 6 m to the right of the road, to lane 0, 2 m to the right, 60 m to the east:
        # control points half of sqrt(60^2 + 4^2) = 60.133 m away, to the east and from the west.
        # In the middle of a cubic Bezier curve, 1/8 of the ends and 3/8 of the control points.
        assert link.points[0] == pytest.approx((-30, -6))
        assert link.points[-1] == pytest.approx((30, -2))
        assert link.points[5] == pytest.approx((0, -4))
        tenth = 0.729 * -30 + 0.243 * (-30 + 30.0666) + 0.027 * (30 - 30.0666) + 0.001 * 30
        assert link.points[1][0] == pytest.approx(tenth, abs=1e-3)


def test_in_a_narrow_intersection_control_points_are_five_metres_away():
    # Ends 6 m apart, so half is 3 m: 5 m instead, and the second one lies beyond the end.
    points = bezier((0.0, 0.0), (1.0, 0.0), (6.0, 0.0), (1.0, 0.0), 10.0)
    assert points[5][0] == pytest.approx((3 * 5 + 3 * 11 + 6) / 8)
    points = bezier((0.0, 0.0), (1.0, 0.0), (6.0, 0.0), (1.0, 0.0), 4.0)
    assert points[5][0] == pytest.approx((3 * 3 + 3 * 3 + 6) / 8)


def test_a_lane_keeps_to_the_right_of_a_road_with_a_bend():
    line = lane_line([(0.0, 0.0), (100.0, 0.0), (100.0, 50.0)], [4.0, 2.0], 1)
    right_of_bend = 5 / 2**0.5
    expected = [(0, -5), (100 + right_of_bend, -right_of_bend), (105, 50)]
    assert [tuple(map(pytest.approx, point)) for point in expected] == line
    assert at([(0.0, 0.0), (3.0, 0.0), (3.0, 9.0)], 5) == ((3.0, 2.0), (0.0, 1.0))
    assert at([(0.0, 0.0), (3.0, 0.0)], 99)[0] == (3.0, 0.0)
    assert length([(0.0, 0.0), (3.0, 4.0), (3.0, 6.0)]) == 7


def inner(data):
    return data["intersections"][2]


WRONG_ROADNETS = {
    "intersections[2].roadLinks[2].laneLinks[0].startLaneIndex is 3": lambda data: inner(data)[
        "roadLinks"
    ][2]["laneLinks"][0].update(startLaneIndex=3),
    "laneLinks[1].endLaneIndex is -1; the lanes of 'road_1_1_0' are 0 to 2": lambda data: inner(
        data
    )["roadLinks"][0]["laneLinks"][1].update(endLaneIndex=-1),
    "intersections[2].roadLinks[0].type is 'u_turn'; allowed are turn_left": lambda data: inner(
        data
    )["roadLinks"][0].update(type="u_turn"),
    "roadLinks[0].startRoad is 'road_9', which is no road": lambda data: inner(data)["roadLinks"][
        0
    ].update(startRoad="road_9"),
    "roadLinks[0].startRoad is 'road_1_1_0', which ends at 'intersection_2_1'": lambda data: inner(
        data
    )["roadLinks"][0].update(startRoad="road_1_1_0"),
    "roadLinks[0].endRoad is 'road_0_1_0', which begins at 'intersection_0_1'": lambda data: inner(
        data
    )["roadLinks"][0].update(endRoad="road_0_1_0"),
    "lightphases[1].availableRoadLinks[0] is 12; there are 12": lambda data: inner(data)[
        "trafficLight"
    ]["lightphases"][1].update(availableRoadLinks=[12]),
    "intersections[2].trafficLight.lightphases is empty": lambda data: inner(data)[
        "trafficLight"
    ].update(lightphases=[]),
    "intersections[2] has no width": lambda data: inner(data).pop("width"),
    "intersections[2].width is -1; it must be at least 0": lambda data: inner(data).update(
        width=-1
    ),
    "intersections[2].virtual is 0; it must be true or false": lambda data: inner(data).update(
        virtual=0
    ),
    "intersections[1].id is 'intersection_1_0', which is there already": lambda data: data[
        "intersections"
    ][1].update(id="intersection_1_0"),
    "intersections[0].roads[0] is 'x', which is no road": lambda data: data["intersections"][0][
        "roads"
    ].__setitem__(0, "x"),
    "intersections is {}; it must be a list": lambda data: data.update(intersections={}),
    "roads[3].lanes[0].width is 0; it must be above 0": lambda data: data["roads"][3]["lanes"][
        0
    ].update(width=0),
    'roads[3].lanes[2].maxSpeed is "fast"; it must be a number': lambda data: data["roads"][3][
        "lanes"
    ][2].update(maxSpeed="fast"),
    "roads[3].lanes is empty": lambda data: data["roads"][3].update(lanes=[]),
    "roads[3].endIntersection is 'x', which is no intersection": lambda data: data["roads"][
        3
    ].update(endIntersection="x"),
    "roads[3].points has 1 points": lambda data: data["roads"][3]["points"].pop(),
    "roads[3].points has the same point twice, as 0 and 1": lambda data: data["roads"][3].update(
        points=[{"x": 1, "y": 2}] * 2
    ),
    "roads[3].points[0].x is NaN; it must be a number": lambda data: data["roads"][3]["points"][
        0
    ].update(x=float("nan")),
    "roads[0] is 5; it must be an object": lambda data: data["roads"].__setitem__(0, 5),
}


@pytest.mark.parametrize("said", WRONG_ROADNETS)
def test_a_malformed_roadnet_is_said_with_its_place(short, said):
    change(short / "roadnet.json", WRONG_ROADNETS[said])
    with pytest.raises(ValueError) as error:
        read_roadnet(short / "roadnet.json")
    assert said in str(error.value)
    assert str(error.value).startswith(str(short / "roadnet.json"))


WRONG_FLOWS = {
    "[1].route[1] is 'x', which is no road": lambda data: data[1]["route"].__setitem__(1, "x"),
    "[1].route is empty": lambda data: data[1].update(route=[]),
    "[0].interval is 0; it must be above 0": lambda data: data[0].update(interval=0),
    "[0].startTime is 0.5; it must be an integer": lambda data: data[0].update(startTime=0.5),
    "[0].startTime is -1; it must be at least 0": lambda data: data[0].update(startTime=-1),
    "[0].endTime is -2; it must be at least -1": lambda data: data[0].update(endTime=-2),
    "[0].endTime is true; it must be an integer": lambda data: data[0].update(endTime=True),
    "[1].vehicle has no headwayTime": lambda data: data[1]["vehicle"].pop("headwayTime"),
    "[1].vehicle.maxNegAcc is 0; it must be above 0": lambda data: data[1]["vehicle"].update(
        maxNegAcc=0
    ),
}


@pytest.mark.parametrize("said", WRONG_FLOWS)
def test_a_malformed_flow_is_said_with_its_place(short, said):
    change(short / "flow.json", WRONG_FLOWS[said])
    with pytest.raises(ValueError) as error:
        read_task(short / "config.json")
    assert str(error.value).startswith(f"{short / 'flow.json'}: {said}")


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("laneChange is 1; it must be true or false", {"laneChange": 1}),
        ("interval is -1.0; it must be above 0", {"interval": -1.0}),
        ("dir is null; it must be a string", {"dir": None}),
    ],
)
def test_a_malformed_config_is_said_with_its_place(task, said, changes):
    change(task / "config.json", lambda data: data.update(changes))
    with pytest.raises(ValueError) as error:
        read_config(task / "config.json")
    assert f"{task / 'config.json'}: {said}" in str(error.value)


def test_files_that_are_missing_or_no_json_are_said(task):
    change(task / "config.json", lambda data: data.update(roadnetFile="other.json"))
    with pytest.raises(ValueError, match=r"roadnetFile is no file: .* 'other\.json'"):
        read_task(task / "config.json")
    (task / "config.json").write_text("{'a': 1}")
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        read_config(task / "config.json")


def test_each_number_of_a_vehicle_has_its_own_member(tmp_path):
    """Numbers that all differ show that no two members are swapped."""
    kind = VehicleKind(*(k + 0.5 for k in range(1, 10)))
    roadnet = Grid(1, 1).roadnet()
    write_roadnet(roadnet, tmp_path / "roadnet.json")
    write_flow([replace(FLOWS[0], vehicle=kind)], tmp_path / "flow.json")
    write_config(CityFlowConfig(), tmp_path / "config.json")
    names = "length width maxPosAcc maxNegAcc usualPosAcc usualNegAcc minGap maxSpeed headwayTime"
    written = json.loads((tmp_path / "flow.json").read_text())[0]["vehicle"]
    assert written == {name: k + 1.5 for k, name in enumerate(names.split())}
    assert read_task(tmp_path / "config.json")[2][0].vehicle == kind

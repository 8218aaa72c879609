"""Grids agree with CityFlow's own grid generator, and with what their numbers say."""

import json
from pathlib import Path

import pytest

from graphmarl.envs.traffic.files import (
    CityFlowConfig,
    read_flow,
    read_roadnet,
    read_task,
    write_task,
)
from graphmarl.envs.traffic.geometry import length
from graphmarl.envs.traffic.grid import Grid

TRACES = Path(__file__).parent / "traces"


@pytest.mark.parametrize("side", [1, 2])
def test_it_is_the_grid_of_cityflows_generator(side):
    ours = Grid(side, side).roadnet()
    theirs = read_roadnet(TRACES / f"grid_{side}x{side}" / "roadnet.json")
    assert ours.roads == theirs.roads
    for one, other in zip(ours.intersections, theirs.intersections, strict=True):
        for name in ("id", "point", "width", "roads", "virtual"):
            assert getattr(one, name) == getattr(other, name)
        for mine, phase in zip(one.phases, other.phases, strict=True):
            assert mine.time == phase.time and set(mine.road_links) == set(phase.road_links)
        for mine, link in zip(one.road_links, other.road_links, strict=True):
            assert (mine.kind, mine.start_road) == (link.kind, link.start_road)
            assert mine.end_road == link.end_road
            for a, b in zip(mine.lane_links, link.lane_links, strict=True):
                assert (a.start_lane, a.end_lane) == (b.start_lane, b.end_lane)
                assert length(a.points) == pytest.approx(length(b.points), abs=0.01)


@pytest.mark.parametrize("side", [1, 2])
def test_files_of_others_are_written_back_equal(side, tmp_path):
    """All that CityFlow reads: not the names of logs, and of virtual intersections the place."""
    folder = TRACES / f"grid_{side}x{side}"
    write_task(tmp_path, *read_task(folder / "config.json"))
    for name in ("config.json", "roadnet.json", "flow.json"):
        theirs = json.loads((folder / name).read_text())
        if name == "config.json":
            del theirs["roadnetLogFile"], theirs["replayLogFile"]
        if name == "roadnet.json":
            for place in theirs["intersections"]:
                if place["virtual"]:
                    place["trafficLight"]["lightphases"] = []
        assert json.loads((tmp_path / name).read_text()) == theirs


def test_rows_columns_and_distances_are_where_they_belong():
    grid = Grid(2, 3, east_west=800.0, north_south=600.0)
    net = grid.roadnet()
    assert [place.id for place in net.signals] == [
        f"intersection_{x}_{y}" for y in (1, 2) for x in (1, 2, 3)
    ]
    assert net.signals[-1].point == (1600.0, 600.0)
    # 2 rows of 4 streets and 3 columns of 3 streets, two roads each.
    assert len(net.roads) == 2 * (2 * 4 + 3 * 3)
    assert sum(place.virtual for place in net.intersections) == 2 * (2 + 3)
    assert {length(road.points) for road in net.roads} == {800.0, 600.0}
    east = next(road for road in net.roads if road.id == "road_1_1_0")
    assert (east.start_intersection, east.end_intersection) == (
        "intersection_1_1",
        "intersection_2_1",
    )


def test_the_eight_phases_are_pairs_that_do_not_cross():
    """A left turn and the opposite straight on are the pair that crosses and never has green."""
    place = Grid(1, 1).roadnet().signals[0]
    way = {"road_0_1_0": "E", "road_1_0_1": "N", "road_2_1_2": "W", "road_1_2_3": "S"}
    turn = {"turn_left": "l", "go_straight": "s", "turn_right": "r"}
    names = [way[link.start_road] + turn[link.kind] for link in place.road_links]
    green = [" ".join(sorted(names[k] for k in phase.road_links)) for phase in place.phases]
    rights = ["Er", "Nr", "Sr", "Wr"]
    pairs = ["", "Es Ws", "Ns Ss", "El Wl", "Nl Sl", "El Es", "Wl Ws", "Nl Ns", "Sl Ss"]
    assert green == [" ".join(sorted(rights + pair.split())) for pair in pairs]


def test_lanes_turn_as_they_are_told_to_and_points_are_those_of_their_ends():
    place = Grid(1, 1, lanes=(2, 1, 1), lane_width=3.0, width=20.0).roadnet().signals[0]
    starts = {
        link.kind: sorted({lane.start_lane for lane in link.lane_links})
        for link in place.road_links
        if link.start_road == "road_0_1_0"
    }
    assert starts == {"turn_left": [0, 1], "go_straight": [2], "turn_right": [3]}
    left = next(link for link in place.road_links if link.kind == "turn_left")
    lane = next(lane for lane in left.lane_links if (lane.start_lane, lane.end_lane) == (1, 3))
    # Eastwards on lane 1, 4.5 m to the right of the road; northwards out on lane 3, 10.5 m.
    assert lane.points[0] == (-20.0, -4.5) and lane.points[-1] == (10.5, 20.0)


def test_without_lanes_for_a_turn_there_is_no_such_movement():
    place = Grid(1, 1, lanes=(0, 1, 0)).roadnet().signals[0]
    assert {link.kind for link in place.road_links} == {"go_straight"}
    assert len(place.phases) == 9 and place.phases[0].road_links == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rows": 0}, "rows is 0; there must be at least 1"),
        ({"max_speed": 0.0}, "max_speed is 0.0; it must be above 0"),
        ({"east_west": 60.0}, "east_west is 60.0; it must be above twice the width"),
        ({"lanes": (0, 0, 0)}, "lanes is .*; none is negative, and there is at least 1"),
    ],
)
def test_numbers_that_are_not_allowed_are_said(options, said):
    with pytest.raises(ValueError, match=said):
        Grid(**options)


def test_a_written_grid_is_read_back_equal(tmp_path):
    net = Grid(1, 2, 250.0, 200.0, (1, 0, 1), 3.2, 13.89, 25.0).roadnet()
    config = write_task(tmp_path, CityFlowConfig(), net, ())
    assert read_task(config)[1] == net
    assert read_flow(tmp_path / "flow.json", net) == ()

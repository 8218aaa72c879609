"""Small road networks of the structures that public data has, made of a grid."""

import json
from dataclasses import replace

from graphmarl.envs.traffic.files import (
    CityFlowConfig,
    Flow,
    Phase,
    VehicleKind,
    write_task,
)
from graphmarl.envs.traffic.grid import Grid

STRAIGHT = ("road_0_1_0", "road_1_1_0")
LEFT = ("road_1_0_1", "road_1_1_2")
KIND = VehicleKind()


def changed(net, number=None, **changes):
    """The network in which the signal of that number, or all, are changed."""
    new = {
        signal.id: replace(signal, **changes)
        for k, signal in enumerate(net.signals)
        if number in (None, k)
    }
    places = tuple(new.get(place.id, place) for place in net.intersections)
    return replace(net, intersections=places)


def links_of(net, *kinds, signal=0):
    """Numbers of the road links of some kinds of turns."""
    return tuple(k for k, x in enumerate(net.signals[signal].road_links) if x.kind in kinds)


def with_plan(net, *phases):
    """The network whose signals have phases of these tuples of road links."""
    return changed(net, phases=tuple(Phase(30.0, links) for links in phases))


def written(folder, net=None, routes=(STRAIGHT,), edit=None, **options):
    """Path of the config of a task; `edit` changes the parsed roadnet and flow in place."""
    flows = [Flow(KIND, route, 5.0) for route in routes]
    path = write_task(folder, CityFlowConfig(**options), net or Grid(1, 1).roadnet(), flows)
    if edit is not None:
        files = [folder / name for name in ("roadnet.json", "flow.json")]
        parsed = [json.loads(file.read_text()) for file in files]
        edit(*parsed)
        for file, data in zip(files, parsed, strict=True):
            file.write_text(json.dumps(data))
    return str(path)


def engineered():
    """The plan of CityFlow's own example: greens first, with yellow after each of them."""
    net = Grid(1, 1).roadnet()
    right = links_of(net, "turn_right")
    greens = [links_of(net, kind) for kind in ("go_straight", "turn_left")]
    return with_plan(net, greens[0] + right, right, greens[1] + right, right)


def single_phases():
    """A row of three signals, of which the middle one has a single phase that frees everything."""
    net = Grid(1, 3).roadnet()
    every = tuple(range(len(net.signals[1].road_links)))
    return changed(net, 1, phases=(Phase(30.0, every),))


def u_turn(net_file, _):
    """A turn from a road into its own way back, as a left turn."""
    links = inner(net_file)["roadLinks"]
    kind = {"type": "turn_left", "startRoad": "road_0_1_0"}
    link = next(link for link in links if kind.items() <= link.items())
    link["endRoad"] = "road_1_1_2"


def inner(net_file):
    """The signal of a grid of 1 x 1."""
    return net_file["intersections"][2]


def loop(net_file, _):
    """A road that comes back to the intersection where it begins."""
    road = next(r for r in net_file["roads"] if r["id"] == "road_1_1_1")
    points = [(0, 0), (0, 300), (300, 300), (300, 0), (0, 0)]
    road["points"] = [{"x": x, "y": y} for x, y in points]
    road["endIntersection"] = "intersection_1_1"


def without_lefts():
    """A network whose left turns have no road links, as the generator makes with `--turn`."""
    net = Grid(1, 1).roadnet()
    keep = links_of(net, "go_straight", "turn_right")
    links = tuple(net.signals[0].road_links[k] for k in keep)
    right = tuple(k for k, link in enumerate(links) if link.kind == "turn_right")
    every = tuple(range(len(links)))
    return changed(net, road_links=links, phases=(Phase(5.0, right), Phase(30.0, every)))


def narrow(net_file, _):
    """Roads with one lane each; the lane links go there."""
    for road in net_file["roads"]:
        road["lanes"] = road["lanes"][:1]
    for link in inner(net_file)["roadLinks"]:
        link["laneLinks"] = [link["laneLinks"][0] | {"startLaneIndex": 0, "endLaneIndex": 0}]


def island(net_file, _):
    """A second network, which no road joins to the first."""
    for name, x in (("a", 9000), ("b", 9300)):
        place = {"id": name, "point": {"x": x, "y": 0}, "roads": [], "virtual": True}
        net_file["intersections"].append(place)
    ends = {"startIntersection": "a", "endIntersection": "b"}
    points = [{"x": 9000, "y": 0}, {"x": 9300, "y": 0}]
    lanes = [{"width": 4, "maxSpeed": 10}]
    net_file["roads"].append({"id": "ab", "points": points, "lanes": lanes} | ends)

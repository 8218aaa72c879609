"""The laws of the embedded engine: nobody is lost, nobody overlaps, copies are strangers."""

from dataclasses import replace

import pytest
import torch

from graphmarl.envs.traffic.engine import EmbeddedEngine
from graphmarl.envs.traffic.files import Flow, LaneLink, Phase, VehicleKind
from graphmarl.envs.traffic.grid import Grid

pytestmark = pytest.mark.usefixtures("unchecked")

LORRY = VehicleKind(
    length=10.0, max_acceleration=1.5, usual_acceleration=1.2, usual_deceleration=3.0,
    max_deceleration=4.0, max_speed=9.0, min_gap=3.0,
)  # fmt: skip
KINDS = (VehicleKind(), LORRY, VehicleKind(length=3.0, max_speed=16.0, headway_time=1.0))


def grid(rows, columns, every_lane=False, all_green=False):
    """A grid with short roads; on demand every lane leads everywhere, and nothing is ever red."""
    roadnet = Grid(rows, columns, east_west=160.0, north_south=120.0).roadnet()
    places, pairs = [], [(a, b) for a in range(3) for b in range(3)]
    for place in roadnet.intersections:
        links = place.road_links
        if every_lane:
            lines = [link.lane_links[0].points for link in links]
            links = tuple(
                replace(link, lane_links=tuple(LaneLink(*pair, line) for pair in pairs))
                for link, line in zip(links, lines, strict=True)
            )
        everything = (Phase(5.0, tuple(range(len(links)))),)
        phases = everything if all_green and not place.virtual else place.phases
        places.append(replace(place, road_links=links, phases=phases))
    return replace(roadnet, intersections=tuple(places))


def crowd(roadnet, seed, number=150, kinds=KINDS, within=120):
    """Random trips of random kinds, single ones and flows."""
    random = torch.Generator().manual_seed(seed)

    def draw(high):
        return int(torch.randint(high, (), generator=random))

    after = {}
    for place in roadnet.intersections:
        for link in place.road_links:
            after.setdefault(link.start_road, []).append(link.end_road)
    starts = sorted(after)
    flows = []
    for _ in range(number):
        route = [starts[draw(len(starts))]]
        while route[-1] in after and len(route) < 6:
            route.append(after[route[-1]][draw(len(after[route[-1]]))])
        start, again = draw(within), draw(4) == 0
        kind = kinds[draw(len(kinds))]
        flows.append(Flow(kind, tuple(route), 7.5, start, start + 20 if again else start))
    return flows


def sent_until(flows, now):
    """How many vehicles begin before this second, counted one by one."""
    return sum(
        flow.start_time + -(-number * flow.interval // 1) < now
        for flow in flows
        for number in range(int((flow.end_time - flow.start_time) // flow.interval) + 1)
    )


def random_phases(engine, seed, copies=None):
    random = torch.Generator().manual_seed(seed)
    shape = (copies or engine.copies, engine.num_signals)
    return torch.randint(int(engine.network.phases.min()), shape, generator=random)


def everything(engine):
    """All that changes, as one list of tensors."""
    fleet = engine.state_dict()["fleet"]
    seen = (engine.lane_vehicles(), engine.lane_waiting(), engine.vehicles(), engine.finished())
    return [*seen, engine.average_travel_time(), engine.time(), fleet["distance"], fleet["speed"]]


def equal(ours, theirs):
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def check_order(engine):
    """Everyone is on its drivable; those on one drivable stand in their order."""
    fleet, lineup, network = engine._fleet, engine._lineup, engine.network
    assert len((fleet.trip + fleet.copy * 10**6).unique()) == len(fleet)
    assert (fleet.distance >= 0).all() and (fleet.distance <= network.length[fleet.place]).all()
    assert (fleet.speed >= 0).all() and torch.isfinite(fleet.speed).all()
    follows = torch.ones(len(fleet), dtype=torch.bool)
    follows[lineup.first] = False
    assert (lineup.spot[1:] >= lineup.spot[:-1]).all()
    assert (lineup.leader[follows] == follows.nonzero().squeeze(1) - 1).all()
    return lineup.gap[follows & ~network.is_link[fleet.place]]


@pytest.mark.parametrize(
    ("seed", "every_lane", "all_green"),
    [(0, False, False), (1, True, False), (2, False, True), (3, True, True)],
)
def test_nobody_is_lost_or_doubled(seed, every_lane, all_green):
    roadnet = grid(2, 2, every_lane, all_green)
    flows = crowd(roadnet, seed)
    engine = EmbeddedEngine(roadnet, flows, copies=2)
    for decision in range(20):
        engine.advance(random_phases(engine, decision), 7)
        now = 7 * (decision + 1)
        assert int((engine._entries._time < now).sum()) == sent_until(flows, now)
        assert (engine.lane_vehicles().sum(1) <= engine.vehicles()).all()
        assert (engine.lane_waiting() <= engine.lane_vehicles()).all()
        entered = engine._entries._entered.view(2, -1).sum(1)
        assert torch.equal(entered, engine.vehicles() + engine.finished())
        assert (entered <= sent_until(flows, now)).all()
        check_order(engine)
    assert (engine.finished() > 10).all()


def test_everyone_arrives_in_the_end():
    roadnet = grid(2, 2)
    flows = crowd(roadnet, 2, number=60)
    engine = EmbeddedEngine(roadnet, flows)
    for decision in range(160):
        engine.advance(torch.full((1, 4), 1 + decision % 8), 10)
    assert engine.vehicles().tolist() == [0]
    assert engine.finished().tolist() == [sent_until(flows, 1600)]


@pytest.mark.parametrize("seed", range(2))
def test_nobody_overlaps_where_lanes_do_not_merge(seed):
    """Each lane leads over one lane link into one lane: no two queues meet there."""
    roadnet = grid(1, 2)
    places = []
    for place in roadnet.intersections:
        links = []
        for link in place.road_links:
            straight = (each for each in link.lane_links if each.end_lane == each.start_lane)
            links.append(replace(link, lane_links=tuple(straight)))
        places.append(replace(place, road_links=tuple(links)))
    roadnet = replace(roadnet, intersections=tuple(places))
    flows = [flow for flow in crowd(roadnet, seed, number=200, within=90) if len(flow.route) == 2]
    engine, gaps = EmbeddedEngine(roadnet, flows), []
    for decision in range(60):
        engine.advance(random_phases(engine, 100 + decision), 3)
        gaps.append(check_order(engine))
    assert torch.cat(gaps).min() >= 0
    assert int(engine.finished()) > 20


def test_one_copy_is_as_if_alone():
    roadnet = grid(2, 2)
    crowds = [crowd(roadnet, seed) for seed in range(3)]
    together = EmbeddedEngine(roadnet, (), copies=3)
    together.reset(torch.ones(3, dtype=torch.bool), crowds)
    alone = [EmbeddedEngine(roadnet, flows) for flows in crowds]
    for decision in range(15):
        phase = random_phases(together, decision)
        together.advance(phase, 5)
        for number, engine in enumerate(alone):
            engine.advance(phase[number : number + 1], 5)
    fleet = together.state_dict()["fleet"]
    for number, engine in enumerate(alone):
        mine = fleet["copy"] == number
        own = [seen[number : number + 1] for seen in everything(together)[:6]]
        assert equal([*own, fleet["distance"][mine], fleet["speed"][mine]], everything(engine))
    assert len(set(together.finished().tolist())) == 3


def test_copies_with_the_same_flows_and_signals_are_equal():
    roadnet = grid(2, 3)
    engine = EmbeddedEngine(roadnet, crowd(roadnet, 5), copies=4)
    for decision in range(12):
        engine.advance(random_phases(engine, decision, 1).expand(4, -1), 10)
    fleet = engine.state_dict()["fleet"]
    for name in ("distance", "speed", "place"):
        rows = [fleet[name][fleet["copy"] == copy] for copy in range(4)]
        assert len(rows[0]) > 10 and all(torch.equal(rows[0], row) for row in rows)


def test_a_reset_disturbs_nobody_else():
    roadnet = grid(2, 2)
    first, second = crowd(roadnet, 6), crowd(roadnet, 7, number=250)
    engine, beside = EmbeddedEngine(roadnet, first, copies=2), EmbeddedEngine(roadnet, first)
    again = EmbeddedEngine(roadnet, second)
    for decision in range(24):
        if decision == 12:
            engine.reset(torch.tensor([True, False]), [second])
            assert engine.vehicles()[0] == engine.time()[0] == engine.finished()[0] == 0
        phase = random_phases(engine, decision)
        engine.advance(phase, 5)
        beside.advance(phase[1:], 5)
        if decision >= 12:
            again.advance(phase[:1], 5)
    fleet = engine.state_dict()["fleet"]
    for number, other in enumerate((again, beside)):
        mine = fleet["copy"] == number
        own = [seen[number : number + 1] for seen in everything(engine)[:6]]
        assert equal([*own, fleet["distance"][mine], fleet["speed"][mine]], everything(other))


def test_saved_and_loaded_goes_on_to_the_bit(tmp_path):
    roadnet = grid(2, 2)
    flows = [replace(flow, end_time=-1) for flow in crowd(roadnet, 8, number=20)]
    engine = EmbeddedEngine(roadnet, flows, copies=2)
    engine.advance(random_phases(engine, 0), 40)
    engine.reset(torch.tensor([True, False]), [crowd(roadnet, 9)])
    engine.advance(random_phases(engine, 1), 40)
    torch.save(engine.state_dict(), tmp_path / "state.pt")
    other = EmbeddedEngine(roadnet, flows, copies=2)
    other.load_state_dict(torch.load(tmp_path / "state.pt"))
    for decision in range(10):
        for each in (engine, other):
            each.advance(random_phases(each, decision), 5)
        if decision == 5:
            engine.reset(torch.tensor([False, True]))
            other.reset(torch.tensor([False, True]))
    assert equal(everything(engine), everything(other))
    assert len(everything(engine)[-1]) > 10


def test_flows_without_an_end_go_on_past_what_was_known_first(monkeypatch):
    monkeypatch.setattr("graphmarl.envs.traffic.departures.FIRST_SECONDS", 50)
    roadnet = grid(1, 1, all_green=True)
    links = [link for place in roadnet.intersections for link in place.road_links]
    flows = [
        Flow(VehicleKind(), (link.start_road, link.end_road), 40.5, 10, -1) for link in links[:3]
    ]
    engine = EmbeddedEngine(roadnet, flows[:1], copies=2)
    engine.advance(torch.zeros(2, 1, dtype=torch.long), 20)
    engine.reset(torch.tensor([False, True]), [flows])
    engine.advance(torch.zeros(2, 1, dtype=torch.long), 280)
    # The n-th comes in second 10 + ceil(40.5 n): 294 for n = 7, 253 for n = 6; 334 for n = 8.
    sent = engine.vehicles() + engine.finished()
    assert sent.tolist() == [1 + 7, 3 * (1 + 6)]
    assert engine.time().tolist() == [300, 280]
    assert (engine.finished() >= torch.tensor([6, 15])).all()


def test_one_vehicle_alone_drives_as_computed():
    """2 m/s faster every second up to 11.111 m/s, from a standstill at the start of its lane."""
    roadnet = grid(1, 1, all_green=True)
    link = next(
        link
        for place in roadnet.intersections
        for link in place.road_links
        if link.kind == "go_straight"
    )
    flow = Flow(VehicleKind(), (link.start_road, link.end_road), 1.0, 3, 3)
    engine = EmbeddedEngine(roadnet, [flow])
    green = torch.zeros(1, 1, dtype=torch.long)
    engine.advance(green, 3)
    assert engine.vehicles().tolist() == [0]
    driven, speed = 0.0, 0.0
    for _ in range(8):
        engine.advance(green)
        faster = min(speed + 2, 11.111)
        driven, speed = driven + (speed + faster) / 2, faster
        assert engine._fleet.distance.tolist() == pytest.approx([driven])
    assert engine.average_travel_time().tolist() == [8.0]


def test_bad_input_is_refused():
    roadnet = grid(1, 1)
    flows = crowd(roadnet, 0, number=3)
    engine = EmbeddedEngine(roadnet, flows)
    with pytest.raises(ValueError, match="'intersection_1_1' in copy 0 is 9; it has 9 phases"):
        engine.advance(torch.tensor([[9]]))
    with pytest.raises(ValueError, match=r"shape \(2, 1\); it must be .* \(1, 1\)"):
        engine.advance(torch.tensor([[1], [1]]))
    with pytest.raises(ValueError, match="seconds is 0"):
        engine.advance(torch.tensor([[1]]), 0)
    with pytest.raises(ValueError, match="copies is 0"):
        EmbeddedEngine(roadnet, flows, copies=0)
    with pytest.raises(ValueError, match=r"flows\[0\].route is .* at least 2 roads"):
        EmbeddedEngine(roadnet, [replace(flows[0], route=flows[0].route[:1])])
    with pytest.raises(ValueError, match=r"flows\[0\].route names 'nowhere'"):
        EmbeddedEngine(roadnet, [replace(flows[0], route=(flows[0].route[0], "nowhere"))])
    with pytest.raises(ValueError, match=r"there is no way from"):
        EmbeddedEngine(roadnet, [replace(flows[0], route=flows[0].route[::-1])])
    with pytest.raises(ValueError, match=r"flows\[0\].interval is 0.001"):
        EmbeddedEngine(roadnet, [replace(flows[0], interval=0.001, end_time=-1)])
    with pytest.raises(ValueError, match="flows is for 2 copies, but 1 are reset"):
        engine.reset(torch.tensor([True]), [flows, flows])
    with pytest.raises(ValueError, match="has 1 copies; this engine has 2"):
        EmbeddedEngine(roadnet, flows, copies=2).load_state_dict(engine.state_dict())

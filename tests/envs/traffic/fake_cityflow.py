"""A module with CityFlow's python interface, and a far simpler traffic behind it.

Names, arguments and results are those of CityFlow's python module. Vehicles drive a road in its
length over its speed, queue at its end and pass one a second and lane where there is green. Where
CityFlow would end the process, this raises `Crash`, which nobody catches.
"""

import json
from math import ceil, hypot
from pathlib import Path

MEMBERS = set(["length", "width", "maxPosAcc", "maxNegAcc", "usualPosAcc", "usualNegAcc"])
MEMBERS |= {"minGap", "maxSpeed", "headwayTime"}


class Crash(BaseException):
    """CityFlow would have ended the process."""


class Vehicle:
    def __init__(self, name, route, now):
        self.name, self.route, self.enter = name, route, now
        self.place, self.left, self.lane, self.late = 0, 0, None, 0


class Archive:
    def __init__(self, engine):
        self.engine = engine

    def dump(self, path):
        Path(path).write_text("{}")


class Engine:
    living = 0

    def __init__(self, config_file, thread_num=1):
        config = json.loads(Path(config_file).read_text())
        if not config["rlTrafficLight"] or config["saveReplay"]:
            raise Crash("phases would be ignored, or a replay written")
        self.interval, folder = config["interval"], config["dir"]
        net = json.loads(Path(folder + config["roadnetFile"]).read_text())
        self.flows = json.loads(Path(folder + config["flowFile"]).read_text())
        self.roads = {road["id"]: road for road in net["roads"]}
        self.signals = {place["id"]: place for place in net["intersections"]}
        self.links = {
            (link["startRoad"], link["endRoad"]): (place["id"], number, link["laneLinks"])
            for place in net["intersections"]
            for number, link in enumerate(place["roadLinks"])
        }
        Engine.living += 1
        if Engine.living > 1:
            raise Crash("two engines wait for each other")
        self.reset(True)

    def __del__(self):
        Engine.living -= 1

    def reset(self, seed=False):
        if seed:
            self.drawn = 0
        self.step, self.vehicles, self.gone, self.travelled = 0, [], 0, 0.0
        self.pushed, self.phase = 0, dict.fromkeys(self.signals, 0)

    def set_tl_phase(self, intersection_id, phase_id):
        place = self.signals.get(intersection_id)
        if place is None or place["virtual"]:
            raise Crash("no such signal")
        if not 0 <= phase_id < len(place["trafficLight"]["lightphases"]):
            raise Crash("no such phase")
        self.phase[intersection_id] = phase_id

    def _spawn(self):
        for number, flow in enumerate(self.flows):
            start, end, every = flow["startTime"], flow["endTime"], flow["interval"]
            if self.step < start or (end != -1 and self.step > end):
                continue
            first, last = ceil((self.step - start) / every), ceil((self.step - start + 1) / every)
            for k in range(first, last):
                self.vehicles.append(Vehicle(f"flow_{number}_{k}", flow["route"], self.step))

    def push_vehicle(self, info, route):
        if set(info) != MEMBERS or not all(road in self.roads for road in route):
            raise Crash("no such number or road")
        self.vehicles.append(Vehicle(f"manually_pushed_{self.pushed}", route, self.step))
        # What is drawn for a vehicle makes a difference, and goes on without a new seed.
        self.vehicles[-1].late = self.drawn % 2
        self.pushed, self.drawn = self.pushed + 1, self.drawn + 1

    def _enter(self, vehicle, lane):
        road = self.roads[vehicle.route[vehicle.place]]
        (a, b), (c, d) = ((p["x"], p["y"]) for p in (road["points"][0], road["points"][-1]))
        speed = road["lanes"][lane]["maxSpeed"]
        vehicle.lane, vehicle.left = lane, ceil(hypot(c - a, d - b) / speed) + vehicle.late

    def next_step(self):
        self._spawn()
        passed = set()
        for vehicle in list(self.vehicles):
            route, place = vehicle.route, vehicle.place
            onwards = self.links.get(tuple(route[place : place + 2]))
            if vehicle.lane is None:
                self._enter(vehicle, onwards[2][0]["startLaneIndex"] if onwards else 0)
            elif vehicle.left > 0:
                vehicle.left -= 1
            elif onwards is None:
                self.vehicles.remove(vehicle)
                self.gone, self.travelled = (
                    self.gone + 1,
                    self.travelled + self.step - vehicle.enter,
                )
            else:
                signal, number, lanes = onwards
                light = self.signals[signal]["trafficLight"]["lightphases"][self.phase[signal]]
                lane = (route[place], vehicle.lane)
                if number in light["availableRoadLinks"] and lane not in passed:
                    passed.add(lane)
                    vehicle.place += 1
                    after = self.links.get(tuple(route[place + 1 : place + 3]))
                    wanted = after[2][0]["startLaneIndex"] if after else lanes[0]["endLaneIndex"]
                    self._enter(vehicle, wanted)
        self.step += 1

    def _counts(self, which):
        counts = {
            f"{road}_{lane}": 0
            for road in self.roads
            for lane in range(len(self.roads[road]["lanes"]))
        }
        for vehicle in self.vehicles:
            if vehicle.lane is not None and which(vehicle):
                counts[f"{vehicle.route[vehicle.place]}_{vehicle.lane}"] += 1
        return dict(sorted(counts.items()))

    def get_lane_vehicle_count(self):
        return self._counts(lambda vehicle: True)

    def get_lane_waiting_vehicle_count(self):
        return self._counts(lambda vehicle: vehicle.left == 0)

    def get_vehicles(self, include_waiting=False):
        return [v.name for v in self.vehicles if include_waiting or v.lane is not None]

    def get_vehicle_count(self):
        return len(self.get_vehicles())

    def get_current_time(self):
        return self.step * self.interval

    def get_average_travel_time(self):
        total = self.travelled + sum(self.step - vehicle.enter for vehicle in self.vehicles)
        number = self.gone + len(self.vehicles)
        return total / number if number else 0.0

    def snapshot(self):
        return Archive(self)

    def load(self, archive):
        raise Crash("not an exact state in CityFlow")

    def load_from_file(self, path):
        raise Crash("not an exact state in CityFlow")

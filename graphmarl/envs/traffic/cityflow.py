"""The engine CityFlow itself, where it is installed."""

from __future__ import annotations

import importlib
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.files import Config, Flow, Roadnet, VehicleKind, write_task
from graphmarl.envs.traffic.protocol import check_phase
from graphmarl.envs.traffic.writing import MEMBERS

HOW = (
    "the engine 'cityflow' needs the module cityflow, which is built from its source, with a C++ "
    "compiler, cmake and Python below 3.12: git clone --recursive "
    "https://github.com/cityflow-project/CityFlow && pip install ./CityFlow; "
    "the engine 'embedded' needs nothing"
)
REST = 0.1  # seconds


def load_cityflow() -> Any:
    """The module.

    Raises:
        ImportError: says how to build it.
    """
    try:
        return importlib.import_module("cityflow")
    except ImportError as error:
        raise ImportError(HOW) from error


class CityFlowEngine:
    """CityFlow behind the methods of a `TrafficEngine`; one copy, on the CPU.

    Zhang et al., `CityFlow: A Multi-Agent Reinforcement Learning Environment for Large Scale City
    Traffic Scenario <https://arxiv.org/abs/1905.05217>`_.

    CityFlow ends the process where a phase or a road is wrong, and may wait for ever where an
    engine ends. Here phases and routes are looked at before it sees them, and an engine lives until
    `close`, one at a time. Vehicles are pushed into it in the second in which their flow sends
    them, so that other flows need no other engine.

    Args:
        roadnet: the network.
        flows: the vehicles, unless `reset` says otherwise.
        copies: 1.
        device: `cpu`.
        threads: of CityFlow.
        lane_change: whether vehicles change lanes on the way.

    Raises:
        ImportError: the module cityflow is missing; says how to build it.
        RuntimeError: there is another one in this process.
        ValueError: more than one copy, another device, or a route that is none.
    """

    _living: ClassVar[weakref.ref[CityFlowEngine] | None] = None

    def __init__(
        self,
        roadnet: Roadnet,
        flows: Sequence[Flow],
        copies: int = 1,
        device: str | torch.device = "cpu",
        threads: int = 1,
        lane_change: bool = False,
    ) -> None:
        self._engine: Any = None
        if copies != 1:
            way = "start a process for each, or take the engine 'embedded', which plays any number"
            raise ValueError(f"copies is {copies}; CityFlow plays 1 in a process: {way}")
        if torch.device(device).type != "cpu":
            raise ValueError(f"device is {device}; CityFlow runs on the cpu")
        module = load_cityflow()
        living = CityFlowEngine._living and CityFlowEngine._living()
        if living is not None and living._engine is not None:
            raise RuntimeError(
                "there is a CityFlowEngine in this process already; close() it first"
            )
        self.copies, self.roadnet = copies, roadnet
        self._lanes = tuple(
            f"{road.id}_{k}" for road in roadnet.roads for k in range(len(road.lanes))
        )
        self.num_lanes, self.num_signals = len(self._lanes), len(roadnet.signals)
        self._phases = torch.tensor([len(place.phases) for place in roadnet.signals])
        self._names = [place.id for place in roadnet.signals]
        self._own = self._checked(flows)
        with TemporaryDirectory(prefix="graphmarl-cityflow-") as folder:
            config = Config(dir=f"{folder}/", rl_traffic_light=True, lane_change=lane_change)
            self._engine = module.Engine(str(write_task(folder, config, roadnet, ())), threads)
        CityFlowEngine._living = weakref.ref(self)
        self._play(self._own)

    def _checked(self, flows: Sequence[Flow]) -> tuple[Flow, ...]:
        roads = {road.id for road in self.roadnet.roads}
        for number, flow in enumerate(flows):
            missing = [road for road in flow.route if road not in roads]
            if missing:
                raise ValueError(f"flows[{number}].route names {missing[0]!r}, which is no road")
            if len(flow.route) < 2:
                came = f"flows[{number}].route is {flow.route}"
                raise ValueError(f"{came}; a trip goes over at least 2 roads")
        return tuple(flows)

    def _play(self, flows: tuple[Flow, ...]) -> None:
        """Begin anew with these flows."""
        self._engine.reset(True)  # with its random numbers, which order vehicles
        self._flows = flows
        times = [(flow.start_time, flow.end_time, flow.interval) for flow in flows]
        self._start, self._end, self._interval = np.array(times, float).reshape(-1, 3).T
        self._sent = np.zeros(len(flows), np.int64)
        self._played: list[tuple[list[int], int]] = []

    def _send(self) -> None:
        """Push the vehicles whose second this is."""
        now = float(self._engine.get_current_time())
        last = np.where(self._end == -1, now, np.minimum(self._end, now)) - self._start
        due = np.where(last >= 0, np.floor(last / self._interval) + 1, 0).astype(np.int64)
        for number in (due > self._sent).nonzero()[0].tolist():
            flow = self._flows[number]
            kind = {member: getattr(flow.vehicle, name) for name, member in MEMBERS.items()}
            for _ in range(int(due[number] - self._sent[number])):
                self._engine.push_vehicle(kind, list(flow.route))
        self._sent = due

    def reset(
        self,
        which: Bool[Tensor, " copies"],
        flows: Sequence[Sequence[Flow]] | None = None,
    ) -> None:
        """Empty the copy, if it is among these."""
        count = int(which.sum())
        if flows is not None and len(flows) != count:
            raise ValueError(f"flows are of {len(flows)} copies; {count} are reset")
        if count:
            self._play(self._own if flows is None else self._checked(flows[0]))

    def advance(self, phase: Int[Tensor, "copies signals"], seconds: int = 1) -> None:
        """Set these phases and play so many seconds.

        Raises:
            ValueError: a phase that its signal does not have.
        """
        check_phase(phase, self._phases, self._names, self.copies)
        wanted = phase[0].tolist()
        had = self._played[-1][0] if self._played else [None] * self.num_signals
        seconds_before = 0
        for name, new, old in zip(self._names, wanted, had, strict=True):
            if new != old:
                self._engine.set_tl_phase(name, new)
        if wanted == had:
            seconds_before = self._played.pop()[1]
        self._played.append((wanted, seconds + seconds_before))
        for _ in range(seconds):
            self._send()
            self._engine.next_step()

    def _of_lanes(self, counts: Mapping[str, int]) -> Int[Tensor, "1 lanes"]:
        return torch.tensor([[counts[lane] for lane in self._lanes]])

    def lane_vehicles(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane."""
        return self._of_lanes(self._engine.get_lane_vehicle_count())

    def lane_waiting(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane that are slower than 0.1 m/s."""
        return self._of_lanes(self._engine.get_lane_waiting_vehicle_count())

    def vehicles(self) -> Int[Tensor, " copies"]:
        """Vehicles in the network."""
        return torch.tensor([self._engine.get_vehicle_count()])

    def finished(self) -> Int[Tensor, " copies"]:
        """Vehicles that have left: those that the flows have sent less those that are there."""
        present = len(self._engine.get_vehicles(include_waiting=True))
        return torch.tensor([int(self._sent.sum()) - present])

    def time(self) -> Int[Tensor, " copies"]:
        """Seconds since the copy was reset."""
        return torch.tensor([round(self._engine.get_current_time())])

    def average_travel_time(self) -> Float[Tensor, " copies"]:
        """CityFlow's average travel time, in seconds."""
        return torch.tensor([self._engine.get_average_travel_time()], dtype=torch.float32)

    def state_dict(self) -> dict[str, Any]:
        """The flows, and the phases that were played with their seconds.

        CityFlow's own archives are no states to go on from exactly; this is played again.
        """
        kinds = list(dict.fromkeys(flow.vehicle for flow in self._flows))
        number = {kind: place for place, kind in enumerate(kinds)}
        return {
            "kinds": [list(astuple(kind)) for kind in kinds],
            "flows": [
                [number[flow.vehicle], list(flow.route), *astuple(flow)[2:]] for flow in self._flows
            ],
            "phases": torch.tensor([phase for phase, _ in self._played]),
            "seconds": torch.tensor([seconds for _, seconds in self._played]),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the other one was saved."""
        kinds = [VehicleKind(*kind) for kind in state["kinds"]]
        flows = tuple(
            Flow(kinds[kind], tuple(route), interval, start, end)
            for kind, route, interval, start, end in state["flows"]
        )
        self._play(flows)
        for phase, seconds in zip(state["phases"], state["seconds"].tolist(), strict=True):
            self.advance(phase.unsqueeze(0), seconds)

    def close(self) -> None:
        """End the engine; another one may be made."""
        if self._engine is not None:
            # Its threads must have come to rest, or its end waits for them for ever.
            time.sleep(REST)
        self._engine = None

    def __del__(self) -> None:
        self.close()

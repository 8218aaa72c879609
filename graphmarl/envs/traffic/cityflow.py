"""Adapter of the CityFlow engine, an optional dependency."""

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

from graphmarl.envs.traffic.files import CityFlowConfig, Flow, Roadnet, VehicleKind, write_task
from graphmarl.envs.traffic.protocol import check_phase
from graphmarl.envs.traffic.writing import MEMBERS

BUILD_HINT = (
    "the engine 'cityflow' needs the module cityflow, which is built from its source, with a C++ "
    "compiler, cmake and Python below 3.12: git clone --recursive "
    "https://github.com/cityflow-project/CityFlow && pip install ./CityFlow; "
    "the engine 'embedded' needs nothing"
)
REST = 0.1  # seconds


def load_cityflow() -> Any:
    """Import the module cityflow.

    Raises:
        ImportError: the module is missing; the message gives the build instructions.
    """
    try:
        return importlib.import_module("cityflow")
    except ImportError as error:
        raise ImportError(BUILD_HINT) from error


class CityFlowEngine:
    """`TrafficEngine` around the original CityFlow; one copy, on the CPU.

    Zhang et al., `CityFlow: A Multi-Agent Reinforcement Learning Environment for Large Scale City
    Traffic Scenario <https://arxiv.org/abs/1905.05217>`_.

    CityFlow aborts the process on an invalid phase or road, and may deadlock when an engine is
    destroyed. This class validates phases and routes first, and allows one engine at a time, until
    `close`. Vehicles are pushed at the time at which their flow generates them, so that new flows
    need no new engine.

    Args:
        roadnet: road network.
        flows: default flows, used unless `reset` gives others.
        copies: must be 1.
        device: must be `cpu`.
        threads: threads of CityFlow.
        lane_change: whether vehicles change lanes. CityFlow then orders them by their addresses in
            memory, so that equal runs differ and a restored state is not exact.

    Raises:
        ImportError: the module cityflow is missing; the message gives the build instructions.
        RuntimeError: another engine is open in this process.
        ValueError: more than one copy, another device, or an invalid route.
    """

    _open_engine: ClassVar[weakref.ref[CityFlowEngine] | None] = None

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
        other = CityFlowEngine._open_engine and CityFlowEngine._open_engine()
        if other is not None and other._engine is not None:
            raise RuntimeError(
                "there is a CityFlowEngine in this process already; close() it first"
            )
        self.copies, self.roadnet = copies, roadnet
        self._lanes = tuple(
            f"{road.id}_{k}" for road in roadnet.roads for k in range(len(road.lanes))
        )
        self.num_lanes, self.num_signals = len(self._lanes), len(roadnet.signals)
        self._phases = torch.tensor([len(signal.phases) for signal in roadnet.signals])
        self._names = [signal.id for signal in roadnet.signals]
        self._own = self._checked(flows)
        with TemporaryDirectory(prefix="graphmarl-cityflow-") as folder:
            config = CityFlowConfig(
                dir=f"{folder}/", rl_traffic_light=True, lane_change=lane_change
            )
            self._engine = module.Engine(str(write_task(folder, config, roadnet, ())), threads)
        CityFlowEngine._open_engine = weakref.ref(self)
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
        """Reset the engine and use these flows."""
        self._engine.reset(True)  # also resets the random numbers, which order vehicles
        self._flows = flows
        times = [(flow.start_time, flow.end_time, flow.interval) for flow in flows]
        self._start, self._end, self._interval = np.array(times, float).reshape(-1, 3).T
        self._sent = np.zeros(len(flows), np.int64)
        self._played: list[tuple[list[int], int]] = []

    def _send(self) -> None:
        """Push the vehicles that depart in this second."""
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
        """Reset the copy, if it is selected."""
        count = int(which.sum())
        if flows is not None and len(flows) != count:
            raise ValueError(f"flows are of {len(flows)} copies; {count} are reset")
        if count:
            self._play(self._own if flows is None else self._checked(flows[0]))

    def advance(self, phase: Int[Tensor, "copies signals"], seconds: int = 1) -> None:
        """Set the phases and simulate a number of seconds.

        Raises:
            ValueError: a signal does not have the given phase.
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
        """Vehicles that have finished: those generated minus those present."""
        present = len(self._engine.get_vehicles(include_waiting=True))
        return torch.tensor([int(self._sent.sum()) - present])

    def time(self) -> Int[Tensor, " copies"]:
        """Seconds since the copy was reset."""
        return torch.tensor([round(self._engine.get_current_time())])

    def average_travel_time(self) -> Float[Tensor, " copies"]:
        """CityFlow's average travel time, in seconds."""
        return torch.tensor([self._engine.get_average_travel_time()], dtype=torch.float32)

    def state_dict(self) -> dict[str, Any]:
        """Flows, and the sequence of phases with their durations.

        CityFlow's own archives do not restore its state exactly, so the episode is replayed.
        """
        kinds = list(dict.fromkeys(flow.vehicle for flow in self._flows))
        number = {kind: index for index, kind in enumerate(kinds)}
        return {
            "kinds": [list(astuple(kind)) for kind in kinds],
            "flows": [
                [number[flow.vehicle], list(flow.route), *astuple(flow)[2:]] for flow in self._flows
            ],
            "phases": torch.tensor([phase for phase, _ in self._played]),
            "seconds": torch.tensor([seconds for _, seconds in self._played]),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state by replaying the episode."""
        kinds = [VehicleKind(*kind) for kind in state["kinds"]]
        flows = tuple(
            Flow(kinds[kind], tuple(route), interval, start, end)
            for kind, route, interval, start, end in state["flows"]
        )
        self._play(flows)
        for phase, seconds in zip(state["phases"], state["seconds"].tolist(), strict=True):
            self.advance(phase.unsqueeze(0), seconds)

    def close(self) -> None:
        """Destroy the engine; another one may be built."""
        if self._engine is not None:
            # Destruction deadlocks unless CityFlow's threads are idle.
            time.sleep(REST)
        self._engine = None

    def __del__(self) -> None:
        self.close()

"""Traffic signal control: each intersection selects the phase of its signal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.envs.traffic.cityflow import CityFlowEngine, load_cityflow
from graphmarl.envs.traffic.engine import EmbeddedEngine
from graphmarl.envs.traffic.junctions import Junctions
from graphmarl.envs.traffic.phases import SinglePhase, YellowPhase
from graphmarl.envs.traffic.protocol import TrafficEngine
from graphmarl.envs.traffic.tasks import TrafficTask, scenario_of, task_of
from graphmarl.ranges import Copies, Device, FileName, NonNegativeInt, PositiveInt
from graphmarl.step import Scene, Spec, Step

Reward = Literal["delay", "waiting", "pressure"]
EngineName = Literal["embedded", "cityflow"]
Undrivable = Literal["refuse", "skip"]
LaneChange = Literal["file", "ignore"]
NONE = -1  # no phase has been chosen
SEEN, SECONDS, COLIGHT, MAX_QUEUE = 20.0, 100.0, 0.25, 10.0
FIXED_SEED, SEEDS = 0, 2**31 - 1


class Traffic(Batched):
    r"""Traffic signal control in CityFlow's traffic model, with one agent at each intersection.

    Every 10 s each agent selects a phase; a change is preceded by 5 s of yellow, by default phase
    0, in which only right turns are free. The network starts empty. The default reward of an agent
    is

    .. math:: r_i = -\frac{1}{100} \sum_{t=1}^{10} |\{\text{vehicles on its incoming lanes
        at second } t\}|,

    so that the team return is proportional to minus the total time spent on lanes before signals.

    The tasks of Qu et al., "Variational Policy Propagation for Multi-agent Reinforcement Learning"
    (VPP), whose vehicle data was never published. Generated tasks sample new trips in each episode
    from its seed; tasks from files use the file's trips. `hangzhou_4x4` has the dimensions and the
    volume of the public network of that name, but generated trips.

    Zhang et al., `CityFlow <https://arxiv.org/abs/1905.05217>`_; rewards of Wei et al., `CoLight
    <https://arxiv.org/abs/1905.05717>`_, and "PressLight" (KDD 2019).

    Args:
        task: `grid_1x1`, `grid_2x2`, `grid_3x3`, `hangzhou_4x4`, `grid_7x7`, `grid_10x10`,
            `grid_15x15`, `grid_35x35`, or the path of the config of CityFlow's files, *NAME.json*.
        reward: `delay`; CoLight's `waiting`, -0.25 for each vehicle waiting on an incoming lane; or
            PressLight's `pressure`, minus the absolute difference of the waiting vehicles on
            incoming and on outgoing lanes.
        engine: `embedded`, or `cityflow` if its module is installed.
        fixed_flow: use the same trips in each episode of each copy of a generated task, those that
            `scripts/make_traffic.py` writes by default.
        decision: seconds between decisions.
        yellow: seconds of the yellow phase before a change of phase, less than `decision`.
        yellow_phase: the yellow phase, which is no action: `phase0`, which must free right turns at
            most; `all_red`, a further phase that frees nothing, so that every phase of the file is
            an action; or the number of a phase.
        single_phase: whether a signal with a single phase is an `agent`, or `fixed` and none.
        undrivable: `refuse` files with trips that cannot be driven, or `skip`: leave those trips
            out, let trips with a negative startTime begin at second 0, and of entries with the same
            id take the last, as CityFlow does.
        lane_change: vehicles change lanes if the config, the `file`, says so, which CityFlow plays,
            not reproducibly, and the embedded engine refuses; `ignore` plays without lane changes.
        horizon: decisions after which an episode is truncated; 100 in VPP, 360 are an hour.
        num_envs: copies, B.
        device: where the tensors are.

    Shapes:
        obs (B, N, 2 L + P): for the L incoming lanes, in the order of the roads in the file, the
        number of waiting vehicles (slower than 0.1 m/s) and of all vehicles, each divided by 20;
        then the current one of P phases as one-hot, zeros before the first decision. state (B, N (2
        L + P)): all observations concatenated. `position` in metres; `links` from each signal to
        the signals downstream of its roads. Missing lanes of smaller signals are 0, and missing
        phases are unavailable actions.

        Metrics: `team_return`, the sum of the delay rewards of this episode for any `reward`;
        `average_travel_time` of this episode's vehicles, in seconds, by CityFlow's definition;
        `throughput`, vehicles that have arrived; `queue`, waiting vehicles per signal, mean over
        signals and decisions; `volume` (B, N, P), vehicles on the lanes that a phase opens, without
        lanes that are open in the yellow phase.

    Attributes:
        left_out: number of signals that are no agents.
        skipped: a sentence for each entry of the files that is not played as it is written.

    Raises:
        ImportError: `engine` is `cityflow` and its module is missing.
        ValueError: a value is not allowed, or a file is malformed.
    """

    phase: Int[Tensor, "env agent"]
    team_return: Float[Tensor, " env"]
    queued: Float[Tensor, " env"]

    def __init__(
        self,
        task: FileName = "hangzhou_4x4",
        reward: Reward = "delay",
        engine: EngineName = "embedded",
        fixed_flow: bool = False,
        decision: PositiveInt = 10,
        yellow: NonNegativeInt = 5,
        yellow_phase: YellowPhase = "phase0",
        single_phase: SinglePhase = "agent",
        undrivable: Undrivable = "refuse",
        lane_change: LaneChange = "file",
        horizon: PositiveInt = 100,
        num_envs: Copies = 8,
        device: Device = "cpu",
    ) -> None:
        if not 0 <= yellow < decision:
            raise ValueError(f"yellow is {yellow}; allowed are 0 to decision - 1 = {decision - 1}")
        self.task, self.pays, self.fixed_flow = task_of(task), reward, fixed_flow
        self.decision, self.yellow, self.engine_name = decision, yellow, engine
        changes = False if lane_change == "ignore" else None
        found = scenario_of(self.task, yellow_phase, undrivable == "skip", changes)
        self.roadnet, self._flows, self._lane_change = found.roadnet, found.flows, found.lane_change
        self._check_engine(task, num_envs)
        try:
            self.junctions = Junctions.of(self.roadnet, device, found.yellow, single_phase)
        except ValueError as error:
            raise ValueError(f"{found.name}: {error}") from error
        self.skipped = found.skipped
        self.left_out = len(found.yellow) - len(self.junctions.signal)
        super().__init__(self._spec(horizon), num_envs, device)
        self._links = self.replicate_edges(self.junctions.links)
        self._engine: TrafficEngine | None = None
        for difference in found.differences(self.left_out):
            warnings.warn(difference, stacklevel=3)  # past the check of the options

    def _spec(self, horizon: int) -> Spec:
        junctions = self.junctions
        lanes, (agents, actions) = junctions.incoming.shape[1], junctions.phase.shape
        different, seen = len(junctions.kinds) > 1, 2 * lanes + actions
        return Spec(
            num_agents=agents,
            obs_shape=(seen,),
            num_actions=actions,
            horizon=horizon,
            layout={
                "waiting": slice(0, lanes),
                "vehicles": slice(lanes, 2 * lanes),
                "phase": slice(2 * lanes, seen),
            },
            kinds=junctions.kinds if different else ("agent",),
            kind=junctions.kind if different else (),
            state_size=agents * seen,
            has_available=not bool(junctions.available.all()),
        )

    def _check_engine(self, task: str, num_envs: int) -> None:
        if self.engine_name == "embedded":
            if self._lane_change:
                raise ValueError(
                    f"{task}: laneChange is true; the embedded engine changes no lane, and "
                    "lane_change=ignore plays the files without"
                )
            return
        load_cityflow()
        if num_envs > 1:
            raise ValueError(f"num_envs is {num_envs}; CityFlow plays 1 copy in a process")

    @property
    def engine(self) -> TrafficEngine:
        """Traffic engine, built on first use."""
        if self._engine is None:
            if isinstance(self.task, TrafficTask) and self.fixed_flow:
                self._flows = self._trips(self.task, FIXED_SEED)
            network = (self.roadnet, self._flows, self.num_envs, self.device)
            if self.engine_name == "embedded":
                self._engine = EmbeddedEngine(*network)
            else:
                self._engine = CityFlowEngine(*network, lane_change=self._lane_change)
        return self._engine

    def _trips(self, task: TrafficTask, seed: int) -> tuple[Any, ...]:
        return task.trips.flows(task.grid, seed, until=self.spec.horizon * self.decision)

    def begin(self) -> dict[str, Tensor]:
        """Empty the network, and sample new trips for generated tasks."""
        which = self.time == 0
        flows = None
        if isinstance(self.task, TrafficTask) and not self.fixed_flow:
            seeds = self.integers(0, SEEDS, 1)[which, 0].tolist()
            flows = [self._trips(self.task, seed) for seed in seeds]
        self.engine.reset(which, flows)
        no_phase = torch.full_like(self.zeros, NONE, dtype=torch.long)
        zeros = self.zeros[:, 0]
        return {"phase": no_phase, "team_return": zeros, "queued": zeros}

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Tensor]:
        """Apply the phases and simulate until the next decision."""
        junctions, engine = self.junctions, self.engine
        changes = (self.phase != action) & (self.phase != NONE)
        self.phase = action
        green = (
            junctions.phase.expand(self.num_envs, -1, -1).gather(2, action.unsqueeze(2)).squeeze(2)
        )
        between = torch.where(changes, junctions.yellow, green)
        present = torch.zeros_like(engine.lane_vehicles())
        for second in range(self.decision):
            phase = between if second < self.yellow else green
            engine.advance(junctions.phases(phase), 1)
            present = present + engine.lane_vehicles()
        waiting = engine.lane_waiting()
        here = junctions.at(waiting, junctions.incoming).sum(2).float()
        delay = -junctions.at(present, junctions.incoming).sum(2) / SECONDS
        self.team_return = self.team_return + delay.sum(1)
        self.queued = self.queued + here.mean(1)
        if self.pays == "delay":
            return delay, self.none_ended
        if self.pays == "waiting":
            return -COLIGHT * here, self.none_ended
        return -(here - junctions.at(waiting, junctions.outgoing).sum(2)).abs(), self.none_ended

    def observe(self) -> dict[str, Any]:
        """Queues and phases of all signals."""
        junctions, engine = self.junctions, self.engine
        counts = engine.lane_vehicles()
        lanes = [
            junctions.at(found, junctions.incoming) for found in (engine.lane_waiting(), counts)
        ]
        phase = self.phase.unsqueeze(2) == torch.arange(self.spec.num_actions, device=self.device)
        available = junctions.available.expand(self.num_envs, -1, -1)
        obs = torch.cat([*(found / SEEN for found in lanes), phase.float()], 2)
        return {
            "obs": obs,
            "state": obs.flatten(1),
            "position": junctions.position.expand(self.num_envs, -1, -1),
            "available": available if self.spec.has_available else None,
            "links": self._links,
            "info": {
                "team_return": self.team_return,
                "average_travel_time": engine.average_travel_time().float(),
                "throughput": engine.finished().float(),
                "queue": self.queued / self.time.clamp(min=1),
                "volume": junctions.volume(counts),
            },
        }

    def state_dict(self) -> dict[str, Any]:
        """State of the environment and of its engine."""
        return super().state_dict() | {"engine": self.engine.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Restore a saved state."""
        super().load_state_dict(state)
        self.engine.load_state_dict(state["engine"])
        return self._current()

    def scene(self, env: int) -> Scene:
        """Roads as lines with their number of waiting vehicles, scaled by 10, as weight."""
        waiting = self.engine.lane_waiting()[env].cpu()
        roads = self.roadnet.roads
        count = torch.tensor([len(road.lanes) for road in roads])
        road = torch.arange(len(count)).repeat_interleave(count)
        queue = torch.zeros(len(count)).index_add(0, road, waiting.float())
        ends = torch.tensor([[road.points[0], road.points[-1]] for road in roads])
        along = torch.nn.functional.normalize(ends[:, 1] - ends[:, 0], dim=1)
        right = torch.stack([along[:, 1], -along[:, 0]], 1)
        points = torch.tensor([place.point for place in self.roadnet.intersections])
        low, high = points.min(0).values, points.max(0).values
        # Shifted to the right, so that both directions are visible.
        lines = ends + 0.012 * (high - low).max() * right[:, None]
        return Scene(
            tuple(low.tolist()),
            tuple(high.tolist()),
            {},
            int(self.time[env]),
            {"road with waiting vehicles": (lines, queue / MAX_QUEUE)},
        )

    def close(self) -> None:
        """Close the engine."""
        if isinstance(self._engine, CityFlowEngine):
            self._engine.close()
        self._engine = None

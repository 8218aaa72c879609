"""Traffic: every intersection chooses the phase of its signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from graphmarl.checks import check_choice
from graphmarl.envs.batched import Batched
from graphmarl.envs.traffic.cityflow import CityFlowEngine, load_cityflow
from graphmarl.envs.traffic.engine import Engine
from graphmarl.envs.traffic.junctions import Junctions
from graphmarl.envs.traffic.protocol import TrafficEngine
from graphmarl.envs.traffic.tasks import Generated, roads_of, task_of
from graphmarl.step import Scene, Spec, Step

Reward = Literal["delay", "waiting", "pressure"]
Player = Literal["embedded", "cityflow"]
NONE = -1  # no phase has been chosen
SEEN, SECONDS, COLIGHT, CROWDED = 20.0, 100.0, 0.25, 10.0
FIXED_SEED, SEEDS = 0, 2**31 - 1


class Traffic(Batched):
    r"""Signals of a road network, in CityFlow's model of traffic, one agent at each intersection.

    Every 10 s each signal is given a phase; where it changes, 5 s of phase 0 come first, in which
    only right turns are free. The network begins empty. The default reward of an agent is

    .. math:: r_i = -\frac{1}{100} \sum_{t=1}^{10} |\{\text{vehicles on its incoming lanes
        at second } t\}|,

    so that the return of all is minus the seconds that were spent on the way to signals.

    The tasks of Qu et al., "Variational Policy Propagation for Multi-agent Reinforcement Learning"
    (VPP), whose vehicles were never published. Trips are our own: a generated task has new ones in
    each episode, by its seed, so that what is learned is not one hour by heart; those of a file are
    the file's. `hangzhou_4x4` has the dimensions and the volume of the public network of that name,
    and not its vehicles.

    Zhang et al., `CityFlow <https://arxiv.org/abs/1905.05217>`_; rewards of Wei et al., `CoLight
    <https://arxiv.org/abs/1905.05717>`_, and "PressLight" (KDD 2019).

    Args:
        task: `grid_1x1`, `grid_2x2`, `grid_3x3`, `hangzhou_4x4`, `grid_7x7`, `grid_10x10`,
            `grid_15x15`, `grid_35x35`, or the path of the config of CityFlow's files, *NAME.json*.
        reward: `delay`; CoLight's `waiting`, -0.25 for each vehicle that waits on an incoming lane;
            or PressLight's `pressure`, minus the absolute difference of those that wait on incoming
            and on outgoing lanes.
        engine: `embedded`, or `cityflow`, if its module is installed.
        fixed_flow: give a generated task the same trips in each episode of each copy, those that
            `scripts/make_traffic.py` writes by default.
        decision: seconds from one choice to the next.
        yellow: seconds of phase 0 where the phase changes, less than `decision`.
        horizon: choices in an episode, which it truncates; 100 in VPP, 360 are an hour.
        num_envs: copies, B.
        device: where the tensors are.

    Shapes:
        obs (B, N, 2 L + P): for L lanes that end at the signal, those in the order of the roads in
        the file, how many vehicles wait (slower than 0.1 m/s) on each and how many there are, over
        20; the chosen one of P phases as one-hot, nothing before the first choice. state (B, N (2 L
        + P)), all of these side by side. `position` in metres; `links` from each signal to those
        that its roads lead to. Signals with fewer lanes see 0 for those that they do not have, and
        signals with fewer phases have fewer actions.
        Metrics: `team_return`, the sum of the delay rewards of this episode, whatever `reward`
        pays; `average_travel_time` of this episode's vehicles, in seconds, as CityFlow defines it;
        `throughput`, vehicles that arrived; `queue`, vehicles that wait at a signal, mean over
        signals and choices; `volume` (B, N, P), vehicles that a phase would let go, those that may
        go in phase 0 not counted.

    Raises:
        ImportError: CityFlow is asked for and missing.
        ValueError: a value that is not allowed, or a malformed file.
    """

    phase: Int[Tensor, "env agent"]
    team_return: Float[Tensor, " env"]
    queued: Float[Tensor, " env"]

    def __init__(
        self,
        task: str = "hangzhou_4x4",
        reward: Reward = "delay",
        engine: Player = "embedded",
        fixed_flow: bool = False,
        decision: int = 10,
        yellow: int = 5,
        horizon: int = 100,
        num_envs: int = 8,
        device: str = "cpu",
    ) -> None:
        check_choice("reward", reward, get_args(Reward))
        check_choice("engine", engine, get_args(Player))
        if not 0 <= yellow < decision:
            raise ValueError(f"yellow is {yellow}; allowed are 0 to decision - 1 = {decision - 1}")
        self.task, self.pays, self.fixed_flow = task_of(task), reward, fixed_flow
        self.decision, self.yellow, self.engine_name = decision, yellow, engine
        self.roadnet, self._flows, self._lane_change = roads_of(self.task)
        self._check_engine(task, num_envs)
        self.junctions = Junctions.of(self.roadnet, device)
        super().__init__(self._spec(horizon), num_envs, device)
        self._links = self.in_every_copy(self.junctions.links)
        self._engine: TrafficEngine | None = None

    def _spec(self, horizon: int) -> Spec:
        places = self.junctions
        lanes, (agents, actions) = places.incoming.shape[1], places.phase.shape
        different, seen = len(places.kinds) > 1, 2 * lanes + actions
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
            kinds=places.kinds if different else ("agent",),
            kind=places.kind if different else (),
            state_size=agents * seen,
            has_available=not bool(places.available.all()),
        )

    def _check_engine(self, task: str, num_envs: int) -> None:
        if self.engine_name == "embedded":
            if self._lane_change:
                raise ValueError(f"{task}: laneChange is true; the embedded engine changes no lane")
            return
        load_cityflow()
        if num_envs > 1:
            raise ValueError(f"num_envs is {num_envs}; CityFlow plays 1 copy in a process")

    @property
    def engine(self) -> TrafficEngine:
        """What plays, begun when it is first needed."""
        if self._engine is None:
            if isinstance(self.task, Generated) and self.fixed_flow:
                self._flows = self._trips(self.task, FIXED_SEED)
            network = (self.roadnet, self._flows, self.num_envs, self.device)
            if self.engine_name == "embedded":
                self._engine = Engine(*network)
            else:
                self._engine = CityFlowEngine(*network, lane_change=self._lane_change)
        return self._engine

    def _trips(self, task: Generated, seed: int) -> tuple[Any, ...]:
        return task.trips.flows(task.grid, seed, until=self.spec.horizon * self.decision)

    def begin(self) -> dict[str, Tensor]:
        """Empty the network, and send other vehicles if there are to be others."""
        which = self.time == 0
        flows = None
        if isinstance(self.task, Generated) and not self.fixed_flow:
            seeds = self.integers(0, SEEDS, 1)[which, 0].tolist()
            flows = [self._trips(self.task, seed) for seed in seeds]
        self.engine.reset(which, flows)
        nobody = torch.full_like(self.nothing, NONE, dtype=torch.long)
        nothing = self.nothing[:, 0]
        return {"phase": nobody, "team_return": nothing, "queued": nothing}

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Tensor]:
        """Give the signals their phases and play to the next choice."""
        places, engine = self.junctions, self.engine
        changes = (self.phase != action) & (self.phase != NONE)
        self.phase = action
        green = places.phase.expand(self.num_envs, -1, -1).gather(2, action.unsqueeze(2)).squeeze(2)
        between = green.masked_fill(changes, 0)
        present = torch.zeros_like(engine.lane_vehicles())
        for second in range(self.decision):
            engine.advance(between if second < self.yellow else green, 1)
            present = present + engine.lane_vehicles()
        waiting = engine.lane_waiting()
        here = places.at(waiting, places.incoming).sum(2).float()
        delay = -places.at(present, places.incoming).sum(2) / SECONDS
        self.team_return = self.team_return + delay.sum(1)
        self.queued = self.queued + here.mean(1)
        if self.pays == "delay":
            return delay, self.never
        if self.pays == "waiting":
            return -COLIGHT * here, self.never
        return -(here - places.at(waiting, places.outgoing).sum(2)).abs(), self.never

    def observe(self) -> dict[str, Any]:
        """Queues and phases."""
        places, engine = self.junctions, self.engine
        counts = engine.lane_vehicles()
        lanes = [places.at(found, places.incoming) for found in (engine.lane_waiting(), counts)]
        phase = self.phase.unsqueeze(2) == torch.arange(self.spec.num_actions, device=self.device)
        available = places.available.expand(self.num_envs, -1, -1)
        obs = torch.cat([*(found / SEEN for found in lanes), phase.float()], 2)
        return {
            "obs": obs,
            "state": obs.flatten(1),
            "position": places.position.expand(self.num_envs, -1, -1),
            "available": available if self.spec.has_available else None,
            "links": self._links,
            "info": {
                "team_return": self.team_return,
                "average_travel_time": engine.average_travel_time().float(),
                "throughput": engine.finished().float(),
                "queue": self.queued / self.time.clamp(min=1),
                "volume": places.volume(counts),
            },
        }

    def state_dict(self) -> dict[str, Any]:
        """That of all environments of tensors, and the engine's."""
        return super().state_dict() | {"engine": self.engine.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Go back to a saved state."""
        super().load_state_dict(state)
        self.engine.load_state_dict(state["engine"])
        return self._current()

    def scene(self, env: int) -> Scene:
        """Roads beside their middle lines, the redder the more vehicles wait on them, up to 10."""
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
        # Far enough to the right to be seen beside the other direction.
        lines = ends + 0.012 * (high - low).max() * right[:, None]
        return Scene(
            tuple(low.tolist()),
            tuple(high.tolist()),
            {},
            int(self.time[env]),
            {"road with waiting vehicles": (lines, queue / CROWDED)},
        )

    def close(self) -> None:
        """End the engine."""
        if isinstance(self._engine, CityFlowEngine):
            self._engine.close()
        self._engine = None

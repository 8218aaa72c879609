"""Single-copy engine around flatland-rl."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphmarl.envs.flatland.deadlock import deadlocked
from graphmarl.envs.flatland.rails import Rails
from graphmarl.envs.flatland.simulator import kept_random
from graphmarl.envs.flatland.tree import Trains, observe
from graphmarl.envs.workers import EngineStep
from graphmarl.step import Scene

INFO = ("arrived", "deadlocked", "done_share")
LEFT, RIGHT, STOP = 0, 1, 2
# flatland's own actions: left is 1, ahead 2, right 3.
NOTHING, AHEAD, BRAKE = 0, 2, 4
WAITING, READY, BROKEN_OFF, MOVING, STOPPED, BROKEN, DONE = range(7)
STATE_SIZE = 13
ARRIVED_REWARD, CLOSER_REWARD, DEADLOCK_REWARD = 10.0, 0.01, -5.0


class RailEngine:
    """Single-copy engine of Flatland with decision points and tree observations.

    Args:
        make: function that builds flatland's `RailEnv`.
        met: append the handles of the trains met on the tree to the observations.
    """

    def __init__(self, make: Callable[[], Any], met: bool = False) -> None:
        self.met = met
        with kept_random():
            self.env: Any = make()
        self.time = 0

    def reset(self, seed: int, out: EngineStep) -> None:
        """Generate a map and the start and target of all trains."""
        with kept_random():
            self.env.reset(random_seed=seed)
        agents = self.env.agents
        count = len(agents)
        targets = np.array([next(iter(agent.targets))[0] for agent in agents])
        self.rails = Rails(self.env.rail.grid, targets)
        # Index S is no valid position: a train that starts off the rails fails here.
        places = [self._place(agent.initial_configuration) for agent in agents]
        no, place = np.zeros(count, bool), np.array(places)
        handle = np.random.default_rng(seed).random(count)
        target = self.rails.cell_at(targets)
        self.trains = Trains(place, no, ~no, no, no, no, handle, target)
        self.targets, self.time = targets, 0
        self._write(out)

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance; the episode ends when every train has arrived or is deadlocked."""
        before = self.trains
        self.env.step(dict(enumerate(self._orders(action).tolist())))
        self.time += 1
        self._read()
        out.reward[...] = self._rewards(before, self.trains)
        self._write(out)
        return not out.alive.any(), False

    def _place(self, configuration: Any) -> int:
        (row, column), heading = configuration
        return int(self.rails.number[row, column, heading])

    def _orders(self, action: NDArray[Any]) -> NDArray[np.integer]:
        """Actions for flatland; away from decision points a train moves forward."""
        rails, trains = self.rails, self.trains
        place = trains.place
        forced = trains.present & (~rails.decides[place] | trains.broken)
        action = np.where(forced, LEFT, action)
        choices = rails.choices[place]
        turn = rails.turn[place, np.minimum(action, choices - 1).clip(0, 1)]
        order = np.where((choices > 1) & (turn < 2), AHEAD + turn, AHEAD)
        order[action == STOP] = BRAKE
        order[(action == STOP) & ~trains.present] = NOTHING
        order[~trains.alive] = NOTHING
        return order

    def _read(self) -> None:
        """Read the state of flatland's trains."""
        agents, before = self.env.agents, self.trains
        states = np.array([agent.state.value for agent in agents])
        broken = [agent.malfunction_handler.malfunction_down_counter > 0 for agent in agents]
        place = [
            old if agent.current_configuration is None else self._place(agent.current_configuration)
            for agent, old in zip(agents, before.place.tolist(), strict=True)
        ]
        arrived = states == DONE
        waiting = states <= BROKEN_OFF
        place, present = np.array(place), ~(arrived | waiting)
        stuck = before.deadlocked | deadlocked(self.rails, place, present)
        self.trains = Trains(
            place,
            present,
            waiting,
            np.array(broken) & ~arrived,
            arrived,
            stuck,
            before.handle,
            before.target,
        )

    def _rewards(self, before: Trains, after: Trains) -> NDArray[np.floating]:
        """Reward: 10 for arriving, 0.01 per cell closer to the target, -5 for a deadlock."""
        number = np.arange(len(before.place))
        old = self.rails.distance[number, before.place]
        new = np.where(after.arrived, 0, self.rails.distance[number, after.place])
        known = np.isfinite(old) & np.isfinite(new)
        closer = np.where(known, old, 0) - np.where(known, new, 0)
        reward = CLOSER_REWARD * closer
        reward += ARRIVED_REWARD * (after.arrived & ~before.arrived)
        reward += DEADLOCK_REWARD * (after.deadlocked & ~before.deadlocked)
        return np.where(before.alive, reward, 0)

    def _write(self, out: EngineStep) -> None:
        trains, alive = self.trains, self.trains.alive
        obs, links, met = observe(self.rails, trains)
        obs = np.concatenate([obs, met], 1) if self.met else obs
        out.obs[...] = obs * alive[:, None]
        out.alive[...] = alive
        assert out.links is not None and out.position is not None, "the environment has both"
        assert out.state is not None, "the environment has a state"
        out.links[...] = links & alive & alive[:, None]
        rows, columns = self.rails.row[trains.place], self.rails.column[trains.place]
        out.position[...] = np.stack([columns, self.rails.shape[0] - 1 - rows], 1)
        out.state[...] = self._state(rows, columns).ravel()
        out.info["arrived"][...] = trains.arrived.mean()
        out.info["deadlocked"][...] = trains.deadlocked.mean()
        out.info["done_share"][...] = 1 - alive.mean()

    def _state(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.floating]:
        """Cell, target, direction and condition (one of five, one-hot) of every train."""
        trains, (height, width) = self.trains, self.rails.shape
        here = np.stack([rows, columns], 1) / (height, width)
        goes = np.eye(4)[self.rails.heading[trains.place]]
        runs = trains.present & ~trains.deadlocked
        kinds = [
            trains.waiting,
            runs & ~trains.broken,
            runs & trains.broken,
            trains.deadlocked,
            trains.arrived,
        ]
        return np.column_stack(
            [here, self.targets / (height, width), goes, np.stack(kinds, 1) * 1.0]
        )

    def scene(self) -> Scene:
        """Rails as lines; targets and the trains on the rails as points."""
        rails, (height, width) = self.rails, self.rails.shape
        one = rails.following[:-1].ravel()
        back = np.arange(rails.size).repeat(2)[one < rails.size]
        one = one[one < rails.size]
        x, y = rails.column, height - 1 - rails.row
        ends = torch.from_numpy(np.array([[x[back], y[back]], [x[one], y[one]]])).permute(2, 0, 1)
        lines = torch.unique(ends.float(), dim=0)
        goals = self.targets[~self.trains.arrived]
        goal = torch.from_numpy(np.stack([goals[:, 1], height - 1 - goals[:, 0]], 1)).float()
        there = self.trains.place[self.trains.present]
        train = torch.from_numpy(np.stack([x[there], y[there]], 1)).float()
        points = {"targets": (goal, torch.ones(len(goal)))}
        points["trains"] = (train, torch.ones(len(train)))
        corner = (float(width - 1), float(height - 1))
        rail = {"rails": (lines, torch.zeros(len(lines)))}
        return Scene((0.0, 0.0), corner, points, self.time, rail)

    def close(self) -> None:
        """Release the engine."""
        self.env = None

"""MAgent2's grid world with checks of everything that crashes or corrupts the engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Events of one unit in one step, summed: the engine pays these powers of two as rewards, so that
# every reward function is exact arithmetic on the events.
ATTACK, HIT, KILL, KILL_OWN, DEAD, HIT_OWN, WAS_HIT = 1, 2, 4, 8, 16, 32, 64


def load_engine(name: str) -> ModuleType:
    """MAgent2's grid world module.

    Raises:
        ImportError: MAgent2 is not installed.
    """
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        from magent2 import gridworld
    except ImportError as error:
        raise ImportError(f"{name} needs magent2: pip install 'graphmarl[magent]'") from error
    finally:
        # The package sets the threads of every OpenMP library in this process and its children.
        if threads is None:
            os.environ.pop("OMP_NUM_THREADS", None)
    return gridworld


@dataclass(frozen=True)
class UnitType:
    """Properties of one type of unit.

    Args:
        hp: hit points; a unit dies when they fall below 0.
        speed: radius of a move, in cells.
        view_radius: radius of the circular view, in cells.
        attack_radius: radius of its attack, in cells; 0 cannot attack.
        damage: hit points removed by an attack.
        recover: hit points regained each step.
        attack_in_group: whether an attack on its own kind counts.
    """

    hp: float
    speed: float = 0.0
    view_radius: int = 0
    attack_radius: float = 0.0
    damage: float = 0.0
    recover: float = 0.0
    attack_in_group: bool = False


class World:
    """Grid world with a wall as border and one group of units per given type.

    Slot i of a group is the i-th unit placed in it, for the whole episode. After `reset` and
    `step`, `alive[g]`, `position[g]` and `events[g]` hold all slots of group g; dead units keep
    their last position.

    Args:
        size: cells along each side, border included; free cells are 1 to size - 2.
        units: type of each group.
    """

    def __init__(self, size: int, units: Sequence[UnitType]) -> None:
        engine = load_engine("World")
        self.size, self.units = size, tuple(units)
        config = engine.Config()
        config.set({"map_width": size, "map_height": size, "minimap_mode": False})
        groups = [config.add_group(self._register(engine, config, g)) for g in range(len(units))]
        for a in groups:
            for b in groups:
                attacker, victim = engine.AgentSymbol(a, "any"), engine.AgentSymbol(b, "any")
                if units[a].damage > 0 and (a != b or units[a].attack_in_group):
                    values = [HIT_OWN if a == b else HIT, WAS_HIT]
                    event = engine.Event(attacker, "attack", victim)
                    config.add_reward_rule(event, [attacker, victim], values)
        self._grid: Any = engine.GridWorld(config)
        self._handles = self._grid.get_handles()
        self.num_actions = [int(self._grid.get_action_space(h)[0]) for h in self._handles]
        self.alive: list[NDArray[np.bool_]] = []
        self.position: list[NDArray[np.int32]] = []
        self.events: list[NDArray[np.int64]] = []
        self.slots: list[NDArray[np.int64]] = []

    def _register(self, engine: ModuleType, config: Any, group: int) -> str:
        unit, name = self.units[group], f"unit{group}"
        options = {
            "width": 1,
            "length": 1,
            "hp": unit.hp,
            "speed": unit.speed,
            "view_range": engine.CircleRange(unit.view_radius),
            "attack_range": engine.CircleRange(unit.attack_radius),
            "damage": unit.damage,
            "step_recover": unit.recover,
            "attack_in_group": int(unit.attack_in_group),
            "step_reward": 0,
            "attack_penalty": ATTACK,
            "kill_reward": KILL_OWN if unit.attack_in_group else KILL,
            "dead_penalty": DEAD,
        }
        return config.register_agent_type(name, options)

    def reset(self, seed: int, places: Sequence[NDArray[np.int64]]) -> None:
        """Clear the grid and place the units.

        Args:
            seed: seed of the order of attacks within a step.
            places: cells (x, y) of each group's units.

        Raises:
            ValueError: a unit is on the border, outside, or on another unit.
        """
        cells = np.concatenate(places)
        outside = ((cells < 1) | (cells > self.size - 2)).any(1)
        if outside.any():
            cell = tuple(cells[outside][0].tolist())
            raise ValueError(
                f"a unit at {cell} is outside; cells 1 to {self.size - 2} of a map of size "
                f"{self.size} are free"
            )
        taken = len(np.unique(cells[:, 0] * self.size + cells[:, 1]))
        if taken < len(cells):
            raise ValueError(f"{len(cells)} units on {taken} cells; each needs a cell of its own")
        self._grid.set_seed(seed % (2**31 - 2) + 1)
        self._grid.reset()
        for handle, place in zip(self._handles, places, strict=True):
            self._grid.add_agents(handle, method="custom", pos=place)
            placed = self._grid.get_num(handle)
            if placed != len(place):
                raise ValueError(f"the engine placed {placed} of {len(place)} units")
        # The engine numbers units across groups, in the order of placement.
        self._first_id = np.cumsum([0] + [len(place) for place in places])
        self.alive = [np.ones(len(place), bool) for place in places]
        self.position = [np.array(place, np.int32) for place in places]
        self.events = [np.zeros(len(place), np.int64) for place in places]
        self.slots = [np.arange(len(place)) for place in places]

    def step(self, actions: Sequence[NDArray[Any] | None]) -> None:
        """Advance by one action for each slot of each group; None is no action for the group.

        Raises:
            ValueError: too few or too many actions, or one that the units do not have.
        """
        for group, action in enumerate(actions):
            if action is None:
                continue
            if action.shape != self.alive[group].shape:
                raise ValueError(
                    f"{action.shape} actions for {len(self.alive[group])} slots of group {group}"
                )
            live_actions = np.ascontiguousarray(action[self.slots[group]], dtype=np.int32)
            if len(live_actions) and live_actions.view(np.uint32).max() >= self.num_actions[group]:
                raise ValueError(f"actions must be 0 to {self.num_actions[group] - 1}")
            self._grid.set_action(self._handles[group], live_actions)
        self._grid.step()
        for group, handle in enumerate(self._handles):
            if self.units[group].damage == 0:
                continue  # no event can pay it
            events = self.events[group] = np.zeros(len(self.alive[group]), np.int64)
            events[self.slots[group]] = self._grid.get_reward(handle)
        # After reading rewards, as this discards the rewards of units that died in this step.
        self._grid.clear_dead()
        for group, handle in enumerate(self._handles):
            if self._grid.get_num(handle) < len(self.slots[group]):
                self.slots[group] = self._grid.get_agent_id(handle) - self._first_id[group]
                self.alive[group] = np.zeros_like(self.alive[group])
                self.alive[group][self.slots[group]] = True
            if self.units[group].speed > 0:
                self.position[group][self.slots[group]] = self._grid.get_pos(handle)

    def view(self, group: int) -> NDArray[np.float32]:
        """Views of live units, (unit, row, column, channel); the next call overwrites them."""
        return self._grid.get_observation(self._handles[group])[0]

    def hp(self, group: int) -> NDArray[np.float32]:
        """Hit points of each slot as a fraction of the maximum, 0 for dead units."""
        hp = np.zeros(len(self.alive[group]), np.float32)
        if len(self.slots[group]):
            view = self.view(group)
            centre = view.shape[1] // 2
            hp[self.slots[group]] = view[:, centre, centre, 2]
        return hp

    def close(self) -> None:
        """Free the engine."""
        self._grid = None

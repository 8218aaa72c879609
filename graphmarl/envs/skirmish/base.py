"""Base class of skirmish: units of two armies, observations and state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.envs.skirmish.combat import FIRST_ENERGY
from graphmarl.envs.skirmish.map_spec import Map
from graphmarl.envs.skirmish.observation import NO_ACTION, Observer, UnitSnapshot
from graphmarl.envs.skirmish.picture import picture
from graphmarl.envs.skirmish.spawn import Spawn
from graphmarl.envs.skirmish.state import NO_UNIT, CombatState
from graphmarl.envs.skirmish.unit_stats import UnitStats, units_of
from graphmarl.ranges import Compiled, Copies, Device
from graphmarl.step import Scene, Spec

UNIT_STATE = ("health", "shield", "energy", "cooldown", "quiet", "target", "grudge")


class SkirmishBase(Batched):
    """Units of two armies with SMAC's observations and state; a subclass adds combat and rewards.

    Args:
        map: map of the battle.
        units: table of unit properties, `liberty` or `void`.
        obs_last_action: observe the last actions of visible allies.
        obs_timestep_number: observe the share of the episode that has passed.
        obs_pathing_grid: observe whether eight points around an agent are walkable.
        obs_instead_of_state: use the concatenated observations as state.
        state_last_action: include the last actions in the state.
        state_timestep_number: include the share of the episode that has passed in the state.
        num_envs: copies, B.
        device: where the tensors are.
        compiled: compile the step: yes, no, or `auto`, in runs of 20,000 steps of each copy.

    Raises:
        ValueError: the table of units or a kind of unit is unknown.
    """

    position: Float[Tensor, "env unit 2"]
    health: Float[Tensor, "env unit"]
    shield: Float[Tensor, "env unit"]
    energy: Float[Tensor, "env unit"]
    cooldown: Float[Tensor, "env unit"]
    quiet: Float[Tensor, "env unit"]
    target: Int[Tensor, "env unit"]
    grudge: Int[Tensor, "env unit"]
    goal: Float[Tensor, "env 2"]
    last_action: Int[Tensor, "env agent"]
    won: Float[Tensor, " env"]
    # A compilation takes 50 seconds and wins 3 milliseconds a step.
    compile_from = 20_000

    def __init__(
        self,
        map: Map,
        units: str,
        *,
        obs_last_action: bool = False,
        obs_timestep_number: bool = False,
        obs_pathing_grid: bool = False,
        obs_instead_of_state: bool = False,
        state_last_action: bool = True,
        state_timestep_number: bool = False,
        num_envs: Copies = 32,
        device: Device = "cpu",
        compiled: Compiled = "auto",
    ) -> None:
        self.map, self.agents = map, len(map.allies)
        all_units = units_of((*map.allies, *map.enemies), units, map.overrides)
        self.stats = UnitStats(all_units, self.agents, torch.device(device))
        self.observer = Observer(
            map,
            self.stats,
            obs_last_action,
            obs_timestep_number,
            obs_pathing_grid,
            state_last_action,
            state_timestep_number,
        )
        self.joined = obs_instead_of_state
        super().__init__(self._spec(), num_envs, device, compiled)
        planes = [unit.plane == "air" for unit in all_units]
        self.spawn = Spawn(map, [unit.radius for unit in all_units], planes, self.device)
        self._others = ~torch.eye(self.agents, dtype=torch.bool, device=self.device)
        self._legal: tuple[Tensor, Tensor] | None = None

    def _spec(self) -> Spec:
        names, seen = tuple(dict.fromkeys(self.map.allies)), self.observer
        return Spec(
            num_agents=self.agents,
            obs_shape=(seen.obs_size,),
            num_actions=seen.num_actions,
            horizon=self.map.limit,
            layout=seen.layout,
            kinds=names,
            kind=tuple(names.index(kind) for kind in self.map.allies),
            state_size=self.agents * seen.obs_size if self.joined else seen.state_size,
            has_available=True,
        )

    def begin(self) -> dict[str, Tensor]:
        """Spawn both armies at full health."""
        position, goal = self.spawn(self.uniform(self.spawn.draws))
        stats, pairs = self.stats, (len(self.stats), self.num_envs)
        # Copies are last in memory, as combat has them.
        none = torch.full(pairs, NO_UNIT, device=self.device).T
        zero = torch.zeros(pairs, device=self.device).T
        return {
            "position": position,
            "health": stats.hp.expand(pairs).clone().T,
            "shield": stats.shield.expand(pairs).clone().T,
            "energy": (FIRST_ENERGY * (stats.heals > 0)).expand(pairs).clone().T,
            "cooldown": zero,
            "quiet": zero,
            "target": none,
            "grudge": none,
            "goal": goal,
            "last_action": torch.full((pairs[1], self.agents), NO_ACTION, device=self.device),
            "won": zero[:, 0],
        }

    def snapshot(self) -> UnitSnapshot:
        """Current properties of all units, copy first."""
        names = ("position", "health", "shield", "energy", "cooldown", "last_action", "time")
        return UnitSnapshot(*(getattr(self, name) for name in names))

    def look(self) -> tuple[Tensor, Tensor, Tensor]:
        """Offsets, distances and legal actions in the current state.

        Shapes:
            returns: offsets from agents to units (B, n, N, 2), distances (B, n, N), legal actions
                (B, n, A)
        """
        offset, distance = self.observer.gaps(self.snapshot())
        return offset, distance, self.legal()

    def legal(self) -> Bool[Tensor, "env agent action"]:
        """Legal actions in the current state, cached."""
        if self._legal is None or self._legal[0] is not self.position:
            now = self.snapshot()
            self._legal = (self.position, self.observer.available(now, self.observer.gaps(now)[1]))
        return self._legal[1]

    def remember(self, fields: Mapping[str, Any]) -> None:
        """Keep the legal actions."""
        self._legal = (self.position, fields["available"])

    def combat_state(self) -> CombatState:
        """Current properties of all units, copy last, for the combat rules."""
        parts = {"x": self.position[..., 0], "y": self.position[..., 1]}
        parts |= {name: getattr(self, name) for name in UNIT_STATE}
        goal_x, goal_y = self.goal.T.contiguous()
        columns = {name: part.T.contiguous() for name, part in parts.items()}
        return CombatState(**columns, goal_x=goal_x, goal_y=goal_y)

    def set_units(self, state: CombatState) -> None:
        """Set the properties of all units."""
        self.position = torch.stack([state.x, state.y]).permute(2, 1, 0)
        for name in UNIT_STATE:
            setattr(self, name, getattr(state, name).T)

    def observe(self) -> dict[str, Any]:
        """Observations, state and metrics of SMAC."""
        now = self.snapshot()
        offset, distance = self.observer.gaps(now)
        available = self.observer.available(now, distance)
        self._legal = (self.position, available)
        obs = self.observer.observe(now, offset, distance, available)
        alive = now.alive
        dead = (~alive).float()
        return {
            "obs": obs,
            "alive": alive[:, : self.agents],
            "position": self.position[:, : self.agents],
            "available": available,
            "state": obs.flatten(1) if self.joined else self.observer.state(now),
            "links": self._links(distance[:, :, : self.agents], alive[:, : self.agents]),
            "info": {
                "win": self.won,
                "dead_allies": dead[:, : self.agents].sum(1),
                "dead_enemies": dead[:, self.agents :].sum(1),
            },
        }

    def _links(self, distance: Tensor, alive: Tensor) -> Tensor:
        sees = (distance < self.map.sight) & alive.unsqueeze(1) & alive.unsqueeze(2)
        return sees & self._others

    def scene(self, env: int) -> Scene:
        """Units of both sides with their health, ranges and targets."""
        return picture(self.map, self.stats, self.snapshot(), self.target, env)

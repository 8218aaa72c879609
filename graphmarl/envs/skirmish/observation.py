"""Observations, available actions and state in SMAC's layout."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphmarl.envs.skirmish.combat import ENERGY
from graphmarl.envs.skirmish.map_spec import Map
from graphmarl.envs.skirmish.movement import SIZE, moved_into
from graphmarl.envs.skirmish.unit_stats import UnitStats
from graphmarl.envs.skirmish.units import LOOPS_PER_SECOND

NOTHING, STOP, ATTACK = 0, 1, 6
NO_ACTION = -1
COMPASS = ((0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0))
AROUND = (*tuple((4 * x, 4 * y) for x, y in COMPASS), (2, 2), (-2, -2), (2, -2), (-2, 2))


@dataclass(frozen=True)
class UnitSnapshot:
    """Units of B copies, copy first.

    Args:
        position: coordinates, `(B, N, 2)`.
        health, shield, energy, cooldown: `(B, N)`.
        last_action: last actions of the agents, `(B, n)`; `NO_ACTION` at the start of an episode.
        time: step number within the episode, `(B,)`.
    """

    position: Tensor
    health: Tensor
    shield: Tensor
    energy: Tensor
    cooldown: Tensor
    last_action: Tensor
    time: Tensor

    @property
    def alive(self) -> Tensor:
        """Whether each unit is alive, `(B, N)`."""
        return self.health > 0


class Observer:
    """Computes observations, available actions and states.

    Args:
        map: map of the battle.
        stats: properties of the units.
        last_action: include the last actions of allies in observations (`obs_last_action`).
        time: include the share of the episode that has passed (`obs_timestep_number`).
        pathing: include whether eight points around an agent are walkable (`obs_pathing_grid`).
        state_last_action: include the last actions in the state.
        state_time: include the share of the episode that has passed in the state.
    """

    def __init__(
        self,
        map: Map,
        stats: UnitStats,
        last_action: bool,
        time: bool,
        pathing: bool,
        state_last_action: bool,
        state_time: bool,
    ) -> None:
        self.map, self.stats, self.device = map, stats, stats.device
        self.last_action, self.time, self.pathing = last_action, time, pathing
        self.state_last_action, self.state_time = state_last_action, state_time
        self.agents, self.enemies = stats.num_allies, len(stats) - stats.num_allies
        self.healer = (stats.heals[: self.agents] > 0).T
        self.heals = bool(self.healer.any())
        targets = max(self.enemies, self.agents if self.heals else 0)
        self.num_actions = ATTACK + targets
        self.walkable = torch.tensor(map.walkable, device=self.device)
        self.compass = torch.tensor(COMPASS, device=self.device)
        self.around = torch.tensor(AROUND, device=self.device)
        self.center = torch.tensor(map.center, device=self.device)
        row = torch.arange(self.agents, device=self.device)
        grid = row.expand(self.agents, -1)
        self.others = grid[grid != row.unsqueeze(1)].view(self.agents, self.agents - 1)
        self.type = self._types()
        unit = stats.shield.T.clone().clamp_(min=1.0)
        if map.shield_unit is not None:
            unit[:, : self.agents] = map.shield_unit
        self.shield_unit = unit
        self.protoss = tuple(bool((stats.shield[side] > 0).any()) for side in self._sides())
        self.layout = self._layout()
        self.limit = float(map.limit)

    def _sides(self) -> tuple[slice, slice]:
        return slice(0, self.agents), slice(self.agents, len(self.stats))

    def _types(self) -> Tensor:
        kinds = (*self.map.allies, *self.map.enemies)
        bits = torch.zeros(len(kinds), self.map.type_bits, device=self.device)
        for slot, kind in enumerate(kinds):
            if self.map.type_bits:
                bits[slot, self.map.one_hot_order[slot >= self.agents].index(kind)] = 1
        return bits

    def _layout(self) -> dict[str, slice]:
        bits, (ally, enemy) = self.map.type_bits, self.protoss
        foe = 4 + bits + (1 + enemy) * self.map.enemy_health
        friend = 4 + bits + (1 + ally) * self.map.all_health
        friend += self.num_actions * self.last_action
        widths = {
            "move": 4 + 8 * self.pathing,
            "enemies": self.enemies * foe,
            "allies": (self.agents - 1) * friend,
            "own": 1 + ally + bits,
            "time": int(self.time),
        }
        layout, start = {}, 0
        for name, width in widths.items():
            if width:
                layout[name] = slice(start, start + width)
            start += width
        return layout

    @property
    def obs_size(self) -> int:
        """Size of an observation."""
        return max(part.stop for part in self.layout.values())

    @property
    def state_size(self) -> int:
        """Size of a state."""
        bits, (ally, enemy) = self.map.type_bits, self.protoss
        size = self.agents * (4 + ally + bits) + self.enemies * (3 + enemy + bits)
        return size + self.agents * self.num_actions * self.state_last_action + self.state_time

    def gaps(self, now: UnitSnapshot) -> tuple[Tensor, Tensor]:
        """Offsets from each agent to each unit, `(B, n, N, 2)`, and distances, `(B, n, N)`."""
        offset = now.position.unsqueeze(1) - now.position[:, : self.agents].unsqueeze(2)
        return offset, offset.square().sum(3).sqrt_()

    def available(self, now: UnitSnapshot, distance: Tensor) -> Tensor:
        """Available actions of each agent, `(B, n, A)`."""
        agents, alive = self.agents, now.alive
        live = alive[:, :agents].unsqueeze(2)
        ahead = now.position[:, :agents].unsqueeze(2) + self.compass
        # SMAC truncates towards 0, so moving off the map from its first cells is available.
        walks = moved_into(self.walkable, *ahead.trunc().unbind(3))
        near = (distance <= self.map.shoot) & alive.unsqueeze(1) & live
        attack = near[:, :, agents:]
        if self.num_actions > ATTACK + self.enemies or self.heals:
            heals = near[:, :, :agents] & ~self.healer.unsqueeze(1)
            width = self.num_actions - ATTACK
            attack, heals = (_widened(part, width) for part in (attack, heals))
            attack = torch.where(self.healer.unsqueeze(2), heals, attack)
        return torch.cat([~live, live, walks & live, attack], 2)

    def observe(
        self, now: UnitSnapshot, offset: Tensor, distance: Tensor, available: Tensor
    ) -> Tensor:
        """Observations of agents, `(B, n, O)`; zeros for dead agents."""
        agents, sight = self.agents, self.map.sight
        alive = now.alive
        live = alive[:, :agents].unsqueeze(2)
        seen = ((distance < sight) & alive.unsqueeze(1) & live).float()
        health, shield = now.health / self.stats.hp.T, now.shield / self.shield_unit
        place = torch.cat([distance.unsqueeze(3), offset], 3).div_(sight)
        whole = {"health": health, "shield": shield}
        move = [available[:, :, 2:6].float()]
        if self.pathing:
            ahead = now.position[:, :agents].unsqueeze(2) + self.around
            inside = ((ahead >= 0) & (ahead < SIZE)).all(3)
            free = moved_into(self.walkable, ahead[..., 0], ahead[..., 1]) | ~inside
            move.append(free * live)
        first = available[:, :, ATTACK : ATTACK + self.enemies].float().unsqueeze(3)
        foes = self._rows(first, place, seen, whole, slice(agents, None), self.map.enemy_health)
        friends = self._rows(seen[:, :, :agents, None], place, seen, whole, slice(0, agents))
        if self.last_action:
            last = self._last(now).unsqueeze(1) * seen[:, :, :agents].unsqueeze(3)
            friends = torch.cat([friends, last], 3)
        index = self.others.view(1, agents, agents - 1, 1).expand(
            len(health), -1, -1, friends.shape[3]
        )
        friends = friends.gather(2, index)
        own = self._features(whole, slice(0, agents), True) * live
        parts = [*move, foes.flatten(2), friends.flatten(2), own]
        if self.time:
            parts.append((now.time / self.limit).view(-1, 1, 1) * live)
        return torch.cat(parts, 2)

    def _rows(
        self,
        first: Tensor,
        place: Tensor,
        seen: Tensor,
        whole: dict[str, Tensor],
        side: slice,
        health: bool | None = None,
    ) -> Tensor:
        health = self.map.all_health if health is None else health
        features = self._features(whole, side, health).unsqueeze(1)
        agents = self.agents
        parts = [first, place[:, :, side], features.expand(-1, agents, -1, -1)]
        return torch.cat(parts, 3).mul_(seen[:, :, side].unsqueeze(3))

    def _features(self, whole: dict[str, Tensor], side: slice, health: bool) -> Tensor:
        """Health, shield and type of the units of a side, `(B, units, features)`."""
        count = len(whole["health"])
        parts = []
        if health:
            parts.append(whole["health"][:, side].unsqueeze(2))
            if self.protoss[side.start > 0]:
                parts.append(whole["shield"][:, side].unsqueeze(2))
        parts.append(self.type[side].expand(count, -1, -1))
        return torch.cat(parts, 2)

    def _last(self, now: UnitSnapshot) -> Tensor:
        bits = torch.nn.functional.one_hot(now.last_action.clamp(0), self.num_actions)
        return bits * (now.last_action != NO_ACTION).float().unsqueeze(2)

    def state(self, now: UnitSnapshot) -> Tensor:
        """Global state, `(B, S)`; zeros for dead units."""
        place = (now.position - self.center) / SIZE
        stats, side = self.stats, slice(0, self.agents)
        ready = now.cooldown.clamp(min=0) * LOOPS_PER_SECOND / stats.cooldown_unit.T
        ready = torch.where((stats.heals > 0).T, now.energy / ENERGY, ready)
        health = (now.health / stats.hp.T).unsqueeze(2)
        shield = (now.shield / self.shield_unit).unsqueeze(2)
        kind = self.type.expand(len(place), -1, -1)
        alive = now.alive.float().unsqueeze(2)
        parts = []
        for number, rows in enumerate((side, slice(self.agents, None))):
            row = [health, *([ready.unsqueeze(2)] if number == 0 else []), place]
            row += [shield] if self.protoss[number] else []
            features = torch.cat([*row, kind], 2) * alive
            parts.append(features[:, rows].flatten(1))
        if self.state_last_action:
            parts.append(self._last(now).flatten(1))
        if self.state_time:
            parts.append((now.time / self.limit).unsqueeze(1))
        return torch.cat(parts, 1)


def _widened(part: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(part, (0, width - part.shape[2]))

"""A class with the interface of SMAC's StarCraft2Env and a small battle instead of the game.

Marauders (the first half of the agents) and marines stand on a square of 16 and fight as many
enemies; what is random comes from the seed of the constructor and goes on from episode to episode.
"""

import math
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np

SIGHT, RANGE, STEP = 9.0, 6.0, 2.0
MAPS = {"3m": (3, 3, 12), "4v2": (4, 2, 9), "1v1": (1, 1, 6)}
MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0))


class StarCraft2Env:
    started = 0  # games that run, and have not been closed

    def __init__(
        self,
        map_name="8m",
        difficulty="7",
        seed=None,
        continuing_episode=False,
        harmless=False,
        crash_at=None,
        limit=None,
        clock=False,
    ):
        self.n_agents, self.n_enemies, self.episode_limit = MAPS[map_name]
        self.episode_limit = limit or self.episode_limit
        self.continuing_episode, self.difficulty = continuing_episode, difficulty
        self.harmless, self.crash_at, self.clock = harmless, crash_at, clock
        self.n_actions = 6 + self.n_enemies
        self.map_x = self.map_y = 16
        self.marauder_id = self.marine_id = 0
        self.agents: dict[int, Any] = {}
        self.enemies: dict[int, Any] = {}
        self._unit_types: list[int] | None = None
        self._random = np.random.default_rng(seed)
        self._running = False
        self._steps = self.force_restarts = 0
        self.battles_won = self.timeouts = 0

    def _launch(self):
        if not self._running:
            StarCraft2Env.started += 1
        self._running = True

    def reset(self):
        self._launch()
        self._steps = 0
        self.marauder_id, self.marine_id = 1970, 1971
        self.agents = {i: self._unit(i, 3.0, self.n_agents) for i in range(self.n_agents)}
        self.enemies = {e: self._unit(e, 8.0, 0) for e in range(self.n_enemies)}
        self._unit_types = [u.unit_type for u in (*self.agents.values(), *self.enemies.values())]
        self.last_action = np.zeros((self.n_agents, self.n_actions))
        self.max_reward = 200 + 10 * self.n_enemies + sum(e.health for e in self.enemies.values())
        return self.get_obs(), self.get_state()

    def _unit(self, number, x, count):
        kind = self.marauder_id if number < count // 2 else self.marine_id
        place = SimpleNamespace(x=x + self._random.normal() / 4, y=4.0 + 2 * number)
        return SimpleNamespace(unit_type=kind, pos=place, health=10.0, health_max=10.0)

    def step(self, actions):
        actions = [int(a) for a in actions]
        assert self._running, "no game"
        assert len(actions) == self.n_agents
        self.last_action = np.eye(self.n_actions)[actions]
        for agent, action in enumerate(actions):
            assert self.get_avail_agent_actions(agent)[action] == 1, "unavailable"
        if self.crash_at is not None and self._steps + 1 == self.crash_at:
            self.force_restarts += 1
            return 0, True, {}
        self._steps += 1
        reward = self._fight(actions)
        allies, enemies = (
            sum(u.health > 0 for u in s.values()) for s in (self.agents, self.enemies)
        )
        info: dict[str, Any] = {"battle_won": False}
        terminated = not allies or not enemies
        if terminated and allies:
            info["battle_won"] = True
            self.battles_won += 1
            reward += 200
        elif not terminated and self._steps >= self.episode_limit:
            terminated = True
            self.timeouts += 1
            if self.continuing_episode:
                info["episode_limit"] = True
        info["dead_allies"] = self.n_agents - allies
        info["dead_enemies"] = self.n_enemies - enemies
        return reward / (self.max_reward / 20), terminated, info

    def _fight(self, actions):
        reward = 0.0
        for agent, action in enumerate(actions):
            unit = self.agents[agent]
            if 2 <= action < 6:
                dx, dy = MOVES[action - 2]
                unit.pos.x, unit.pos.y = unit.pos.x + dx * STEP / 2, unit.pos.y + dy * STEP / 2
            elif action >= 6:
                enemy = self.enemies[action - 6]
                hit = min(enemy.health, 3.0 + self._random.random())
                enemy.health -= hit
                reward += hit + 10 * (hit > 0 and enemy.health == 0)
        for enemy in self.enemies.values():
            near = [u for u in self.agents.values() if u.health > 0 and _far(u, enemy) <= RANGE]
            if enemy.health > 0 and near and not self.harmless:
                target = min(near, key=lambda u: _far(u, enemy))
                target.health = max(0.0, target.health - 2.0 - self._random.random())
        return reward

    def get_avail_agent_actions(self, agent_id):
        unit = self.agents[agent_id]
        if unit.health <= 0:
            return [1] + [0] * (self.n_actions - 1)
        spots = [(unit.pos.x + dx, unit.pos.y + dy) for dx, dy in MOVES]
        moves = [int(0 <= x < self.map_x and 0 <= y < self.map_y) for x, y in spots]
        shots = [int(e.health > 0 and _far(unit, e) <= RANGE) for e in self.enemies.values()]
        return [0, 1, *moves, *shots]

    def get_avail_actions(self):
        return [self.get_avail_agent_actions(i) for i in range(self.n_agents)]

    def get_obs_agent(self, agent_id):
        seen = self._seen(agent_id) + [self._steps / self.episode_limit] * self.clock
        return np.array(seen, np.float32)

    def _seen(self, agent_id):
        unit = self.agents[agent_id]
        if unit.health <= 0:
            return [0] * (self.get_obs_size() - self.clock)
        can = self.get_avail_agent_actions(agent_id)
        seen = can[2:6]
        for number, other in self.enemies.items():
            seen += self._row(unit, other, can[6 + number])
        for number, other in self.agents.items():
            if number != agent_id:
                seen += self._row(unit, other, 1)
        return [*seen, unit.health / 10]

    def _row(self, unit, other, first):
        far = _far(unit, other)
        if other.health <= 0 or far >= SIGHT:
            return [0] * 5
        offset = ((other.pos.x - unit.pos.x) / SIGHT, (other.pos.y - unit.pos.y) / SIGHT)
        return [first, far / SIGHT, *offset, other.health / 10]

    def get_obs(self):
        return [self.get_obs_agent(i) for i in range(self.n_agents)]

    def get_state(self):
        both = (*self.agents.values(), *self.enemies.values())
        rows = [[u.health / 10, u.pos.x, u.pos.y] if u.health > 0 else [0, 0, 0] for u in both]
        return np.append(np.array(rows), self.last_action).astype(np.float32)

    def get_obs_move_feats_size(self):
        return 4

    def get_obs_enemy_feats_size(self):
        return self.n_enemies, 5

    def get_obs_ally_feats_size(self):
        return self.n_agents - 1, 5

    def get_obs_own_feats_size(self):
        return 1

    def get_obs_size(self):
        return 4 + 5 * (self.n_enemies + self.n_agents - 1) + 1 + self.clock

    def get_state_size(self):
        return 3 * (self.n_agents + self.n_enemies) + self.n_agents * self.n_actions

    def get_total_actions(self):
        return self.n_actions

    def get_visibility_matrix(self):
        sees = np.zeros((self.n_agents, self.n_agents + self.n_enemies), bool)
        both = [*self.agents.values(), *self.enemies.values()]
        for i, unit in self.agents.items():
            for j, other in enumerate(both):
                if j != i and unit.health > 0 and other.health > 0:
                    sees[i, j] = _far(unit, other) < SIGHT
        return sees

    def get_unit_types(self):
        if self._unit_types is None:
            warnings.warn("unit types have not been initialised", stacklevel=2)
        return self._unit_types

    def get_env_info(self):
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.n_actions,
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
        }

    def close(self):
        if self._running:
            StarCraft2Env.started -= 1
        self._running = False


def _far(one, other):
    return math.hypot(one.pos.x - other.pos.x, one.pos.y - other.pos.y)


class Wrapped:
    """As SMACv2's: the game is within, and says nothing of itself but by the interface."""

    def __init__(self, **options):
        self.env = StarCraft2Env(**options)

    def __getattr__(self, name):
        if name in ("agents", "enemies", "env"):
            raise AttributeError(name)
        return getattr(self.env, name)


class Blind(StarCraft2Env):
    """Does not tell where units are, of what types they are, or who sees whom."""

    def __getattribute__(self, name):
        if name in ("get_unit_types", "get_visibility_matrix", "get_obs_own_feats_size"):
            raise AttributeError(name)
        if name == "agents" and "_unit_types" in self.__dict__:
            return _Hidden(self.__dict__["agents"])
        return super().__getattribute__(name)


class _Hidden(dict):
    """Nobody is found by number from outside; the battle itself knows."""

    def __len__(self):
        return 0

    def __bool__(self):
        return False


class Redrawn(StarCraft2Env):
    """Draws its team anew in each episode."""

    def reset(self):
        first = super().reset()
        assert self._unit_types is not None
        self._unit_types[0] += self._random.integers(100)
        return first


class Forked(StarCraft2Env):
    """Flags the limit even where the battle ends, counts no dead, and tells a wrong size."""

    def step(self, actions):
        reward, terminated, info = super().step(actions)
        del info["dead_allies"], info["dead_enemies"]
        if self._steps >= self.episode_limit:
            info["episode_limit"] = True
        return reward, terminated, info

    def get_obs_own_feats_size(self):
        return 3

"""Fuzz test of environments: hostile ones are refused with one line, or do what they may.

Each is a small environment, in tensors or of PettingZoo, that begins to misbehave in a random step:
a field of another type, shape or range, numbers that are not finite, masks without a legal action,
metrics that come and go, agents nobody announced, tensors that are written again. It is trained on
or evaluated.

Examples:
  python scripts/fuzz_envs.py --count 1000
  python scripts/fuzz_envs.py --kind pettingzoo --count 200 --seed 1
"""

import random
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import torch
from fuzzing import outcome, report
from gymnasium import spaces
from hostile_envs import BEHAVIOURS, MAY, Counting, Hostile
from pettingzoo import ParallelEnv

from graphmarl.data import Collector, first_episodes
from graphmarl.envs import FromPettingZoo
from graphmarl.experiment.policies import random_policy
from graphmarl.graphs import make_graph
from graphmarl.methods import IPPO
from graphmarl.step import Environment

STEPS, SECONDS = 24, 20
NAN, INF = float("nan"), float("inf")


class Game(ParallelEnv):
    """Two agents with masks in their infos; misbehaves in one way from some step on."""

    metadata = {"name": "game"}  # noqa: RUF012
    possible_agents = ["a", "b"]  # noqa: RUF012

    def __init__(self, fault: str, rng: random.Random) -> None:
        self.fault, self.rng, self.begin, self.count = fault, rng, rng.randrange(4), -1

    def observation_space(self, agent: Any) -> Any:
        """Two numbers."""
        return spaces.Box(0, 1, (2,), np.float32)

    def action_space(self, agent: Any) -> Any:
        """Three actions."""
        return spaces.Discrete(3)

    def state(self) -> Any:
        """Four numbers, or five."""
        late = self.fault == "state grows" and self.count >= self.begin
        return np.zeros(4 + late, np.float32)

    def reset(self, seed: Any = None, options: Any = None) -> Any:
        """Begin an episode."""
        self.agents, self.time = list(self.possible_agents), 0
        obs, _, _, _, infos = self._found()
        return obs, infos

    def step(self, actions: Any) -> Any:
        """Advance the clock."""
        self.time, self.count = self.time + 1, self.count + 1
        found = self._found()
        bad = self.count >= self.begin and self.fault in FAULTS
        found = FAULTS[self.fault](self, found) if bad else found
        if self.time == 6:
            self.agents = []
        return found

    def _found(self) -> tuple[dict[str, Any], ...]:
        over = self.time == 6
        each: tuple[Any, ...] = (np.full(2, self.time / 6, np.float32), 1.0, False, over)
        mask = {"action_mask": np.array([1, 1, 0], np.int8)}
        return tuple({name: value for name in self.agents} for value in (*each, mask))


def _replaced(place: int, *values: Any) -> Any:
    def change(game: Game, found: tuple[dict[str, Any], ...]) -> Any:
        parts = list(found)
        parts[place] = {**parts[place], game.rng.choice("ab"): game.rng.choice(values)}
        return tuple(parts)

    return change


def _stranger(game: Game, found: Any) -> Any:
    game.agents = ["a", "b", "ghost"]
    return found


def _masked(*masks: Any) -> Any:
    return _replaced(4, *({"action_mask": np.array(mask)} for mask in masks))


def _without(place: int) -> Any:
    return lambda game, found: tuple({} if i == place else x for i, x in enumerate(found))


FAULTS: dict[str, Any] = {
    "observation": _replaced(0, None, "x", np.zeros(3), np.zeros((2, 2)), {"x": 1}),
    "not finite": _replaced(0, np.array([NAN, 0]), np.array([INF, 0]), np.array([0, 1e39])),
    "reward": _replaced(1, None, "x", np.zeros(2), NAN, -INF, 1e39),
    "mask": _masked([0, 0, 0], [1, 1], [[1], [1], [1]][:2], [1, 1, 1, 1]),
    "agents": _stranger,
    "short": lambda game, found: found[:4],
    "nothing": lambda game, found: None,
    "list": lambda game, found: tuple(list(part.values()) for part in found),
    "unseen": _without(0),
    "unpaid": _without(1),
    "infos": lambda game, found: (*found[:4], None),
}
GAMES = [*FAULTS, "state grows"]
MAY_GAME = {"infos"}
"""A habit that is accepted: infos may be missing."""


def build(name: Any, rng: random.Random) -> Environment:
    """A hostile environment by its behaviour."""
    if name in GAMES:
        return FromPettingZoo(lambda: Game(name, rng), 1)
    fault, field = name
    return Hostile(fault, field, rng)


def use(name: Any, rng: random.Random) -> str:
    """Train on an environment or evaluate in it, for some steps."""
    torch.manual_seed(0)
    env = build(name, rng)
    if rng.random() < 0.5:
        for _ in first_episodes(env, random_policy(env), 0, STEPS):
            pass
        return "evaluated"
    learner = IPPO(env.spec, hidden=8)
    graph = make_graph("links" if isinstance(env, Counting) else "complete")
    trajectory = next(iter(Collector(env, graph, learner, 10**6, STEPS, 0)))
    if not isinstance(env, Counting):
        return "trained"
    time = torch.arange(STEPS) % 8
    right = torch.equal(trajectory.time, time[:, None].expand(-1, 2))
    right &= torch.equal(trajectory.obs[:, 0, 0, 0], time / 7)
    return "trained" if right else "trained on other steps"


def fuzz(kind: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Use hostile environments; returns the number of each outcome, and the bad ones."""
    found: Counter[str] = Counter()
    bad = []
    for number in range(count):
        rng = random.Random(f"{kind} {seed} {number}")
        name = rng.choice(BEHAVIOURS if kind == "tensors" else GAMES)
        may = name in MAY or name in MAY_GAME
        came, text = outcome(partial(use, name, rng), SECONDS)
        found[came] += 1
        if came not in (("trained", "evaluated") if may else ("refused",)):
            bad.append(f"environment {number} ({name}): {came}\n{text}")
    return found, bad


if __name__ == "__main__":
    report(__doc__, "kind", ("tensors", "pettingzoo"), fuzz, 500)

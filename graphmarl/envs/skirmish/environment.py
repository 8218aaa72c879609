"""Skirmish: SMAC-style combat against scripted enemies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.skirmish.base import SkirmishBase
from graphmarl.envs.skirmish.combat import Combat, DefaultGoal, Orders, late
from graphmarl.envs.skirmish.map_loader import read_map
from graphmarl.envs.skirmish.map_spec import Map
from graphmarl.envs.skirmish.maps import MAPS
from graphmarl.envs.skirmish.observation import ATTACK, COMPASS
from graphmarl.envs.skirmish.rewards import RewardFunction, RewardOptions
from graphmarl.envs.skirmish.state import NO_UNIT
from graphmarl.ranges import FileName, FiniteFloat, NonNegativeFloat, PositiveFloat

DEFAULT_GOALS: dict[Any, DefaultGoal] = {None: "stay", "allies": "foe"}


def find_map(name: str | Map) -> Map:
    """Look up a map by name, or read it from a YAML file.

    Raises:
        ValueError: the map does not exist.
    """
    if isinstance(name, Map):
        return name
    if name.endswith((".yaml", ".yml")):
        return read_map(Path(name))
    if name not in MAPS:
        raise ValueError(f"map is {name!r}; allowed are {', '.join(MAPS)}, or a .yaml file")
    return MAPS[name]


class Skirmish(SkirmishBase):
    """StarCraft Multi-Agent Challenge (SMAC) re-implemented in batched tensors.

    Samvelyan et al., "The StarCraft multi-agent challenge" (2019), https://arxiv.org/abs/1902.04043:
    its maps, observations, states, actions, rewards, step limits and terminations; one step is half
    a second of combat. Actions: no-op (0, dead agents only), stop (1), move up, down, right or left
    (2 to 5), or attack enemy j (6 + j); a healer heals agent j instead. Agents act on their actions
    only; enemies follow the game's AI. Unlike the game, there are no projectiles and no delays
    before a hit, units push each other apart, and terrain consists of whole cells.

    The team reward is split equally among the agents alive before the step, so that rewards sum to
    SMAC's: 20 for a win in which no enemy recovers. `links` join live agents in sight of each
    other. Metrics: `win`, `dead_allies` and `dead_enemies`.

    Args:
        map: name in `MAPS`, those of SMAC, or of NDQ with a sight range of 2; or a YAML file.
        units: table of unit properties: `liberty`, as in the original maps, or `void`.
        threat: distance that enemies subtract for targets that attack them, in cells.
        reward_sparse: reward only the outcome: 1, -1 or 0.
        reward_only_positive: ignore damage to and deaths of allies.
        reward_death_value: reward of each enemy killed.
        reward_win: reward of a win.
        reward_defeat: reward of a defeat, at most 0 for a penalty.
        reward_negative_scale: weight of damage to and deaths of allies.
        reward_scale: scale rewards so that their maximum sum is `reward_scale_rate`.
        reward_scale_rate: maximum sum of scaled rewards.
        seen: arguments of `SkirmishBase`: observation options, `num_envs`, `device`, `compiled`.

    Raises:
        ValueError: the map or the table of units is unknown, or an action is not available.
    """

    def __init__(
        self,
        map: FileName | Map = "3m",
        units: str = "liberty",
        threat: NonNegativeFloat = 1.0,
        reward_sparse: bool = False,
        reward_only_positive: bool = True,
        reward_death_value: FiniteFloat = 10.0,
        reward_win: FiniteFloat = 200.0,
        reward_defeat: FiniteFloat = 0.0,
        reward_negative_scale: FiniteFloat = 0.5,
        reward_scale: bool = True,
        reward_scale_rate: PositiveFloat = 20.0,
        **seen: Any,
    ) -> None:
        super().__init__(find_map(map), units, **seen)
        options = RewardOptions(
            reward_sparse,
            reward_only_positive,
            reward_death_value,
            reward_win,
            reward_defeat,
            reward_negative_scale,
            reward_scale,
            reward_scale_rate,
        )
        self.reward_function, self.threat = RewardFunction(self.stats, options), threat
        errand = DEFAULT_GOALS.get(self.map.goal, "point")
        grids = self.map.walkable, self.map.passable
        self.combat = Combat(self.stats, self.agents, *grids, errand, threat)
        if len(self.combat.volley.bombs):
            # How many bursts follow each other in a loop depends on the battle.
            self.compile_from = None
        self._compass = torch.tensor(COMPASS, device=self.device)

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Simulate half a second of combat."""
        before, lived = self.health + self.shield, self.health > 0
        delay = late(self.uniform(len(self.stats))).T.contiguous()
        self.set_units(self.combat.step(self.combat_state(), self._orders(action), delay))
        self.last_action = action
        alive = self.health > 0
        over, won = self.reward_function.end(alive)
        self.won = won.float()
        after = (self.health + self.shield) * alive
        team = self.reward_function.reward(before, after, (lived, alive), (over, won))
        share = lived[:, : self.agents].float()
        share = share / share.sum(1, keepdim=True).clamp(min=1)
        return share * team.unsqueeze(1), over

    def check_legal(self, action: Tensor) -> None:
        """Refuse actions that are not available, but on autoreset steps, which ignore actions."""
        action = action.to(self.device)
        legal = self.legal().gather(2, action.unsqueeze(2)).squeeze(2)
        ended = self.terminated | self.truncated
        wrong = ~legal & ~ended.unsqueeze(1)
        if wrong.any():
            copy, agent = wrong.nonzero()[0].tolist()
            allowed = self.legal()[copy, agent].nonzero().flatten().tolist()
            raise ValueError(
                f"action {int(action[copy, agent])} of environment {copy}, agent {agent} is not "
                f"available; allowed are {', '.join(str(number) for number in allowed)}"
            )

    def _orders(self, action: Tensor) -> Orders:
        slot = action - ATTACK
        healer = self.observer.healer
        chosen = torch.where(healer, slot, slot + self.agents)
        walks = (action > 1) & (action < ATTACK)
        ahead = self._compass[(action - 2).clamp(0, 3)] * 2 + self.position[:, : self.agents]
        parts = torch.where(slot >= 0, chosen, NO_UNIT), ahead[..., 0], ahead[..., 1], walks.float()
        return Orders(*(part.T.contiguous() for part in parts))

"""Combat of a team that must coordinate against an army that follows the game's own rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.skirmish.base import Armies
from graphmarl.envs.skirmish.combat import Combat, Errand, Orders, late
from graphmarl.envs.skirmish.map_loader import read_map
from graphmarl.envs.skirmish.map_spec import Map
from graphmarl.envs.skirmish.maps import MAPS
from graphmarl.envs.skirmish.observation import ATTACK, COMPASS
from graphmarl.envs.skirmish.rewards import Judge, Pay
from graphmarl.envs.skirmish.state import NOBODY

ERRANDS: dict[Any, Errand] = {None: "stay", "allies": "foe"}


def find_map(name: str | Map) -> Map:
    """A map by name, or by the path of a YAML file.

    Raises:
        ValueError: there is no such map.
    """
    if isinstance(name, Map):
        return name
    if name.endswith((".yaml", ".yml")):
        return read_map(Path(name))
    if name not in MAPS:
        raise ValueError(f"map is {name!r}; allowed are {', '.join(MAPS)}, or a .yaml file")
    return MAPS[name]


class Skirmish(Armies):
    """Combat by the rules of SMAC, in batched tensors.

    Samvelyan et al., "The StarCraft multi-agent challenge" (2019), https://arxiv.org/abs/1902.04043:
    its maps, observations, states, actions, rewards, limits and ends; one step is half a second of
    combat. Actions do nothing (0, of the dead alone), stop (1), go up, down, right or left (2 to 5)
    or attack enemy j (6 + j); a healer heals agent j. What agents do not do themselves is done by
    nobody; enemies follow the game's own rule. Unlike the game, there are no missiles and no
    delays before a hit, units push each other apart, and terrain consists of whole cells.

    The team's reward is shared equally by those who were alive when it was earned, so that rewards
    sum to SMAC's: 20 for a win in which no enemy recovers. `links` join living agents that see each
    other. `info` holds `win`, and the dead of both sides.

    Args:
        map: a name in `MAPS`: those of SMAC, or of NDQ with a sight of 2; or a YAML file.
        units: whose numbers the units have: `liberty`, which the real maps use, or `void`.
        threat: how much nearer a target counts that attacks the enemy who chooses, in cells.
        reward_sparse: pay only the end: 1, -1 or 0.
        reward_only_positive: do not count what allies lose.
        reward_death_value: for each enemy killed.
        reward_win: for a win.
        reward_defeat: for a defeat, so that a punishment is below 0.
        reward_negative_scale: weight of what allies lose.
        reward_scale: make the most that there is to win `reward_scale_rate`.
        reward_scale_rate: that number.
        seen: arguments of `Armies`: what agents observe, `num_envs` and `device`.

    Raises:
        ValueError: an unknown map or table of units, or an action that is not available.
    """

    def __init__(
        self,
        map: str | Map = "3m",
        units: str = "liberty",
        threat: float = 1.0,
        reward_sparse: bool = False,
        reward_only_positive: bool = True,
        reward_death_value: float = 10.0,
        reward_win: float = 200.0,
        reward_defeat: float = 0.0,
        reward_negative_scale: float = 0.5,
        reward_scale: bool = True,
        reward_scale_rate: float = 20.0,
        **seen: Any,
    ) -> None:
        super().__init__(find_map(map), units, **seen)
        pay = Pay(
            reward_sparse,
            reward_only_positive,
            reward_death_value,
            reward_win,
            reward_defeat,
            reward_negative_scale,
            reward_scale,
            reward_scale_rate,
        )
        self.judge, self.threat = Judge(self.army, pay), threat
        errand = ERRANDS.get(self.map.goal, "point")
        grids = self.map.walkable, self.map.passable
        self.combat = Combat(self.army, self.agents, *grids, errand, threat)
        self._compass = torch.tensor(COMPASS, device=self.device)

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Half a second of combat."""
        self._check(action)
        before, lived = self.health + self.shield, self.health > 0
        delay = late(self.uniform(len(self.army))).T.contiguous()
        self.put(self.combat.step(self.field(), self._orders(action), delay))
        self.last_action = action
        alive = self.health > 0
        over, won = self.judge.end(alive)
        self.won = won.float()
        after = (self.health + self.shield) * alive
        team = self.judge.reward(before, after, (lived, alive), (over, won))
        share = lived[:, : self.agents].float()
        share = share / share.sum(1, keepdim=True).clamp(min=1)
        return share * team.unsqueeze(1), over

    def _check(self, action: Tensor) -> None:
        """Refuse what is not available, except on the seam, where actions are not looked at."""
        legal = self.look()[2].gather(2, action.unsqueeze(2)).squeeze(2)
        ended = self.terminated | self.truncated
        wrong = ~legal & ~ended.unsqueeze(1)
        if wrong.any():
            copy, agent = wrong.nonzero()[0].tolist()
            allowed = self.look()[2][copy, agent].nonzero().flatten().tolist()
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
        parts = torch.where(slot >= 0, chosen, NOBODY), ahead[..., 0], ahead[..., 1], walks.float()
        return Orders(*(part.T.contiguous() for part in parts))

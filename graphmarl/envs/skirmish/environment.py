"""Combat of a team that must coordinate against an army that follows the game's own rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.envs.skirmish.army import Army, units_of
from graphmarl.envs.skirmish.battlefield import Map
from graphmarl.envs.skirmish.combat import FIRST_ENERGY, Combat, Orders, late
from graphmarl.envs.skirmish.field import NOBODY, Field
from graphmarl.envs.skirmish.maps import MAPS
from graphmarl.envs.skirmish.observation import ATTACK, COMPASS, NO_ACTION, Observer, Situation
from graphmarl.envs.skirmish.picture import picture
from graphmarl.envs.skirmish.reading import read_map
from graphmarl.envs.skirmish.rewards import Judge, Pay
from graphmarl.envs.skirmish.spawn import Spawn
from graphmarl.step import Scene, Spec

GOALS = {None: "stay", "allies": "foe"}
UNIT_STATE = ("health", "shield", "energy", "cooldown", "quiet", "target", "grudge")


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


class Skirmish(Batched):
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
        obs_last_action: agents observe what the others did last.
        obs_timestep_number: agents observe how much of the time is over.
        obs_pathing_grid: agents observe where they could walk.
        obs_instead_of_state: the state is all observations.
        state_last_action: the state holds the last actions.
        state_timestep_number: the state holds how much of the time is over.
        reward_sparse: pay only the end: 1, -1 or 0.
        reward_only_positive: do not count what allies lose.
        reward_death_value: for each enemy killed.
        reward_win: for a win.
        reward_defeat: for a defeat, so that a punishment is below 0.
        reward_negative_scale: weight of what allies lose.
        reward_scale: make the most that there is to win `reward_scale_rate`.
        reward_scale_rate: that number.
        num_envs: copies, B.
        device: where the tensors are.

    Raises:
        ValueError: an unknown map or table of units, or an action that is not available.
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

    def __init__(
        self,
        map: str | Map = "3m",
        units: str = "liberty",
        threat: float = 1.0,
        obs_last_action: bool = False,
        obs_timestep_number: bool = False,
        obs_pathing_grid: bool = False,
        obs_instead_of_state: bool = False,
        state_last_action: bool = True,
        state_timestep_number: bool = False,
        reward_sparse: bool = False,
        reward_only_positive: bool = True,
        reward_death_value: float = 10.0,
        reward_win: float = 200.0,
        reward_defeat: float = 0.0,
        reward_negative_scale: float = 0.5,
        reward_scale: bool = True,
        reward_scale_rate: float = 20.0,
        num_envs: int = 32,
        device: str = "cpu",
    ) -> None:
        self.map = find_map(map)
        kinds = (*self.map.allies, *self.map.enemies)
        everyone = units_of(kinds, units, self.map.overrides)
        self.agents = len(self.map.allies)
        self.army = Army(everyone, self.agents, torch.device(device))
        self.observer = Observer(
            self.map,
            self.army,
            obs_last_action,
            obs_timestep_number,
            obs_pathing_grid,
            state_last_action,
            state_timestep_number,
        )
        self.joined, self.threat = obs_instead_of_state, threat
        names = tuple(dict.fromkeys(self.map.allies))
        spec = Spec(
            num_agents=self.agents,
            obs_shape=(self.observer.obs_size,),
            num_actions=self.observer.num_actions,
            horizon=self.map.limit,
            layout=self.observer.layout,
            kinds=names,
            kind=tuple(names.index(kind) for kind in self.map.allies),
            state_size=(
                self.agents * self.observer.obs_size if self.joined else self.observer.state_size
            ),
            has_available=True,
        )
        super().__init__(spec, num_envs, device)
        self.judge = Judge(
            self.army,
            Pay(
                reward_sparse,
                reward_only_positive,
                reward_death_value,
                reward_win,
                reward_defeat,
                reward_negative_scale,
                reward_scale,
                reward_scale_rate,
            ),
        )
        goal = self.map.goal
        rule = GOALS.get(goal, "point") if goal is None or isinstance(goal, str) else "point"
        grids = self.map.walkable, self.map.passable
        self.combat = Combat(self.army, self.agents, *grids, rule, threat)
        planes = [unit.plane == "air" for unit in everyone]
        self.spawn = Spawn(self.map, [unit.radius for unit in everyone], planes, self.device)
        self._compass = torch.tensor(COMPASS, device=self.device)
        self._state: Tensor | None = None
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None

    def begin(self) -> dict[str, Tensor]:
        """Both armies at their points, whole."""
        position, goal = self.spawn(self.uniform(self.spawn.draws))
        army, count = self.army, self.num_envs
        nobody = torch.full((count, len(army)), NOBODY, device=self.device)
        zero = torch.zeros(count, len(army), device=self.device)
        return {
            "position": position,
            "health": army.hp.T.expand(count, -1).clone(),
            "shield": army.shield.T.expand(count, -1).clone(),
            "energy": (FIRST_ENERGY * (army.heals > 0)).T.expand(count, -1).clone(),
            "cooldown": zero,
            "quiet": zero,
            "target": nobody,
            "grudge": nobody,
            "goal": goal,
            "last_action": torch.full((count, self.agents), NO_ACTION, device=self.device),
            "won": zero[:, 0],
        }

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Half a second of combat."""
        self._check(action)
        before, lived = self.health + self.shield, self.health > 0
        delay = late(self.uniform(len(self.army))).T.contiguous()
        self._put(self.combat.step(self.field(), self._orders(action), delay))
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

    def field(self) -> Field:
        """The units as the rules of combat take them."""
        parts = {"x": self.position[..., 0], "y": self.position[..., 1]}
        parts |= {name: getattr(self, name) for name in UNIT_STATE}
        goal_x, goal_y = self.goal.T.contiguous()
        columns = {name: part.T.contiguous() for name, part in parts.items()}
        return Field(**columns, goal_x=goal_x, goal_y=goal_y)

    def _put(self, field: Field) -> None:
        self.position = torch.stack([field.x.T, field.y.T], 2)
        for name in UNIT_STATE:
            setattr(self, name, getattr(field, name).T.contiguous())

    def situation(self) -> Situation:
        """The units as they are now."""
        names = ("position", "health", "shield", "energy", "cooldown", "last_action", "time")
        return Situation(*(getattr(self, name) for name in names))

    def look(self) -> tuple[Tensor, Tensor, Tensor]:
        """What there is to see of the present state, found once for each.

        Shapes:
            returns: offsets from agents to units (B, n, N, 2), distances (B, n, N), legal actions
                (B, n, A)
        """
        if self._seen is None or self._state is not self.position:
            now = self.situation()
            offset, distance = self.observer.gaps(now)
            self._state = self.position
            self._seen = (offset, distance, self.observer.available(now, distance))
        return self._seen

    def observe(self) -> dict[str, Any]:
        """What SMAC gives."""
        now, (offset, distance, available) = self.situation(), self.look()
        obs = self.observer.observe(now, offset, distance, available)
        lives = now.alive
        dead = (~lives).float()
        return {
            "obs": obs,
            "alive": lives[:, : self.agents],
            "position": self.position[:, : self.agents],
            "available": available,
            "state": obs.flatten(1) if self.joined else self.observer.state(now),
            "links": self._links(distance[:, :, : self.agents], lives[:, : self.agents]),
            "info": {
                "win": self.won,
                "dead_allies": dead[:, : self.agents].sum(1),
                "dead_enemies": dead[:, self.agents :].sum(1),
            },
        }

    def _links(self, distance: Tensor, alive: Tensor) -> Tensor:
        sees = (distance < self.map.sight) & alive.unsqueeze(1) & alive.unsqueeze(2)
        sees = sees & ~torch.eye(self.agents, dtype=torch.bool, device=self.device)
        copy, receiver, sender = sees.nonzero().unbind(1)
        return torch.stack([sender, receiver]) + copy * self.agents

    def scene(self, env: int) -> Scene:
        """Units by side with their health, ranges and targets."""
        return picture(self.army, self.situation(), self.target, env)

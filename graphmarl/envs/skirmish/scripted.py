"""Agents of skirmish that need no learning: yardsticks for what is learned."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from graphmarl.envs.skirmish.combat import Combat, late
from graphmarl.envs.skirmish.environment import Skirmish
from graphmarl.envs.skirmish.observation import ATTACK, COMPASS, NOTHING, STOP
from graphmarl.step import Step

NEVER = 1e6


class Scripted:
    """Stops until there is something to attack, then attacks the nearest that is in range.

    The policies of this file differ in `move` and `prefer`.

    Args:
        env: what is played.
    """

    def __init__(self, env: Skirmish) -> None:
        self.env = env
        self.compass = torch.tensor(COMPASS, device=env.device)

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Actions of all agents; healers help the friend who is hurt most."""
        _, distance, available = self.env.look()
        legal = available[:, :, ATTACK:]
        score = self.prefer(distance)
        width = legal.shape[2]
        score = torch.nn.functional.pad(score, (0, width - score.shape[2]), value=NEVER)
        healer = self.env.observer.healer.unsqueeze(2)
        score = torch.where(healer, self.hurt(width), score).masked_fill(~legal, NEVER)
        best, target = score.min(2)
        action = torch.where(best < NEVER, target + ATTACK, self.move(available))
        return torch.where(step.alive, action, NOTHING)

    def prefer(self, distance: Tensor) -> Tensor:
        """What is attacked first, the least, `(B, n, enemies)`."""
        return distance[:, :, self.env.agents :]

    def hurt(self, width: int) -> Tensor:
        """Share of health of each agent, as healers see it; who is whole is not healed."""
        share = (self.env.health / self.env.army.hp.T)[:, : self.env.agents]
        share = torch.where(share < 1, share, NEVER)
        return torch.nn.functional.pad(share, (0, width - share.shape[1]), value=NEVER).unsqueeze(1)

    def move(self, available: Tensor) -> Tensor:
        """What is done where nothing is attacked, `(B, n)`."""
        return torch.full_like(available[:, :, 0], STOP, dtype=torch.long)

    def step_along(self, way: Tensor, available: Tensor) -> Tensor:
        """The step that goes farthest along a way, `(B, n, 2)`; stop if there is none."""
        ahead = self.env.position[:, : self.env.agents].unsqueeze(2) + self.compass
        # On the first cells SMAC allows a step out of the map, which leads nowhere.
        leads = available[:, :, 2:ATTACK] & (ahead >= 0).all(3)
        gain = (way @ self.compass.T).masked_fill(~leads, -NEVER)
        most, which = gain.max(2)
        return torch.where(most > -NEVER, which + 2, STOP)

    def nearest(self) -> tuple[Tensor, Tensor]:
        """Offset to the nearest living enemy and its distance."""
        offset, distance, _ = self.env.look()
        first = self.env.agents
        alive = self.env.health[:, first:] > 0
        distance, which = distance[:, :, first:].masked_fill(~alive[:, None], NEVER).min(2)
        index = which[:, :, None, None].expand(-1, -1, 1, 2)
        return offset[:, :, first:].gather(2, index).squeeze(2), distance


class Wait(Scripted):
    """Waits for the enemy and attacks the nearest that is in range."""


class Nearest(Scripted):
    """Walks to the nearest enemy and attacks the nearest that is in range."""

    def move(self, available: Tensor) -> Tensor:
        """Towards the nearest enemy."""
        return self.step_along(self.nearest()[0], available)


class FocusFire(Scripted):
    """Waits for the enemy; each attacks the one in range that has least health and shield left."""

    def prefer(self, distance: Tensor) -> Tensor:
        """The weakest first."""
        left = (self.env.health + self.env.shield)[:, self.env.agents :]
        return left.unsqueeze(1).expand(-1, self.env.agents, -1)


class Kite(Nearest):
    """As `Nearest`, but while its weapon is not ready steps back from what is nearer than 4.5.

    Args:
        env: what is played.
        distance: how near is too near, between centres.
    """

    def __init__(self, env: Skirmish, distance: float = 4.5) -> None:
        super().__init__(env)
        self.distance = distance

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Actions of all agents."""
        action = super().__call__(step)
        offset, distance = self.nearest()
        waits = self.env.cooldown[:, : self.env.agents] > 0
        flees = waits & (distance < self.distance) & step.alive
        return torch.where(flees, self.step_along(-offset, self.env.look()[2]), action)


class Together(Nearest):
    """As `Nearest`, but waits at a distance until all who live are as near.

    Args:
        env: what is played.
        distance: where each waits for the others, between centres.
    """

    def __init__(self, env: Skirmish, distance: float = 5.0) -> None:
        super().__init__(env)
        self.distance = distance

    def move(self, available: Tensor) -> Tensor:
        """Towards the nearest enemy, or nowhere while others are on their way."""
        offset, distance = self.nearest()
        near = distance < self.distance
        dead = self.env.health[:, : self.env.agents] <= 0
        waits = near & ~(near | dead).all(1, keepdim=True)
        return torch.where(waits, STOP, self.step_along(offset, available))


class Stop(Scripted):
    """Never does anything."""

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Stop, of all who live."""
        return torch.where(step.alive, STOP, NOTHING)


SCRIPTED: dict[str, type[Scripted]] = {
    "stop": Stop,
    "wait": Wait,
    "nearest": Nearest,
    "focus fire": FocusFire,
    "kite": Kite,
    "together": Together,
}


@torch.inference_mode()
def mirror(env: Skirmish, seed: int) -> tuple[Tensor, Tensor]:
    """Games of the map in which both sides follow the rule of the game's own units.

    Each side goes for the point where the other has started.

    Args:
        env: the map, and as many games as it has copies.
        seed: of the games.

    Returns:
        For each game whether the allies have won, and whether it was drawn, as 0 or 1.
    """
    env.reset(seed)
    combat = Combat(env.army, 0, env.map.walkable, env.map.passable, threat=env.threat)
    field, agents, games = env.field(), env.agents, env.num_envs
    for axis, name in ((0, "goal_x"), (1, "goal_y")):
        sides = env.position[:, :, axis].split([agents, len(env.army) - agents], 1)
        ours, theirs = (side.mean(1) for side in sides)
        away = [theirs.expand(agents, -1), ours.expand(len(env.army) - agents, -1)]
        setattr(field, name, torch.cat(away))
    generator = torch.Generator(env.device).manual_seed(seed)
    over = torch.zeros(games, dtype=torch.bool, device=env.device)
    won, drawn = torch.zeros(games, device=env.device), torch.zeros(games, device=env.device)
    for _ in range(env.map.limit):
        noise = torch.rand(len(env.army), games, generator=generator, device=env.device)
        field = combat.step(field, None, late(noise))
        alive = field.health.T > 0
        ended, victory = env.judge.end(alive)
        drawn = torch.where(ended & ~over, (~alive.any(1)).float(), drawn)
        won = torch.where(ended & ~over, victory.float(), won)
        over = over | ended
        if over.all():
            break
    return won.cpu(), drawn.cpu()

"""Scripted baselines of skirmish."""

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
    """Base class of scripted policies: attack the nearest enemy in range, else stop.

    Subclasses override `move` and `prefer`.

    Args:
        env: environment to act in.
    """

    def __init__(self, env: Skirmish) -> None:
        self.env = env
        self.compass = torch.tensor(COMPASS, device=env.device)

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Actions of all agents; healers heal the ally with the least health."""
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
        """Priority of targets, the lowest first, `(B, n, enemies)`."""
        return distance[:, :, self.env.agents :]

    def hurt(self, width: int) -> Tensor:
        """Priority of allies for healers: share of health; agents at full health are excluded."""
        share = (self.env.health / self.env.stats.hp.T)[:, : self.env.agents]
        share = torch.where(share < 1, share, NEVER)
        return torch.nn.functional.pad(share, (0, width - share.shape[1]), value=NEVER).unsqueeze(1)

    def move(self, available: Tensor) -> Tensor:
        """Actions without a target, `(B, n)`."""
        return torch.full_like(available[:, :, 0], STOP, dtype=torch.long)

    def step_along(self, way: Tensor, available: Tensor) -> Tensor:
        """Move action that goes farthest along a direction `(B, n, 2)`; stop if there is none."""
        ahead = self.env.position[:, : self.env.agents].unsqueeze(2) + self.compass
        # On the first cells SMAC allows a move off the map, which has no effect.
        leads = available[:, :, 2:ATTACK] & (ahead >= 0).all(3)
        gain = (way @ self.compass.T).masked_fill(~leads, -NEVER)
        most, which = gain.max(2)
        return torch.where(most > -NEVER, which + 2, STOP)

    def nearest(self) -> tuple[Tensor, Tensor]:
        """Offset to the nearest live enemy and its distance."""
        offset, distance, _ = self.env.look()
        first = self.env.agents
        alive = self.env.health[:, first:] > 0
        distance, which = distance[:, :, first:].masked_fill(~alive[:, None], NEVER).min(2)
        index = which[:, :, None, None].expand(-1, -1, 1, 2)
        return offset[:, :, first:].gather(2, index).squeeze(2), distance


class Wait(Scripted):
    """Wait for the enemies and attack the nearest one in range."""


class Nearest(Scripted):
    """Move towards the nearest enemy and attack the nearest one in range."""

    def move(self, available: Tensor) -> Tensor:
        """Towards the nearest enemy."""
        return self.step_along(self.nearest()[0], available)


class FocusFire(Scripted):
    """Wait for the enemies; attack the one in range with the least health and shield."""

    def prefer(self, distance: Tensor) -> Tensor:
        """Lowest health and shield first."""
        left = (self.env.health + self.env.shield)[:, self.env.agents :]
        return left.unsqueeze(1).expand(-1, self.env.agents, -1)


class Kite(Nearest):
    """`Nearest` with kiting: retreat from close enemies while the weapon is on cooldown.

    Args:
        env: environment to act in.
        distance: distance below which an agent retreats, between centres.
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
    """`Nearest` with a joint attack: wait at a distance until all live agents are as near.

    Args:
        env: environment to act in.
        distance: distance to the enemy at which an agent waits, between centres.
    """

    def __init__(self, env: Skirmish, distance: float = 5.0) -> None:
        super().__init__(env)
        self.distance = distance

    def move(self, available: Tensor) -> Tensor:
        """Move towards the nearest enemy, or stop while other agents are farther away."""
        offset, distance = self.nearest()
        near = distance < self.distance
        dead = self.env.health[:, : self.env.agents] <= 0
        waits = near & ~(near | dead).all(1, keepdim=True)
        return torch.where(waits, STOP, self.step_along(offset, available))


class Stop(Scripted):
    """No-op baseline."""

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Stop actions of all live agents."""
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
    """Battles in which both sides follow the game's AI, one in each copy.

    Each side attacks towards the start position of the other.

    Args:
        env: environment with the map and the number of copies.
        seed: seed of the battles.

    Returns:
        For each battle whether the allies have won, and whether it was drawn, as 0 or 1.
    """
    env.reset(seed)
    combat = Combat(env.stats, 0, env.map.walkable, env.map.passable, threat=env.threat)
    field, agents, games = env.combat_state(), env.agents, env.num_envs
    for axis, name in ((0, "goal_x"), (1, "goal_y")):
        sides = env.position[:, :, axis].split([agents, len(env.stats) - agents], 1)
        allies, enemies = (side.mean(1) for side in sides)
        away = [enemies.expand(agents, -1), allies.expand(len(env.stats) - agents, -1)]
        setattr(field, name, torch.cat(away))
    generator = torch.Generator(env.device).manual_seed(seed)
    over = torch.zeros(games, dtype=torch.bool, device=env.device)
    won, drawn = torch.zeros(games, device=env.device), torch.zeros(games, device=env.device)
    for _ in range(env.map.limit):
        noise = torch.rand(len(env.stats), games, generator=generator, device=env.device)
        field = combat.step(field, None, late(noise))
        alive = field.health.T > 0
        ended, victory = env.reward_function.end(alive)
        drawn = torch.where(ended & ~over, (~alive.any(1)).float(), drawn)
        won = torch.where(ended & ~over, victory.float(), won)
        over = over | ended
        if over.all():
            break
    return won.cpu(), drawn.cpu()

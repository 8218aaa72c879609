"""A small game in batched tensors that has everything a method may meet."""

from typing import Literal

import torch
from torch import Tensor

from graphmarl.step import Environment, Spec, Step, check_action


class Toy(Environment):
    """Say your neighbour's bit: agent i is paid for naming the bit that agent i + 1 sees.

    Agents wander; the last action is legal from the third step on and kills who takes it. An
    episode is truncated at the horizon and terminates when fewer than two agents live. Continuous
    actions are two numbers: the sign of the first names the bit, and a second one above 0.6 is the
    last action, from the third step on.

    Args:
        num_envs: copies.
        num_agents: agents in each copy.
        horizon: steps in an episode.
        action: discrete or continuous.
    """

    def __init__(
        self,
        num_envs: int = 4,
        num_agents: int = 3,
        horizon: int = 6,
        action: Literal["discrete", "continuous"] = "discrete",
    ) -> None:
        self.num_envs = num_envs
        self.spec = Spec(
            num_agents=num_agents,
            obs_shape=(6,),
            num_actions=3 if action == "discrete" else 2,
            horizon=horizon,
            action=action,
            layout={"view": slice(0, 4), "position": slice(4, 6)},
            state_size=num_agents,
            has_available=action == "discrete",
        )
        self.generators: list[torch.Generator] = []

    def reset(self, seed: int) -> Step:
        self.generators = [
            torch.Generator().manual_seed(seed * 1000 + b) for b in range(self.num_envs)
        ]
        shape = (self.num_envs, self.spec.num_agents)
        self.bits = torch.zeros(shape, dtype=torch.long)
        self.place = torch.zeros(*shape, 2)
        self.alive = torch.zeros(shape, dtype=torch.bool)
        self.time = torch.zeros(self.num_envs, dtype=torch.long)
        self._begin(torch.ones(self.num_envs, dtype=torch.bool))
        self.done = torch.zeros(self.num_envs, dtype=torch.bool)
        return self._step(torch.zeros(shape))

    def _draw(self, *shape: int) -> Tensor:
        return torch.stack([torch.rand(*shape, generator=g) for g in self.generators])

    def _begin(self, where: Tensor) -> None:
        n = self.spec.num_agents
        bits, place = (self._draw(n) < 0.5).long(), self._draw(n, 2)
        self.bits = torch.where(where[:, None], bits, self.bits)
        self.place = torch.where(where[:, None, None], place, self.place)
        self.alive = self.alive | where[:, None]
        self.time = torch.where(where, 0, self.time)

    def step(self, action: Tensor) -> Step:
        check_action(action, self.spec, self.num_envs)
        if self.spec.action == "continuous":
            last = (action[..., 1] > 0.6) & (self.time >= 2)[:, None]
            action = torch.where(last, 2, (action[..., 0] > 0).long())
        begins = self.done
        named = (action == self.bits.roll(-1, 1)).float()
        reward = torch.where(self.alive & ~begins[:, None], named, 0.0)
        dies = self.alive & (action == 2) & (self.time >= 2)[:, None]
        self.alive = self.alive & ~dies
        n = self.spec.num_agents
        self.bits = (self._draw(n) < 0.5).long()
        self.place = (self.place + 0.2 * (self._draw(n, 2) - 0.5)).clamp(0, 1)
        self.time = self.time + 1
        self._begin(begins)
        return self._step(reward)

    def _step(self, reward: Tensor) -> Step:
        began = self.time == 0
        terminated = (self.alive.sum(1) < min(2, self.spec.num_agents)) & ~began
        truncated = (self.time >= self.spec.horizon) & ~terminated
        self.done = terminated | truncated
        self.reward = reward
        seen = torch.nn.functional.one_hot(self.bits, 2).float()
        clock = (self.time / self.spec.horizon)[:, None, None].expand(*self.alive.shape, 1)
        obs = torch.cat([seen, 1 - seen[..., :1], clock, self.place], -1) * self.alive[..., None]
        legal = torch.ones(*self.alive.shape, 3, dtype=torch.bool)
        legal[..., 2] = (self.time >= 2)[:, None]
        return Step(
            obs=obs,
            alive=self.alive.clone(),
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            time=self.time.clone(),
            position=self.place.clone(),
            available=legal if self.spec.has_available else None,
            state=self.bits.float(),
            info={"living": self.alive.sum(1).float()},
        )

    def state_dict(self) -> dict:
        names = ("bits", "place", "alive", "time", "done", "reward")
        return {name: getattr(self, name).clone() for name in names} | {
            "generators": [g.get_state() for g in self.generators],
        }

    def load_state_dict(self, state) -> Step:
        for name in ("bits", "place", "alive", "time", "done", "reward"):
            setattr(self, name, state[name].clone())
        self.generators = [torch.Generator() for _ in state["generators"]]
        for generator, saved in zip(self.generators, state["generators"], strict=True):
            generator.set_state(saved)
        return self._step(self.reward)

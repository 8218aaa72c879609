"""A small correct environment, and the same with one rule of the contract broken."""

from dataclasses import replace
from typing import Any

import torch

from graphmarl.step import Environment, Spec, Step, check_action


class Counter(Environment):
    """Three agents, one dies at each second step; the observation is the time and the action."""

    def __init__(self, num_envs: int = 2):
        self.num_envs = num_envs
        self.spec = Spec(3, (2,), 4, horizon=5, has_position=False)

    def _make(self):
        age = self.time[:, None].float().expand(-1, 3)
        alive = torch.arange(3) >= self.time[:, None] // 2
        self.obs = torch.stack((age, self.last.float()), -1)
        return Step(
            obs=self.obs,
            alive=alive,
            reward=self.reward.clone(),
            terminated=torch.zeros(self.num_envs, dtype=torch.bool),
            truncated=self.time >= 5,
            time=self.time.clone(),
        )

    def reset(self, seed: int) -> Step:
        self.time = torch.zeros(self.num_envs, dtype=torch.long)
        self.last = torch.full((self.num_envs, 3), seed)
        self.reward = torch.zeros(self.num_envs, 3)
        self.current = self._make()
        return self.current

    def step(self, action: torch.Tensor) -> Step:
        check_action(action, self.spec, self.num_envs)
        seam = self.current.done
        self.time = torch.where(seam, 0, self.time + 1)
        self.last = torch.where(seam[:, None], 0, action)
        self.reward = self.current.alive * (~seam)[:, None] * 1.0
        self.current = self._make()
        return self.current

    def state_dict(self) -> dict[str, Any]:
        return {"time": self.time, "last": self.last, "reward": self.reward}

    def load_state_dict(self, state) -> Step:
        self.time, self.last, self.reward = state["time"], state["last"], state["reward"]
        self.current = self._make()
        return self.current


class Aliased(Counter):
    """Hands out the same memory at every step."""

    buffer = torch.zeros(2, 3, 2)

    def _make(self):
        return replace(super()._make(), obs=self.buffer[: self.num_envs].copy_(self.obs_of()))

    def obs_of(self):
        return super()._make().obs


class Sometimes(Counter):
    def _make(self):
        step = super()._make()
        late = {"late": step.time.float()} if (step.time > 2).any() else {}
        return replace(step, info={**step.info, **late})


class NotANumber(Counter):
    def _make(self):
        step = super()._make()
        return replace(step, obs=torch.where(step.obs == 3, torch.nan, step.obs))


class WrongShape(Counter):
    def _make(self):
        return replace(super()._make(), obs=torch.zeros(self.num_envs, 3, 7))


class WrongType(Counter):
    def _make(self):
        step = super()._make()
        return replace(step, reward=step.reward.double())


class Revived(Counter):
    def _make(self):
        step = super()._make()
        return replace(step, alive=step.alive | (step.time[:, None] == 4))


class SeamReward(Counter):
    def step(self, action: torch.Tensor) -> Step:
        step = super().step(action)
        return replace(step, reward=step.reward + (step.time[:, None] == 0))


class PaidDead(Counter):
    def _make(self):
        step = super()._make()
        return replace(step, reward=step.reward + (step.time[:, None] == 4))


class Overlong(Counter):
    def _make(self):
        step = super()._make()
        return replace(step, truncated=step.time >= 7)


class Skipping(Counter):
    """Begins the next episode in the step that ends one."""

    def _make(self):
        step = super()._make()
        self.time = torch.where(step.time >= 5, 0, step.time)
        return replace(step, time=self.time.clone())


class Unseeded(Counter):
    def _make(self):
        step = super()._make()
        return replace(step, obs=step.obs + torch.rand(1))


class Lenient(Counter):
    def step(self, action: torch.Tensor) -> Step:
        return super().step(action.clamp(0, 3))


class Forgetful(Counter):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "last": torch.zeros_like(self.last)}


class Obedient(Counter):
    """Takes the action on the seam."""

    def step(self, action: torch.Tensor) -> Step:
        super().step(action)
        self.last = action
        self.current = self._make()
        return self.current


class Entangled(Counter):
    def _make(self):
        step = super()._make()
        return replace(step, obs=step.obs + self.num_envs)


BROKEN = {
    Aliased: "aliased",
    Sometimes: "'late'. is in some steps only",
    NotANumber: "obs of copy .*contains NaN",
    WrongShape: r"obs has shape \(2, 3, 7\)",
    WrongType: "reward has type torch.float64",
    Revived: "revived",
    SeamReward: "reward on the seam",
    PaidDead: "after the step in which it died",
    Overlong: "past its horizon|must be truncated",
    Skipping: "must have time 0|first observation",
    Unseeded: "same seed and actions",
    Lenient: "must raise ValueError",
    Forgetful: "as if never saved",
    Obedient: "on the seam must be ignored",
    Entangled: "number of copies",
}

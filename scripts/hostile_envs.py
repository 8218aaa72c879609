"""Environments in tensors that misbehave in one way from some step on."""

import copy
import random
from typing import Any

import torch
from torch import Tensor

from graphmarl.step import Environment, Spec, Step

NAN, INF = float("nan"), float("inf")
TENSORS = ("obs", "alive", "reward", "terminated", "truncated", "time", "position", "available")
TENSORS += ("state", "links")
WRONG = ("type", "shape", "nothing", "transposed")
FLOATS = ("obs", "reward", "position", "state")
BEHAVIOURS = [(fault, field) for fault in WRONG for field in TENSORS]
BEHAVIOURS.remove(("nothing", "links"))  # an environment may have edges in some steps only
BEHAVIOURS += [(fault, field) for fault in ("nan", "infinite") for field in FLOATS]
BEHAVIOURS += [("no action", "available"), ("rows", "links"), ("copies", "links")]
BEHAVIOURS += [("jump", "time"), ("stops", "time"), ("new", "info"), ("lost", "info")]
BEHAVIOURS += [("long", "info"), ("number", "info"), ("text", "info"), ("nan", "info")]
BEHAVIOURS += [("tuple", "step"), ("none", "step"), ("dictionary", "step"), ("overwritten", "step")]
MAY = {("nan", "info"), ("overwritten", "step")}
"""What an environment may do: its tensors are copied, and a metric without a value is NaN."""


class Counting(Environment):
    """Three agents who are paid for the parity of the time, in two copies, with every field."""

    def __init__(self) -> None:
        self.num_envs = 2
        self.spec = Spec(3, (4,), 3, horizon=7, state_size=2, has_available=True)
        self.clock = 0

    def reset(self, seed: int) -> Any:
        """Begin an episode."""
        self.clock = 0
        return self._step()

    def step(self, action: Tensor) -> Any:
        """Advance the clock."""
        self.clock = (self.clock + 1) % 8
        return self._step()

    def _step(self) -> Step:
        pair, end = (2, 3), torch.full((2,), self.clock == 7)
        share = torch.full((*pair, 1), self.clock / 7)
        return Step(
            obs=share.expand(*pair, 4).clone(),
            alive=torch.ones(pair, dtype=torch.bool),
            reward=torch.full(pair, float(self.clock % 2)),
            terminated=torch.zeros(2, dtype=torch.bool),
            truncated=end,
            time=torch.full((2,), self.clock),
            position=share.expand(*pair, 2).clone(),
            available=torch.ones(*pair, 3, dtype=torch.bool),
            state=torch.full((2, 2), self.clock / 7),
            links=torch.tensor([[0, 3], [1, 4]]),
            info={"parity": torch.full((2,), float(self.clock % 2))},
        )

    def state_dict(self) -> dict[str, Any]:
        """The clock."""
        return {"clock": self.clock}

    def load_state_dict(self, state: Any) -> Step:
        """Set the clock."""
        self.clock = state["clock"]
        return self._step()


class Hostile(Counting):
    """Misbehaves in one way from some step on."""

    def __init__(self, fault: str, field: str, rng: random.Random) -> None:
        super().__init__()
        self.fault, self.field, self.rng = fault, field, rng
        self.count, self.begin = -1, rng.randrange(6)
        self.first: Step | None = None

    def _step(self) -> Any:
        self.count += 1
        step = super()._step()
        if self.count < self.begin:
            return step
        if self.field == "step":
            return self._whole(step)
        changed = copy.copy(step)
        value = getattr(step, self.field)
        info = self.field == "info"
        setattr(changed, self.field, self._info(value) if info else self._tensor(value))
        return changed

    def _whole(self, step: Step) -> Any:
        if self.fault == "overwritten":
            self.first = self.first or step
            for name in TENSORS:
                getattr(self.first, name).copy_(getattr(step, name))
            self.first.info["parity"].copy_(step.info["parity"])
            return self.first
        return {"tuple": (step.obs, step.reward), "none": None, "dictionary": vars(step)}[
            self.fault
        ]

    def _info(self, info: dict[str, Tensor]) -> dict[str, Any]:
        many = torch.zeros(self.rng.choice((1, 3, 6)))
        value: Any = {"long": many, "number": 1.0, "text": "x", "nan": torch.full((2,), NAN)}
        if self.fault in value:
            return {"parity": value[self.fault]}
        # From the first step on these would be the names that it has.
        self.count = max(self.count, 1)
        odd = self.count % 2 == 0
        return (
            ({**info, "late": torch.zeros(2)} if odd else info)
            if self.fault == "new"
            else ({} if odd else info)
        )

    def _tensor(self, value: Tensor) -> Any:
        rng, changed = self.rng, value.clone()
        spot = tuple(rng.randrange(size) for size in value.shape)
        if self.fault == "type":
            kinds = (value.numpy(), value.tolist(), value.double(), value.to(torch.int8), "text")
            return rng.choice([*kinds, value.half()])
        if self.fault == "shape":
            return rng.choice((value[:-1], value[None], value[..., :-1], value[..., None]))
        if self.fault in ("nothing", "transposed"):
            return None if self.fault == "nothing" else value.repeat(3, *[1] * (value.ndim - 1))
        if self.fault in ("nan", "infinite"):
            changed[spot] = NAN if self.fault == "nan" else rng.choice((INF, -INF))
        elif self.fault == "no action":
            changed[spot[:-1]] = False
        elif self.fault in ("rows", "copies"):
            changed[0, 0] = 3 if self.fault == "copies" else rng.choice((-1, 6, 10**9))
        else:
            changed[spot] = 3 if self.fault == "stops" else value[spot] + rng.choice((1, 2, -1))
        return changed

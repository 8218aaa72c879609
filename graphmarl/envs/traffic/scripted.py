"""Controllers of signals that need no learning: yardsticks for what is learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.environment import NONE, Traffic
from graphmarl.step import Step

Controller = Callable[[Step], Int[Tensor, "env agent"]]


class FixedTime:
    """The same phases in turn, each for so long, at every signal at once.

    Signals that do not have one of the phases take what is next in its place.

    Args:
        env: what is played.
        phases: actions in their order; by default the first four, which in the grids are straight
            on and left turns, in one direction and in the other, and let everyone go once.
        seconds: of each, a multiple of the seconds between two choices.

    Raises:
        ValueError: phases or seconds that are not allowed.
    """

    def __init__(
        self, env: Traffic, phases: Sequence[int] = (0, 1, 2, 3), seconds: int = 30
    ) -> None:
        if seconds < env.decision or seconds % env.decision:
            raise ValueError(f"seconds is {seconds}; allowed are multiples of {env.decision}")
        most = env.spec.num_actions - 1
        if not phases or min(phases) < 0 or max(phases) > most:
            raise ValueError(f"phases is {tuple(phases)}; allowed are 0 to {most}, at least one")
        self.choices = seconds // env.decision
        plan = torch.tensor(phases, device=env.device)
        self.plan = torch.stack([plan % count for count in env.junctions.available.sum(1)], 1)

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Phases of all signals."""
        return self.plan[step.time // self.choices % len(self.plan)]


class MaxPressure:
    """The phase whose lanes hold most vehicles beyond those on the lanes that they lead to.

    Varaiya, "Max pressure control of a network of signalized intersections" (2013), with a lane's
    vehicles as its queue, and each lane that it leads to as likely as another. Of equal phases it
    keeps the one that it has, or takes the first.

    Args:
        env: what is played.
        waiting: count only vehicles that stand.
    """

    def __init__(self, env: Traffic, waiting: bool = False) -> None:
        self.env, self.waiting = env, waiting

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Phases of all signals."""
        engine, places = self.env.engine, self.env.junctions
        counts = engine.lane_waiting() if self.waiting else engine.lane_vehicles()
        return best(places.pressure(counts), places.available, self.env.phase)


class SelfOrganising:
    r"""A phase has the green until those who wait at red have waited enough (SOTL).

    Each lane counts, choice by choice, the vehicles on it while it is red,
    :math:`\kappa \leftarrow \kappa + v`, and 0 while it is green; a phase counts the sum of its
    lanes. When the present phase has lasted its minimum, no more than `platoon` vehicles move on
    its lanes, and the largest count is at the threshold, the phase of the largest count follows.

    Gershenson, "Self-organizing Traffic Lights" (2005); Cools, Gershenson and D'Hooghe,
    "Self-organizing traffic lights: A realistic simulation" (2007). Unlike the papers, in which
    two phases take turns, the next of several phases is the one that has waited most; and a platoon
    that must not be cut is all that moves on the lanes, wherever it is.

    Args:
        env: what is played.
        threshold: vehicles times choices.
        minimum: seconds that a phase lasts at least.
        platoon: moving vehicles that may be cut.
    """

    def __init__(
        self, env: Traffic, threshold: float = 10.0, minimum: int = 10, platoon: float = 3.0
    ) -> None:
        self.env, self.threshold, self.platoon = env, threshold, platoon
        self.least = -(-minimum // env.decision)
        self.held = torch.zeros_like(env.nothing)
        lanes = env.junctions.lanes
        self.count = torch.zeros(env.num_envs, lanes, dtype=torch.long, device=env.device)

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Phases of all signals."""
        engine, places, phase = self.env.engine, self.env.junctions, self.env.phase
        begins = (step.time == 0)[:, None]
        present = engine.lane_vehicles()
        moving = places.volume(present - engine.lane_waiting())
        moving = moving.gather(2, phase.clamp(min=0).unsqueeze(2)).squeeze(2)
        count = self.count.masked_fill(begins, 0) + present
        self.count = count.masked_fill(places.green(phase), 0)
        self.held = self.held.masked_fill(begins, 0) + 1
        most, next_phase = places.volume(self.count).masked_fill(~places.available, -1).max(2)
        may = (self.held >= self.least) & (moving <= self.platoon)
        change = (phase == NONE) | (may & (most >= self.threshold))
        self.held = self.held.masked_fill(change, 0)
        return torch.where(change, next_phase, phase)


def best(
    worth: Float[Tensor, "env agent action"],
    available: Bool[Tensor, "agent action"],
    phase: Int[Tensor, "env agent"],
) -> Int[Tensor, "env agent"]:
    """The action that is worth most; of several the one that holds, or the first."""
    worth = worth.masked_fill(~available, -torch.inf)
    held = worth.gather(2, phase.clamp(min=0).unsqueeze(2)).squeeze(2)
    top, first = worth.max(2)
    return torch.where((phase != NONE) & (held == top), phase, first)

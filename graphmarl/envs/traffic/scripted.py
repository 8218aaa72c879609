"""Scripted baselines of traffic signal control."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.environment import NONE, Traffic
from graphmarl.step import Step

Controller = Callable[[Step], Int[Tensor, "env agent"]]


class FixedTime:
    """Fixed-time control: a cycle of phases of equal duration, synchronous at all signals.

    Phases that a signal does not have are taken modulo its number of phases.

    Args:
        env: environment to act in.
        phases: cycle of actions; the default four open, in the grids, straight and left movements
            of both directions once.
        seconds: duration of each phase, a multiple of the decision interval.

    Raises:
        ValueError: phases or seconds are not allowed.
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
    """Max-pressure control: the phase with the largest upstream minus downstream count.

    Varaiya, "Max pressure control of a network of signalized intersections" (2013), with the
    vehicles on a lane as its queue and uniform turning ratios over downstream lanes. Ties keep the
    current phase, or take the first.

    Args:
        env: environment to act in.
        waiting: count only waiting vehicles.
    """

    def __init__(self, env: Traffic, waiting: bool = False) -> None:
        self.env, self.waiting = env, waiting

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Phases of all signals."""
        engine, junctions = self.env.engine, self.env.junctions
        counts = engine.lane_waiting() if self.waiting else engine.lane_vehicles()
        return best(junctions.pressure(counts), junctions.available, self.env.phase)


class SelfOrganising:
    r"""Self-organising traffic lights (SOTL): switch when enough vehicles have waited at red.

    At each decision a red lane adds its vehicles to its counter,
    :math:`\kappa \leftarrow \kappa + v`; a green lane resets it to 0. The counter of a phase is the
    sum over its lanes. If the current phase has lasted its minimum, at most `platoon` vehicles move
    on its lanes, and the largest counter has reached the threshold, the phase of the largest
    counter follows.

    Gershenson, "Self-organizing Traffic Lights" (2005); Cools, Gershenson and D'Hooghe,
    "Self-organizing traffic lights: A realistic simulation" (2007). Unlike the papers, in which two
    phases alternate, the next of several phases is the one with the largest counter; and a platoon
    consists of all moving vehicles on the lanes at any distance.

    Args:
        env: environment to act in.
        threshold: counter at which the phase switches, in vehicles times decisions.
        minimum: minimum duration of a phase, in seconds.
        platoon: largest number of moving vehicles that may be interrupted.
    """

    def __init__(
        self, env: Traffic, threshold: float = 10.0, minimum: int = 10, platoon: float = 3.0
    ) -> None:
        self.env, self.threshold, self.platoon = env, threshold, platoon
        self.least = -(-minimum // env.decision)
        self.held = torch.zeros_like(env.zeros)
        lanes = env.junctions.lanes
        self.count = torch.zeros(env.num_envs, lanes, dtype=torch.long, device=env.device)

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Phases of all signals."""
        engine, junctions, phase = self.env.engine, self.env.junctions, self.env.phase
        begins = (step.time == 0)[:, None]
        present = engine.lane_vehicles()
        moving = junctions.volume(present - engine.lane_waiting())
        moving = moving.gather(2, phase.clamp(min=0).unsqueeze(2)).squeeze(2)
        count = self.count.masked_fill(begins, 0) + present
        self.count = count.masked_fill(junctions.green(phase), 0)
        self.held = self.held.masked_fill(begins, 0) + 1
        most, next_phase = junctions.volume(self.count).masked_fill(~junctions.available, -1).max(2)
        may = (self.held >= self.least) & (moving <= self.platoon)
        change = (phase == NONE) | (may & (most >= self.threshold))
        self.held = self.held.masked_fill(change, 0)
        return torch.where(change, next_phase, phase)


def best(
    score: Float[Tensor, "env agent action"],
    available: Bool[Tensor, "agent action"],
    phase: Int[Tensor, "env agent"],
) -> Int[Tensor, "env agent"]:
    """Action of the highest score; ties keep the current phase, or take the first."""
    score = score.masked_fill(~available, -torch.inf)
    held = score.gather(2, phase.clamp(min=0).unsqueeze(2)).squeeze(2)
    top, first = score.max(2)
    return torch.where((phase != NONE) & (held == top), phase, first)

"""What a policy of signals does, beside where the vehicles are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from graphmarl.envs.traffic.environment import Traffic


@dataclass
class Movements:
    r"""How vehicles and green phases are shared out over movements, in one interval of time.

    A movement is a lane that a phase lets go; lanes that are free in phase 0, such as those of
    right turns, are none. :math:`p_m` is the share of movement m of the vehicles that were on all
    movements when phases were chosen, :math:`q_m` its share of the choices that gave it green.
    (Appendix G.1 of Qu et al., "Intention Propagation for Multi-agent Reinforcement Learning",
    after Zheng et al., 2019.)

    Args:
        vehicles: counted on each movement.
        green: choices that let each movement go.
    """

    vehicles: Int[Tensor, " movement"]
    green: Int[Tensor, " movement"]

    @classmethod
    def none(cls, env: Traffic) -> Movements:
        """An interval that begins now."""
        nothing = torch.zeros(len(env.junctions.movements), dtype=torch.long)
        return cls(nothing, nothing.clone())

    def count(self, env: Traffic, action: Int[Tensor, "env agent"]) -> None:
        """Count the vehicles as they are, and what the agents are about to do."""
        movement = env.junctions.movements
        self.vehicles = self.vehicles + env.engine.lane_vehicles()[:, movement].sum(0).cpu()
        self.green = self.green + env.junctions.green(action)[:, movement].sum(0).cpu()

    def shares(self) -> tuple[Float[Tensor, " movement"], Float[Tensor, " movement"]]:
        """The shares p and q.

        Unlike the paper, which says nothing of a movement that is never let go, one choice more is
        counted for each.
        """
        if not self.vehicles.any():
            raise ValueError("there was no vehicle on any movement in this interval")
        chosen = self.green + 1
        return self.vehicles / self.vehicles.sum(), chosen / chosen.sum()

    def divergence(self) -> float:
        r""":math:`\sum_m p_m \log (p_m / q_m)`, in nats."""
        p, q = self.shares()
        return float(torch.special.xlogy(p, p / q).sum())

    def distance(self) -> float:
        r""":math:`\sqrt{\sum_m (p_m - q_m)^2}`."""
        p, q = self.shares()
        return float((p - q).norm())

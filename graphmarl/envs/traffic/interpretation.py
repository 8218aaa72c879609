"""Interpretation of a traffic policy: distribution of green phases and of vehicles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from graphmarl.envs.traffic.environment import Traffic


@dataclass
class Movements:
    r"""Distributions of vehicles and of green phases over movements, in a time interval.

    A movement is a lane that a phase opens, without lanes that are open in phase 0, such as those
    of right turns. :math:`p_m` is the share of movement m among the vehicles on all movements at
    decision times, :math:`q_m` its share among the green decisions of all movements (Appendix G.1
    of Qu et al., "Intention Propagation for Multi-agent Reinforcement Learning", after Zheng et
    al., 2019).

    Args:
        vehicles: number of vehicles counted on each movement.
        green: number of decisions that gave green to each movement.
    """

    vehicles: Int[Tensor, " movement"]
    green: Int[Tensor, " movement"]

    @classmethod
    def empty(cls, env: Traffic) -> Movements:
        """An empty interval."""
        zeros = torch.zeros(len(env.junctions.movements), dtype=torch.long)
        return cls(zeros, zeros.clone())

    def count(self, env: Traffic, action: Int[Tensor, "env agent"]) -> None:
        """Count the current vehicles and the movements opened by the actions."""
        movement = env.junctions.movements
        self.vehicles = self.vehicles + env.engine.lane_vehicles()[:, movement].sum(0).cpu()
        self.green = self.green + env.junctions.green(action)[:, movement].sum(0).cpu()

    def shares(self) -> tuple[Float[Tensor, " movement"], Float[Tensor, " movement"]]:
        """Distributions p and q.

        Unlike the paper, which does not define q for movements without green, this adds one green
        decision to each movement.
        """
        if not self.vehicles.any():
            raise ValueError("there was no vehicle on any movement in this interval")
        chosen = self.green + 1
        return self.vehicles / self.vehicles.sum(), chosen / chosen.sum()

    def divergence(self) -> float:
        r"""Kullback-Leibler divergence :math:`\sum_m p_m \log (p_m / q_m)`, in nats."""
        p, q = self.shares()
        return float(torch.special.xlogy(p, p / q).sum())

    def distance(self) -> float:
        r"""Euclidean distance :math:`\sqrt{\sum_m (p_m - q_m)^2}`."""
        p, q = self.shares()
        return float((p - q).norm())

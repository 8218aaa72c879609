"""Particles that are pushed, damped, and push each other away where they touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import softplus

TIME_STEP, DAMPING, CONTACT_FORCE, CONTACT_MARGIN = 0.1, 0.25, 100.0, 1e-3
# A velocity v that is left to the damping carries this many times v.
COASTING = TIME_STEP / DAMPING
# Beyond 100 margins the contact force is below the smallest number that float32 has.
REACH = 100 * CONTACT_MARGIN


@dataclass(frozen=True)
class Gaps:
    """Where each of some points lies from each of others.

    Args:
        x: from point i to point j, to the right.
        y: the same, upwards.
        squared: squared distance; infinite from a point to itself.
    """

    x: Float[Tensor, "env from to"]
    y: Float[Tensor, "env from to"]
    squared: Float[Tensor, "env from to"]

    @classmethod
    def between(cls, here: Float[Tensor, "env from 2"], there: Float[Tensor, "env to 2"]) -> Gaps:
        """From these points to those; `there` may be `here` itself."""
        x = there[:, None, :, 0] - here[:, :, None, 0]
        y = there[:, None, :, 1] - here[:, :, None, 1]
        squared = (x * x).addcmul_(y, y)
        if there is here:
            squared.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        return cls(x, y, squared)

    def part(self, here: slice, there: slice) -> Gaps:
        """From some of the points to some of the others."""
        where = (slice(None), here, there)
        return Gaps(self.x[where], self.y[where], self.squared[where])

    def nearest(
        self, number: int, seen_from: Float[Tensor, "env from 2"] | None = None
    ) -> Int[Tensor, "env from number"]:
        """The nearest points, nearest first.

        With `seen_from` the distance is that of the gap less this vector: the public scenarios'
        mistake, which take an agent's own position off twice.
        """
        far = self.squared
        if seen_from is not None:
            wrong = (self.x - seen_from[..., :1]).square() + (self.y - seen_from[..., 1:]).square()
            far = torch.where(far < torch.inf, wrong, torch.inf)
        return far.topk(number, largest=False).indices

    def to(self, chosen: Int[Tensor, "env from number"]) -> Float[Tensor, "env from twice"]:
        """The gaps to chosen points one after the other, `x, y, x, y, ...`."""
        return torch.stack([self.x.gather(2, chosen), self.y.gather(2, chosen)], 3).flatten(2)


class Physics:
    r"""The particle physics of Lowe et al. (MPE), for B copies of E things at once.

    In each step of :math:`\Delta = 0.1`

    .. math::
        v_i \leftarrow (1 - 0.25) v_i + \frac{\Delta}{m_i} \Big( f_i + \sum_j 100 \,
        \frac{x_i - x_j}{|x_i - x_j|} \, k \log(1 + e^{(d_{ij} - |x_i - x_j|) / k}) \Big),
        \quad k = 10^{-3},

    then v is cut to the thing's greatest speed, then :math:`x_i \leftarrow x_i + \Delta v_i`. Only
    pairs of which both collide push; their contact distance :math:`d_{ij}` is the sum of the
    sizes. Two things in the very same place do not push each other. There are no walls. The pairs
    that can push are found first and the rest is left out, which changes no digit of float32.

    `Multi-Agent Actor-Critic for Mixed Cooperative-Competitive Environments
    <https://arxiv.org/abs/1706.02275>`_

    Args:
        size: radius of each thing.
        mass: of each, or of all.
        max_speed: of each; None for things without a limit.
        collides: which can touch; all without it.
        moves: which can move; all without it.
        contact_distance: of every pair, whatever their sizes; the sum of the sizes without it.
        order: what is first brought up to date. The public scenarios begin with the velocity; the
            package mpe2 with the position.
        device: where the tensors are.

    Attributes:
        contact: contact distances, (E, E).
    """

    def __init__(
        self,
        size: Sequence[float],
        mass: Sequence[float] | float = 1.0,
        max_speed: Sequence[float] | None = None,
        collides: Sequence[bool] | None = None,
        moves: Sequence[bool] | None = None,
        contact_distance: float | None = None,
        order: Literal["velocity", "position"] = "velocity",
        device: str | torch.device = "cpu",
    ) -> None:
        count = len(size)
        sizes = torch.tensor(size, device=device)
        masses = torch.tensor(mass, device=device).expand(count)
        can_touch = torch.tensor(collides or [True] * count, device=device)
        free = torch.tensor(moves or [True] * count, device=device)
        self.order = order
        self.limit = None if max_speed is None else torch.tensor(max_speed, device=device)[:, None]
        self.contact = sizes[:, None] + sizes
        if contact_distance is not None:
            self.contact = torch.full_like(self.contact, contact_distance)
        both = can_touch[:, None] & can_touch & free[:, None]
        self._near = torch.where(both, (self.contact + REACH).square(), 0)
        self._response = torch.where(free, TIME_STEP / masses, 0)[:, None]

    def push(self, gaps: Gaps) -> Float[Tensor, "env thing 2"]:
        """The force of all contacts on each thing."""
        near = (gaps.squared < self._near).flatten().nonzero().squeeze(1)
        distance = gaps.squared.flatten()[near].sqrt()
        overlap = self.contact.flatten()[near % self.contact.numel()] - distance
        strength = softplus(overlap / CONTACT_MARGIN) / distance.clamp(min=1e-30)
        # Written out before it is summed, so that sums have one order on every device.
        full = torch.zeros_like(gaps.squared)
        full.view(-1)[near] = strength * (-CONTACT_FORCE * CONTACT_MARGIN)
        return torch.stack([(full * gaps.x).sum(2), (full * gaps.y).sum(2)], 2)

    def step(
        self,
        position: Float[Tensor, "env thing 2"],
        velocity: Float[Tensor, "env thing 2"],
        force: Float[Tensor, "env thing 2"],
        gaps: Gaps,
    ) -> tuple[Float[Tensor, "env thing 2"], Float[Tensor, "env thing 2"]]:
        """Position and velocity one step later.

        Args:
            position: of all things.
            velocity: of all things; 0 for what does not move.
            force: on all things, without that of contacts.
            gaps: between the things at `position`.
        """
        change = (force + self.push(gaps)) * self._response
        after = torch.add(change, velocity, alpha=1 - DAMPING)
        if self.limit is not None:
            after = after * (self.limit / after.norm(dim=2, keepdim=True)).clamp(max=1)
        carries = after if self.order == "velocity" else velocity
        return torch.add(position, carries, alpha=TIME_STEP), after

"""Particle physics: forces, damping and repulsive contacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from graphmarl.envs.particle.neighbors import Neighbors

TIME_STEP, DAMPING, CONTACT_FORCE, CONTACT_MARGIN = 0.1, 0.25, 100.0, 1e-3
# Distance covered by damping alone, per unit of velocity.
COASTING = TIME_STEP / DAMPING
# Beyond 100 margins the contact force underflows in float32.
REACH = 100 * CONTACT_MARGIN


class Gaps(NamedTuple):
    """Pairwise displacements from one set of points to another.

    Args:
        offset: displacements from point i to point j, to the right and upwards.
        squared: squared distances; infinite from a point to itself.
    """

    offset: Float[Tensor, "env 2 from to"]
    squared: Float[Tensor, "env from to"]

    @classmethod
    def between(cls, here: Float[Tensor, "env from 2"], there: Float[Tensor, "env to 2"]) -> Gaps:
        """Displacements from the points `here` to `there`, which may be the same tensor."""
        gaps = cls.of(planes(here), planes(there))
        if there is here:
            gaps.squared.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        return gaps

    @classmethod
    def of(cls, here: Float[Tensor, "env 2 from"], there: Float[Tensor, "env 2 to"]) -> Gaps:
        """Displacements between points whose coordinates are `planes`."""
        offset = there.unsqueeze(2) - here.unsqueeze(3)
        x, y = offset.unbind(1)
        return cls(offset, (x * x).addcmul_(y, y))

    def part(self, here: slice, there: slice) -> Gaps:
        """Restrict the displacements to slices of both sets."""
        return Gaps(self.offset[:, :, here, there], self.squared[:, here, there])

    def nearest(
        self, number: int, seen_from: Float[Tensor, "env from 2"] | None = None
    ) -> Int[Tensor, "env from number"]:
        """Indices of the nearest points, nearest first.

        Args:
            number: points to select.
            seen_from: vectors subtracted from the displacements before taking distances. This
                reproduces an error of the public scenarios, which subtract an agent's own position
                twice.
        """
        far = self.squared
        if seen_from is not None:
            x, y = (self.offset - planes(seen_from).unsqueeze(3)).square().unbind(1)
            far = torch.where(far < torch.inf, x + y, torch.inf)
        return far.topk(number, largest=False).indices

    def to(self, chosen: Int[Tensor, "env from number"]) -> Float[Tensor, "env from twice"]:
        """Displacements to the chosen points, flattened to `x, y, x, y, ...`."""
        index = chosen.unsqueeze(1).expand(-1, 2, -1, -1)
        return self.offset.gather(3, index).permute(0, 2, 3, 1).flatten(2)


def planes(points: Float[Tensor, "env point 2"]) -> Float[Tensor, "env 2 point"]:
    """Coordinates of points, contiguous for each axis."""
    return points.transpose(1, 2).contiguous()


class Physics:
    r"""Particle physics of Lowe et al. (MPE), for B copies of E entities.

    In each step of :math:`\Delta = 0.1`

    .. math::
        v_i \leftarrow (1 - 0.25) v_i + \frac{\Delta}{m_i} \Big( f_i + \sum_j 100 \,
        \frac{x_i - x_j}{|x_i - x_j|} \, k \log(1 + e^{(d_{ij} - |x_i - x_j|) / k}) \Big),
        \quad k = 10^{-3},

    then v is clipped to the maximum speed, then :math:`x_i \leftarrow x_i + \Delta v_i`. Only pairs
    of colliding entities repel each other; their contact distance :math:`d_{ij}` is the sum of
    their radii. Two entities at the same position do not repel each other. There are no walls.
    Forces are computed for pairs within reach only, which changes no digit in float32.

    `Multi-Agent Actor-Critic for Mixed Cooperative-Competitive Environments
    <https://arxiv.org/abs/1706.02275>`_

    Args:
        size: radius of each entity.
        mass: mass of each entity, or of all.
        max_speed: maximum speed of each entity; None for no limit.
        collides: whether each entity collides; all by default.
        moves: whether each entity moves; all by default.
        contact_distance: contact distance of every pair; the sum of their radii by default.
        order: quantity that is updated first: `velocity` as in the public scenarios, or `position`
            as in the package mpe2.
        device: device of the tensors.

    Attributes:
        contact: contact distances, (E, E).
        reach: largest distance at which two entities repel each other.
        itself: infinite from an entity to itself, else 0, (E, E).
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
        self.reach = float(self._near.max().sqrt())
        self._response = torch.where(free, TIME_STEP / masses, 0)[:, None]
        self.itself = torch.zeros_like(self.contact).fill_diagonal_(torch.inf)

    def push(self, gaps: Gaps, dense: bool = False) -> Float[Tensor, "env entity 2"] | None:
        """Sum of the contact forces on each entity, or None if there are none.

        Args:
            gaps: displacements between the entities.
            dense: compute the forces of all pairs, not only of those within reach.
        """
        near = gaps.squared < self._near
        if dense:
            strength = contact_force(self.contact, gaps.squared.sqrt())
            full = torch.where(near, strength, 0.0)
        else:
            pairs = near.flatten().nonzero()
            if not pairs.numel():
                return None
            pairs = pairs.squeeze(1)
            contact = self.contact.flatten()[pairs % self.contact.numel()]
            # Dense before the sum, so that the order of summation is the same on every device.
            full = torch.zeros_like(gaps.squared)
            full.view(-1)[pairs] = contact_force(contact, gaps.squared.flatten()[pairs].sqrt())
        return (full.unsqueeze(1) * gaps.offset).sum(3).transpose(1, 2)

    def push_of(self, near: Neighbors) -> Float[Tensor, "env entity 2"]:
        """Sum of the contact forces on each entity, from pairs that were searched.

        Args:
            near: the pairs within `reach`.
        """
        pairs = near.pairs
        strength = contact_force(self.contact.flatten()[pairs.both], pairs.squared.sqrt())
        within = pairs.squared < self._near.flatten()[pairs.both]
        return near.sum(torch.where(within, strength, 0.0).unsqueeze(1) * pairs.offset)

    def step(
        self,
        position: Float[Tensor, "env entity 2"],
        velocity: Float[Tensor, "env entity 2"],
        force: Float[Tensor, "env entity 2"],
        push: Float[Tensor, "env entity 2"] | None = None,
    ) -> tuple[Float[Tensor, "env entity 2"], Float[Tensor, "env entity 2"]]:
        """Position and velocity one step later.

        Args:
            position: positions of all entities.
            velocity: velocities of all entities; 0 for entities that do not move.
            force: forces on all entities, without those of contacts.
            push: forces of contacts, or None if there are none.
        """
        change = (force if push is None else force + push) * self._response
        after = torch.add(change, velocity, alpha=1 - DAMPING)
        if self.limit is not None:
            after = after * (self.limit / after.norm(dim=2, keepdim=True)).clamp(max=1)
        carries = after if self.order == "velocity" else velocity
        return torch.add(position, carries, alpha=TIME_STEP), after


def contact_force(contact: Tensor, distance: Tensor) -> Tensor:
    """Contact force of pairs, as a multiple of the displacement from the first to the second."""
    # softplus(z) is -logsigmoid(-z), whose last bits do not depend on the place in a tensor.
    gap = distance - contact
    strength = logsigmoid(gap / CONTACT_MARGIN) / distance.clamp(min=1e-30)
    return strength * (CONTACT_FORCE * CONTACT_MARGIN)

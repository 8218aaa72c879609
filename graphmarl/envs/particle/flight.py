"""Scripted flight of the prey."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from graphmarl.envs.particle.physics import Gaps

FEARED, SAFE = 3, 0.8


def flee(
    prey: Float[Tensor, "env prey 2"], hunters: Gaps, half_width: float
) -> Float[Tensor, "env prey 2"]:
    r"""Action of each prey as a share of its full force, a vector of norm at most 1.

    The direction is the sum of :math:`(x_p - x_i) / |x_p - x_i|^2` over the three nearest hunters
    i, normalised to norm 1. Beyond 0.8 of the half width R, an inward component
    :math:`5 (|x| / R - 0.8)` is added to each coordinate x, which equals the flight at the border;
    the result is clipped to norm 1.

    Args:
        prey: positions of the prey.
        hunters: gaps from each prey to each hunter.
        half_width: half width of the square, R.
    """
    feared = hunters.nearest(min(FEARED, hunters.squared.shape[2]))
    gap = hunters.to(feared).unflatten(2, (-1, 2))
    danger = hunters.squared.gather(2, feared).clamp(min=1e-6).unsqueeze(3)
    away = -(gap / danger).sum(2)
    away = away / away.norm(dim=2, keepdim=True).clamp(min=1e-9)
    outside = (prey.abs() / half_width - SAFE).clamp(min=0) / (1 - SAFE)
    wish = away - outside * prey.sign()
    return wish / wish.norm(dim=2, keepdim=True).clamp(min=1)

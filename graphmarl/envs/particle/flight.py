"""How scripted prey runs away."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from graphmarl.envs.particle.physics import Gaps

FEARED, SAFE = 3, 0.8


def flee(
    prey: Float[Tensor, "env prey 2"], hunters: Gaps, half_width: float
) -> Float[Tensor, "env prey 2"]:
    r"""The share of its full force with which each prey runs, at most of length 1.

    It is that of the sum of :math:`(x_p - x_i) / |x_p - x_i|^2` over the three nearest hunters i,
    made of length 1. From 0.8 of the half width R on, each coordinate x has
    :math:`5 (|x| / R - 0.8)` added to it inwards, which at the border is as much as the flight;
    what is longer than 1 then is cut to 1.

    Args:
        prey: where they are.
        hunters: gaps from each prey to each hunter.
        half_width: R.
    """
    feared = hunters.nearest(min(FEARED, hunters.squared.shape[2]))
    gap = hunters.to(feared).unflatten(2, (-1, 2))
    danger = hunters.squared.gather(2, feared).clamp(min=1e-6).unsqueeze(3)
    away = -(gap / danger).sum(2)
    away = away / away.norm(dim=2, keepdim=True).clamp(min=1e-9)
    outside = (prey.abs() / half_width - SAFE).clamp(min=0) / (1 - SAFE)
    wish = away - outside * prey.sign()
    return wish / wish.norm(dim=2, keepdim=True).clamp(min=1)

"""Points at random that keep a distance from each other."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

MOST_COVERED = 0.4
ROUNDS, ATTEMPTS = 30, 20
EXACT = "donot_use_mm_for_euclid_dist"


def check_room(number: int, half_width: float, apart: float) -> None:
    """Refuse more points than can be placed by chance.

    Raises:
        ValueError: discs of diameter `apart` would cover over 0.4 of what they may lie on. Discs
            that are dropped one after the other stop at 0.547.
    """
    covered = number * pi * (apart / 2) ** 2 / (2 * half_width + apart) ** 2
    if covered > MOST_COVERED:
        least = ((number * pi / MOST_COVERED) ** 0.5 / 2 - 1) * apart / 2
        raise ValueError(
            f"half_width is {half_width}; {number} landmarks {apart:.3f} apart need {least:.2f}"
        )


def poisson_disc(
    uniform: Callable[..., Float[Tensor, "env ..."]], number: int, half_width: float, apart: float
) -> Float[Tensor, "env number 2"]:
    """Points in a square around 0, no two of a copy nearer to each other than `apart`.

    Darts are thrown in rounds of `number` for each copy. A dart stays if it is far enough from all
    that stay from earlier rounds and from all earlier ones of its own round that are; the first
    `number` that stay are the points. A copy that lacks points after 30 rounds begins anew. More
    rounds change nothing in a copy that is complete, so that its points do not depend on other
    copies; but they take draws, so that nothing should be drawn after them in the same phase.

    Args:
        uniform: draws for each copy, such as `Batched.uniform`.
        number: points in each copy.
        half_width: of the square.
        apart: least distance.

    Raises:
        RuntimeError: 20 beginnings were not enough, which `check_room` makes all but impossible.
    """
    points, count = None, None
    for turn in range(ROUNDS * ATTEMPTS):
        dart = (2 * uniform(number, 2) - 1) * half_width
        if points is None or count is None:
            # One more place takes what is not kept.
            points = dart.new_full((len(dart), number + 1, 2), torch.inf)
            count = torch.zeros(len(dart), 1, dtype=torch.long, device=dart.device)
        elif turn % ROUNDS == 0:
            short = count < number
            points = points.masked_fill(short.unsqueeze(2), torch.inf)
            count = count.masked_fill(short, 0)
        near = torch.cdist(dart, points[:, :number], compute_mode=EXACT) < apart
        fits = ~near.any(2)
        crowded = (torch.cdist(dart, dart, compute_mode=EXACT) < apart) & fits.unsqueeze(1)
        keep = fits & ~crowded.tril(-1).any(2)
        place = (count + keep.cumsum(1) - 1).clamp(max=number).masked_fill(~keep, number)
        points = points.scatter(1, place.unsqueeze(2).expand(-1, -1, 2), dart)
        points[:, number] = torch.inf
        count = count + keep.sum(1, keepdim=True)
        if (count >= number).all():
            return points[:, :number].contiguous()
    raise RuntimeError(
        f"{number} points {apart} apart were not placed in {ROUNDS * ATTEMPTS} rounds"
    )

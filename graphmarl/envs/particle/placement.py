"""Random points with a minimum distance (Poisson-disc sampling)."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from graphmarl.envs.particle.neighbors import SEARCHED_FROM, Neighbors, Points

MOST_COVERED = 0.4
ROUNDS, ATTEMPTS = 30, 20
EXACT = "donot_use_mm_for_euclid_dist"


def check_room(number: int, half_width: float, apart: float) -> None:
    """Check that random sequential placement has enough room for the points.

    Args:
        number: points to place.
        half_width: half width of the square.
        apart: minimum distance.

    Raises:
        ValueError: discs of diameter `apart` would cover over 0.4 of the available area; random
            sequential placement saturates at 0.547.
    """
    covered = number * pi * (apart / 2) ** 2 / (2 * half_width + apart) ** 2
    if covered > MOST_COVERED:
        least = ((number * pi / MOST_COVERED) ** 0.5 / 2 - 1) * apart / 2
        raise ValueError(
            f"half_width is {half_width}; {number} landmarks {apart:.3f} apart need {least:.2f}"
        )


def _by_distances(dart: Tensor, points: Tensor, apart: float) -> Tensor:
    fits = ~(torch.cdist(dart, points, compute_mode=EXACT) < apart).any(2)
    crowded = (torch.cdist(dart, dart, compute_mode=EXACT) < apart) & fits.unsqueeze(1)
    return fits & ~crowded.tril(-1).any(2)


def _by_search(dart: Tensor, points: Tensor, apart: float) -> Tensor:
    count = dart.shape[1]
    # Points that are still missing wait in a row outside, further apart than the others.
    outside = 2 * apart * torch.arange(1, count + 1, device=dart.device)
    outside = torch.stack([outside, outside], 1) + dart.max()
    everyone = torch.cat([dart, torch.where(points == torch.inf, outside, points)], 1)
    points_of_all = Points(everyone)
    near = Neighbors(points_of_all, points_of_all, apart)
    pairs = near.pairs
    one, other = pairs.both // (2 * count), pairs.both % (2 * count)
    close = pairs.squared.sqrt() < apart
    fits = near.sum((close & (other >= count)).float())[:, :count] == 0
    known = fits.flatten()[(pairs.row // (2 * count) * count + other).clamp(max=fits.numel() - 1)]
    before = close & (other < one) & (one < count) & known
    return fits & (near.sum(before.float())[:, :count] == 0)


def accepted(
    dart: Float[Tensor, "env dart 2"], points: Float[Tensor, "env dart 2"], apart: float
) -> Bool[Tensor, "env dart"]:
    """Candidates that are far enough from all points, and from earlier ones that are.

    Args:
        dart: candidates.
        points: accepted points; infinite where there is none yet.
        apart: minimum distance.
    """
    searched = dart.shape[1] >= SEARCHED_FROM and dart.device.type == "cpu"
    return (_by_search if searched else _by_distances)(dart, points, apart)


def poisson_disc(
    uniform: Callable[..., Float[Tensor, "env ..."]], number: int, half_width: float, apart: float
) -> Float[Tensor, "env number 2"]:
    """Poisson-disc sampling by dart throwing: points in a square around 0, at least `apart` apart.

    Each round draws `number` candidates per copy. A candidate is accepted if it is far enough from
    the accepted points of earlier rounds and from earlier candidates of its round that are far
    enough from those; the first `number` accepted points are returned. A copy without enough points
    after 30 rounds starts again. Further rounds do not change a complete copy, so its points do not
    depend on other copies; but the number of draws varies, so nothing should be drawn afterwards in
    the same phase.

    Args:
        uniform: sampler of uniform numbers for each copy, such as `Batched.uniform`.
        number: points in each copy.
        half_width: half width of the square.
        apart: minimum distance.

    Raises:
        RuntimeError: 20 attempts failed, which `check_room` makes extremely unlikely.
    """
    points, count = None, None
    for turn in range(ROUNDS * ATTEMPTS):
        dart = (2 * uniform(number, 2) - 1) * half_width
        if points is None or count is None:
            # The last row collects rejected candidates.
            points = dart.new_full((len(dart), number + 1, 2), torch.inf)
            count = torch.zeros(len(dart), 1, dtype=torch.long, device=dart.device)
        elif turn % ROUNDS == 0:
            short = count < number
            points = points.masked_fill(short.unsqueeze(2), torch.inf)
            count = count.masked_fill(short, 0)
        keep = accepted(dart, points[:, :number], apart)
        place = (count + keep.cumsum(1) - 1).clamp(max=number).masked_fill(~keep, number)
        points = points.scatter(1, place.unsqueeze(2).expand(-1, -1, 2), dart)
        points[:, number] = torch.inf
        count = count + keep.sum(1, keepdim=True)
        if (count >= number).all():
            return points[:, :number].contiguous()
    raise RuntimeError(
        f"{number} points {apart} apart were not placed in {ROUNDS * ATTEMPTS} rounds"
    )

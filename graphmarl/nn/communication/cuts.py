"""Rules that decide which bits of the messages of a step are sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Cut(ABC):
    """Says of each bit of each message whether it is sent."""

    @abstractmethod
    def __call__(
        self, worth: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """True for what is sent.

        Args:
            worth: how important each bit is; NDQ's is the size of its mean.
            graph: the graph that each message belongs to.
        """


class Threshold(Cut):
    """Cut bits that are worth less than a value (NDQ, Section 5.1: |mu| < 2).

    Args:
        value: the least worth that is sent.

    Raises:
        ValueError: the value is negative.
    """

    def __init__(self, value: float) -> None:
        if not value >= 0:
            raise ValueError(f"the threshold is {value}; worth is never below 0")
        self.value = value

    def __call__(
        self, worth: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """True where a bit is worth enough."""
        return worth >= self.value


class Rank(Cut):
    """Cut a share of the bits of a round of messages: those that are worth least.

    Of bits that are worth the same, the first ones go first.

    Args:
        percent: how many of 100 bits are cut.
        within: `step` ranks the bits of all copies of the environment together, as the paper's code
            does, so that a copy where nothing matters may be silent (copies that have ended and
            begun anew take part); `graph` ranks those of each copy by themselves.

    Raises:
        ValueError: not between 0 and 100.
    """

    def __init__(self, percent: float, within: Literal["step", "graph"] = "step") -> None:
        if not 0 <= percent <= 100:
            raise ValueError(f"rank is {percent}; it takes 0 to 100 percent")
        if within not in ("step", "graph"):
            raise ValueError(f"within is {within!r}; allowed are 'step' and 'graph'")
        self.share, self.within = percent / 100, within

    def __call__(
        self, worth: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """True for all but the share that is worth least."""
        group = torch.zeros_like(graph) if self.within == "step" else graph
        group = group.repeat_interleave(worth.shape[1])
        return keep_highest(worth.flatten(), group, self.share).view_as(worth)


class Budget(Cut):
    """Send at most so many bits over each edge: those that are worth most.

    Args:
        bits: how many.

    Raises:
        ValueError: fewer than 0.
    """

    def __init__(self, bits: int) -> None:
        if bits < 0:
            raise ValueError(f"the budget is {bits} bits; it takes 0 and more")
        self.bits = bits

    def __call__(
        self, worth: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """True for the best of each message."""
        place = worth.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        return place < self.bits


class RandomCut(Cut):
    """Cut each bit with a probability; draws from the global random state, as noise does.

    Args:
        percent: of 100 bits, how many are cut on average.

    Raises:
        ValueError: not between 0 and 100.
    """

    def __init__(self, percent: float) -> None:
        if not 0 <= percent <= 100:
            raise ValueError(f"random is {percent}; it takes 0 to 100 percent")
        self.share = percent / 100

    def __call__(
        self, worth: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """True where the draw is lucky."""
        return torch.rand(worth.shape, device=worth.device) >= self.share


CUTS: dict[str, type[Cut]] = {
    "threshold": Threshold,
    "rank": Rank,
    "budget": Budget,
    "random": RandomCut,
}


def keep_highest(
    worth: Float[Tensor, " bit"], group: Int[Tensor, " bit"], share: float
) -> Bool[Tensor, " bit"]:
    """False for the given share of each group: its lowest entries, rounded to whole entries."""
    order = worth.argsort(stable=True)
    order = order[group[order].argsort(stable=True)]
    count = torch.bincount(group) if len(group) else group
    first = count.cumsum(0) - count
    place = torch.empty_like(group)
    place[order] = torch.arange(len(group), device=group.device) - first[group[order]]
    return place >= (share * count).round()[group]

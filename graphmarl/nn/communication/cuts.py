"""Cuts: rules that select which bits of the messages are sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.checks import Checked
from graphmarl.ranges import NonNegativeFloat, NonNegativeInt, Percent


class Cut(Checked, ABC):
    """Base class of rules that select the bits of messages that are sent."""

    @abstractmethod
    def __call__(
        self, importance: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """Mask of the bits that are sent.

        Args:
            importance: importance of each bit; in NDQ the absolute value of its mean.
            graph: graph of each message.
        """


class Threshold(Cut):
    """Cut bits of an importance below a threshold (NDQ, Section 5.1: `|mu| < 2`).

    Args:
        value: smallest importance that is sent.

    Raises:
        ValueError: the value is negative.
    """

    def __init__(self, value: NonNegativeFloat) -> None:
        self.value = value

    def __call__(
        self, importance: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """Mask of the bits of sufficient importance."""
        return importance >= self.value


class Rank(Cut):
    """Cut a share of the bits of a round of messages: those of least importance.

    Among bits of equal importance the first ones are cut first.

    Args:
        percent: percentage of bits that are cut.
        within: `step` ranks the bits of all copies of the environment together, as in the paper's
            code, so that all messages of one copy may be cut (copies that have been reset take
            part); `graph` ranks the bits of each copy separately.

    Raises:
        ValueError: not between 0 and 100.
    """

    def __init__(self, percent: Percent, within: Literal["step", "graph"] = "step") -> None:
        self.share, self.within = percent / 100, within

    def __call__(
        self, importance: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """Mask of all bits but the share of least importance."""
        group = torch.zeros_like(graph) if self.within == "step" else graph
        group = group.repeat_interleave(importance.shape[1])
        return keep_highest(importance.flatten(), group, self.share).view_as(importance)


class Budget(Cut):
    """Send at most a fixed number of bits over each edge: those of highest importance.

    Args:
        bits: bits per message.

    Raises:
        ValueError: negative number of bits.
    """

    def __init__(self, bits: NonNegativeInt) -> None:
        self.bits = bits

    def __call__(
        self, importance: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """Mask of the most important bits of each message."""
        rank = importance.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        return rank < self.bits


class RandomCut(Cut):
    """Cut each bit with a fixed probability, drawn from the global random state.

    Args:
        percent: percentage of bits that are cut on average.

    Raises:
        ValueError: not between 0 and 100.
    """

    def __init__(self, percent: Percent) -> None:
        self.share = percent / 100

    def __call__(
        self, importance: Float[Tensor, "edge bit"], graph: Int[Tensor, " edge"]
    ) -> Bool[Tensor, "edge bit"]:
        """Random mask."""
        return torch.rand(importance.shape, device=importance.device) >= self.share


CUTS: dict[str, type[Cut]] = {
    "threshold": Threshold,
    "rank": Rank,
    "budget": Budget,
    "random": RandomCut,
}


def keep_highest(
    importance: Float[Tensor, " bit"], group: Int[Tensor, " bit"], share: float
) -> Bool[Tensor, " bit"]:
    """Mask without the lowest entries of each group, by a share rounded to whole entries."""
    order = importance.argsort(stable=True)
    order = order[group[order].argsort(stable=True)]
    count = torch.bincount(group) if len(group) else group
    first = count.cumsum(0) - count
    rank = torch.empty_like(group)
    rank[order] = torch.arange(len(group), device=group.device) - first[group[order]]
    return rank >= (share * count).round()[group]

"""A road network as tensors: what vehicles drive on, where it crosses, and what has green."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def route_key(lane: Any, road: Any, after: Any, roads: int) -> Any:
    """The code of a lane, the next road and the one after it (-1: none); numbers, or arrays."""
    return (lane * roads + road) * (roads + 1) + after + 1


@dataclass(frozen=True)
class Network:
    """Lanes and lane links ("drivables") of a road network, numbered lanes first.

    Lanes are in the order of the file, lane links by intersection, road link and lane link. One
    number more, `num_drivables`, stands for what lies beyond the end of a way: nobody is there.

    Args:
        num_lanes: lanes come first.
        num_drivables: lanes and lane links.
        roads: the number of each road, by its id.
        first_lane: number of the first lane of each road.
        lane_road: the road of each lane.
        next_roads: the roads that one reaches from each road over one intersection.
        route_keys: sorted codes of (lane, next road, the road after that or none), see `key`.
        route_links: the lane link that one takes there.
        link_end: the lane to which each lane link leads.
        length: metres; infinite beyond the end.
        max_speed: m/s.
        is_link: whether it is a lane link.
        turn_speed: the highest speed at which one comes to it, in m/s: infinite unless it turns.
        rank: of a lane link at a conflict point, the higher one goes first; 0 for lanes.
        ahead: whose last vehicles one looks at before one enters it: itself if it is a lane; all
            links that leave the same lane if it is a link, filled up with nothing.
        cross_start: where its conflict points begin among all, which are sorted along it.
        cross_count: how many it has.
        cross_at: how far along the link each conflict point is.
        cross_other: the same conflict point on the other link.
        phases: of each signal.
        link_signal: of each lane link.
        link_light: where the lights of each lane link's road link begin in `light`.
        link_stride: how far apart its lights of one phase and of the next are.
        light: green or not, by signal, phase and road link.
    """

    num_lanes: int
    num_drivables: int
    roads: dict[str, int]
    first_lane: np.ndarray
    lane_road: np.ndarray
    next_roads: tuple[tuple[int, ...], ...]
    route_keys: np.ndarray
    route_links: np.ndarray
    link_end: np.ndarray
    length: Float[Tensor, " drivables"]
    max_speed: Float[Tensor, " drivables"]
    is_link: Bool[Tensor, " drivables"]
    turn_speed: Float[Tensor, " drivables"]
    rank: Int[Tensor, " drivables"]
    ahead: Int[Tensor, "drivables links"]
    cross_start: Int[Tensor, " drivables"]
    cross_count: Int[Tensor, " drivables"]
    cross_at: Float[Tensor, " crossings"]
    cross_other: Int[Tensor, " crossings"]
    phases: Int[Tensor, " signals"]
    link_signal: Int[Tensor, " lane_links"]
    link_light: Int[Tensor, " lane_links"]
    link_stride: Int[Tensor, " lane_links"]
    light: Bool[Tensor, " lights"]

    def to(self, device: torch.device, dtype: torch.dtype) -> Network:
        """With its tensors there, and its reals in this precision."""
        moved = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                moved[field.name] = value.to(device, dtype if value.is_floating_point() else None)
        return replace(self, **moved)

    def key(self, lane: np.ndarray, road: np.ndarray, after: np.ndarray) -> np.ndarray:
        """The code of a lane, the next road and the one after it (-1: there is none)."""
        return route_key(lane, road, after, len(self.roads))

    def green(self, phase: Int[Tensor, "copies signals"]) -> Bool[Tensor, "copies places"]:
        """Whether one may enter each drivable, in each copy; lanes are always open."""
        place = self.link_light + phase[:, self.link_signal] * self.link_stride
        open_ = torch.ones(
            len(phase), self.num_drivables + 1, dtype=torch.bool, device=phase.device
        )
        open_[:, self.num_lanes : self.num_drivables] = self.light[place]
        return open_

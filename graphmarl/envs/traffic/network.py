"""Road network as tensors: drivables, conflict points and lights."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def route_key(lane: Any, road: Any, after: Any, roads: int) -> Any:
    """Code of (lane, next road, the road after it or -1), for numbers or arrays."""
    return (lane * roads + road) * (roads + 1) + after + 1


@dataclass(frozen=True)
class Network:
    """Lanes and lane links ("drivables") of a road network, numbered lanes first.

    Lanes are in the order of the file, lane links by intersection, road link and lane link. The
    additional index `num_drivables` stands for the exit beyond the end of a path, which is always
    empty.

    Args:
        num_lanes: number of lanes.
        num_drivables: number of lanes and lane links.
        roads: index of each road, by its id.
        first_lane: index of the first lane of each road.
        lane_road: road of each lane.
        next_roads: roads reached from each road over one intersection.
        route_keys: sorted codes of (lane, next road, the road after it or none), see `key`.
        route_links: lane link of each code.
        link_end: lane to which each lane link leads.
        length: length in metres; infinite for the exit.
        max_speed: speed limit in m/s.
        is_link: whether each drivable is a lane link.
        turn_speed: maximum speed when entering, in m/s; infinite unless the link turns.
        rank: rank of a lane link at conflict points, the higher one goes first; 0 for lanes.
        ahead: drivables whose last vehicles are possible leaders before entering: a lane itself, or
            all links that leave the same lane, padded with the exit.
        cross_start: start of each drivable's conflict points, which are sorted along it.
        cross_count: number of conflict points of each drivable.
        cross_at: position of each conflict point along its link, in metres.
        cross_other: index of the same conflict point on the other link.
        phases: number of phases of each signal.
        link_signal: signal of each lane link.
        link_light: start of the lights of each lane link's road link in `light`.
        link_stride: offset between the lights of consecutive phases.
        light: whether the light is green, by signal, phase and road link.
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
        """Copy with its tensors on a device, and floating-point tensors in a type."""
        moved = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                moved[field.name] = value.to(device, dtype if value.is_floating_point() else None)
        return replace(self, **moved)

    def key(self, lane: np.ndarray, road: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Code of (lane, next road, the road after it or -1)."""
        return route_key(lane, road, after, len(self.roads))

    def green(self, phase: Int[Tensor, "copies signals"]) -> Bool[Tensor, "copies places"]:
        """Whether each drivable of each copy may be entered; lanes are always open."""
        place = self.link_light + phase[:, self.link_signal] * self.link_stride
        open_ = torch.ones(
            len(phase), self.num_drivables + 1, dtype=torch.bool, device=phase.device
        )
        open_[:, self.num_lanes : self.num_drivables] = self.light[place]
        return open_

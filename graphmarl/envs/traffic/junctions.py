"""Signals of a road network as tensors: incoming and outgoing lanes, phases and actions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.phases import SinglePhase
from graphmarl.envs.traffic.schema import Intersection, Road, Roadnet


@dataclass(frozen=True)
class Junctions:
    """The N signals that are agents, padded to the largest number of lanes and phases.

    Padding is lane index `lanes` and phase 0. The actions of a signal are its phases in order,
    without its yellow phase. A signal with a single phase has that one as its only action.

    Args:
        lanes: number of lanes of the network.
        signal: number of each agent's signal among all signals of the network.
        fixed: phase of each signal of the network that is no agent.
        yellow: yellow phase of each agent.
        incoming: lanes that end at each signal.
        outgoing: lanes that begin at each signal.
        phase: phase of each action.
        available: whether each action exists.
        before: (signal, action, lane) for each lane that an action opens, without lanes that are
            open in the yellow phase, such as those of right turns.
        after: (signal, action, lane) for each lane downstream of such a lane.
        share: weight of each entry of `after`, 1 / number of downstream lanes of its lane.
        links: edge index over agents, downstream along the roads, which may pass signals that are
            no agents.
        position: coordinates in metres.
        kinds: names of the distinct (lanes, phases) shapes.
        kind: shape of each signal.
    """

    lanes: int
    signal: Int[Tensor, " signal"]
    fixed: Int[Tensor, " all"]
    yellow: Int[Tensor, " signal"]
    incoming: Int[Tensor, "signal lane"]
    outgoing: Int[Tensor, "signal out"]
    phase: Int[Tensor, "signal action"]
    available: Bool[Tensor, "signal action"]
    before: Int[Tensor, "3 movement"]
    after: Int[Tensor, "3 pair"]
    share: Float[Tensor, " pair"]
    links: Int[Tensor, "2 edge"]
    position: Float[Tensor, "signal 2"]
    kinds: tuple[str, ...]
    kind: tuple[int, ...]

    @classmethod
    def of(
        cls,
        roadnet: Roadnet,
        device: str | torch.device = "cpu",
        yellow: Sequence[int] | None = None,
        single_phase: SinglePhase = "agent",
    ) -> Junctions:
        """Build the tensors of a road network.

        Args:
            roadnet: road network.
            device: device of the tensors.
            yellow: yellow phase of each signal; phase 0 without it.
            single_phase: whether a signal with a single action is an `agent`, or `fixed`.

        Raises:
            ValueError: no signal is an agent.
        """
        everything = roadnet.signals
        amber = [0] * len(everything) if yellow is None else list(yellow)
        choices = [_actions(*pair) for pair in zip(everything, amber, strict=True)]
        chosen = _chosen(choices, single_phase)
        signals, actions = [everything[n] for n in chosen], [choices[n] for n in chosen]
        lanes = _lane_numbers(roadnet)
        into, out = _lanes_at(roadnet, signals, lanes)
        before, after, share = _movements(signals, actions, [amber[n] for n in chosen], lanes)
        shapes = [(len(a), len(b)) for a, b in zip(into, actions, strict=True)]
        different = sorted(set(shapes))
        total = sum(len(found) for found in lanes.values())
        tensor = partial(torch.tensor, dtype=torch.long, device=device)
        return cls(
            lanes=total,
            signal=tensor(chosen),
            fixed=tensor([own[0] for own in choices]),
            yellow=tensor([amber[n] for n in chosen]),
            incoming=tensor(_padded(into, total)),
            outgoing=tensor(_padded(out, total)),
            phase=tensor(_padded(actions, 0)),
            available=tensor(_padded([[1] * len(row) for row in actions], 0)).bool(),
            before=tensor(before).view(-1, 3).T,
            after=tensor(after).view(-1, 3).T,
            share=torch.tensor(share, device=device),
            links=tensor(_links(roadnet, signals)).view(-1, 2).T,
            position=torch.tensor([intersection.point for intersection in signals], device=device),
            kinds=tuple(f"{a}_lanes_{b}_phases" for a, b in different),
            kind=tuple(different.index(shape) for shape in shapes),
        )

    def phases(self, chosen: Int[Tensor, "env signal"]) -> Int[Tensor, "env all"]:
        """Phases of all signals of the network, given those of the agents."""
        return self.fixed.expand(len(chosen), -1).index_copy(1, self.signal, chosen)

    @cached_property
    def movements(self) -> Int[Tensor, " movement"]:
        """Lanes that some action opens."""
        return self.before[2].unique()

    def at(self, counts: Int[Tensor, "env lane"], lanes: Int[Tensor, "signal k"]) -> Tensor:
        """Counts on the given lanes of the signals, 0 for padding."""
        padding = counts.new_zeros(len(counts), 1)
        return torch.cat([counts, padding], 1)[:, lanes]

    def volume(self, counts: Int[Tensor, "env lane"]) -> Float[Tensor, "env signal action"]:
        """Sum of the counts on the lanes that each action opens."""
        return self._sum(counts[:, self.before[2]].float(), self.before)

    def pressure(self, counts: Int[Tensor, "env lane"]) -> Float[Tensor, "env signal action"]:
        """`volume` minus, for each of its lanes, the mean count of the downstream lanes."""
        behind = self._sum(counts[:, self.after[2]] * self.share, self.after)
        return self.volume(counts) - behind

    def green(self, action: Int[Tensor, "env signal"]) -> Bool[Tensor, "env lane"]:
        """Whether these actions open each lane; negative actions open none."""
        signal, number, lane = self.before
        free = (action[:, signal] == number).long()
        return action.new_zeros(len(action), self.lanes).index_add(1, lane, free) > 0

    def _sum(
        self, values: Float[Tensor, "env entry"], where: Int[Tensor, "3 entry"]
    ) -> Float[Tensor, "env signal action"]:
        signals, actions = self.phase.shape
        total = values.new_zeros(len(values), signals * actions)
        return total.index_add(1, where[0] * actions + where[1], values).view(-1, signals, actions)


def _lane_numbers(roadnet: Roadnet) -> dict[str, list[int]]:
    numbers, start = {}, 0
    for road in roadnet.roads:
        numbers[road.id] = list(range(start, start + len(road.lanes)))
        start += len(road.lanes)
    return numbers


def _actions(signal: Intersection, yellow: int) -> list[int]:
    """Phases of a signal without its yellow phase, or its single phase."""
    return [phase for phase in range(len(signal.phases)) if phase != yellow] or [0]


def _chosen(choices: Sequence[Sequence[int]], single_phase: SinglePhase) -> list[int]:
    """Numbers of the signals that are agents."""
    chosen = [n for n, own in enumerate(choices) if single_phase == "agent" or len(own) > 1]
    if not chosen:
        raise ValueError("each signal has a single phase; allowed is single_phase=agent")
    return chosen


def _links(roadnet: Roadnet, signals: Sequence[Intersection]) -> list[tuple[int, int]]:
    """Pairs of signals along the roads; roads through signals that are left out count as one."""
    onto: dict[str, list[str]] = defaultdict(list)
    for road in roadnet.roads:
        onto[road.start_intersection].append(road.end_intersection)
    number = {signal.id: k for k, signal in enumerate(signals)}
    left_out = {signal.id for signal in roadnet.signals} - number.keys()
    found = set()
    for signal, k in number.items():
        seen, ahead = {signal}, list(onto[signal])
        while ahead:
            here = ahead.pop()
            if here not in seen and here in number:
                found.add((k, number[here]))
            if here not in seen and here in left_out:
                ahead += onto[here]
            seen.add(here)
    return sorted(found)


def _lanes_at(
    roadnet: Roadnet, signals: Sequence[Intersection], lanes: dict[str, list[int]]
) -> tuple[list[list[int]], list[list[int]]]:
    """Incoming and outgoing lanes of each signal, in the order of its list of roads."""
    into: dict[str, list[Road]] = {intersection.id: [] for intersection in roadnet.intersections}
    out: dict[str, list[Road]] = {intersection.id: [] for intersection in roadnet.intersections}
    for road in roadnet.roads:
        into[road.end_intersection].append(road)
        out[road.start_intersection].append(road)

    def numbers(intersection: Intersection, roads: Sequence[Road]) -> list[int]:
        rank = {road: k for k, road in enumerate(intersection.roads)}
        ordered = sorted(roads, key=lambda road: rank.get(road.id, len(rank)))
        return [lane for road in ordered for lane in lanes[road.id]]

    return (
        [numbers(intersection, into[intersection.id]) for intersection in signals],
        [numbers(intersection, out[intersection.id]) for intersection in signals],
    )


def _padded(rows: Sequence[Sequence[int]], value: int) -> list[list[int]]:
    width = max(len(row) for row in rows)
    return [[*row, *[value] * (width - len(row))] for row in rows]


def _movements(
    signals: Sequence[Intersection],
    actions: Sequence[Sequence[int]],
    yellow: Sequence[int],
    lanes: dict[str, list[int]],
) -> tuple[list[list[int]], list[list[int]], list[float]]:
    before, after, share = [], [], []
    for signal, (intersection, phases) in enumerate(zip(signals, actions, strict=True)):
        free = set(intersection.phases[yellow[signal]].road_links)
        for action, phase in enumerate(phases):
            onto: dict[int, set[int]] = {}
            for number in sorted(set(intersection.phases[phase].road_links) - free):
                link = intersection.road_links[number]
                for lane in link.lane_links:
                    start = lanes[link.start_road][lane.start_lane]
                    onto.setdefault(start, set()).add(lanes[link.end_road][lane.end_lane])
            for start, ends in onto.items():
                before.append([signal, action, start])
                after += [[signal, action, end] for end in sorted(ends)]
                share += [1 / len(ends)] * len(ends)
    return before, after, share

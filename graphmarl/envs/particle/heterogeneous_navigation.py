"""Heterogeneous navigation: big and small agents cover landmarks without colliding."""

from __future__ import annotations

import torch

from graphmarl.envs.particle.covering import Covering, CoverReward, usual_width
from graphmarl.envs.particle.world import ActionKind, AgentProperties, row_for
from graphmarl.ranges import (
    Agents,
    Compiled,
    Copies,
    Device,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

HALF_WIDTHS = {4: 1.0, 8: 1.5, 16: 2.2, 30: 3.0, 100: 5.0}
BIG_SIZES = {30: 0.10, 100: 0.15}
BIG, SMALL = 0, 1
MIXED_PRICE = 10.0


def two_kinds(half: int, size: float) -> AgentProperties:
    """Properties of big agents and of as many small, faster ones of half the radius."""
    kind = (BIG,) * half + (SMALL,) * half
    return AgentProperties(
        size=[(size, size / 2)[k] for k in kind],
        sensitivity=[(3.0, 4.0)[k] for k in kind],
        max_speed=[(1.0, 1.3)[k] for k in kind],
        kinds=("big", "small"),
        kind=kind,
    )


class HeterogeneousNavigation(Covering):
    r"""Cooperative navigation with two kinds of agents, as in PIC, VPP and IP.

    The first half of the agents is big: full force 3, maximum speed 1. The others have half the
    radius: full force 4, maximum speed 1.3. The team reward of each step is

    .. math:: G = -\sum_l \min_i |x_i - y_l| - \sum_{i \ne j} c_{ij} [|x_i - x_j| < r_i + r_j]

    with c = 1 for two of a kind and 10 for a big and a small one. Everything else is as in
    `Navigation`; landmarks are at least 4.5 big radii apart. Unlike the public scenarios, which
    show 4 landmarks, an agent observes 6 landmarks and 5 others, the 26 numbers of the papers.

    Liu et al., `PIC: Permutation Invariant Critic for Multi-Agent Deep Reinforcement Learning
    <https://arxiv.org/abs/1911.00025>`_

    Args:
        num_agents: agents, N, an even number.
        half_width: half width of the square; by default the public scenarios' for 4, 8, 16, 30 and
            100 agents, and half of the square root of N for other N.
        big_size: radius of big agents; by default 0.1 for up to 30 agents and 0.15 for more.
        landmarks_seen: nearest landmarks in an observation; min(6, N) by default.
        agents_seen: nearest other agents in an observation; min(5, N - 1) by default.
        reward: `team` pays each agent G / N. `agent` charges each landmark's distance to its
            closest agent and each agent's collisions to itself; the sum is G. `difference` pays G
            minus G without the agent; the sum is not G.
        action: five `discrete` actions, or `continuous` ones, two reals in [-1, 1].
        quirks: reproduce the public scenarios, in which every pair repels at the distance of two
            big agents; collisions are counted by the right radii.
        horizon: steps after which an episode is truncated.
        num_envs: copies, B.
        device: where the tensors are.
        compiled: compile the step: yes, no, or `auto`, in runs of 200,000 steps of each copy.

    Shapes:
        obs (B, N, 26): own velocity and position, then gaps to landmarks and others, nearest first.
        state (B, 6 N): positions, velocities and landmarks. Metrics: as in `Navigation`.

    Raises:
        ValueError: a value is not allowed, or the landmarks do not fit.
    """

    def __init__(
        self,
        num_agents: Agents = 100,
        half_width: PositiveFloat | None = None,
        big_size: PositiveFloat | None = None,
        landmarks_seen: NonNegativeInt | None = None,
        agents_seen: NonNegativeInt | None = None,
        reward: CoverReward = "team",
        action: ActionKind = "discrete",
        quirks: bool = False,
        horizon: PositiveInt = 25,
        num_envs: Copies = 16,
        device: Device = "cpu",
        compiled: Compiled = "auto",
    ) -> None:
        if num_agents < 2 or num_agents % 2:
            raise ValueError(f"num_agents is {num_agents}; allowed are 2, 4, 6, ...")
        size = row_for(BIG_SIZES, num_agents) if big_size is None else big_size
        if size <= 0:
            raise ValueError(f"big_size is {size}; it must be positive")
        usual = usual_width(HALF_WIDTHS, num_agents)
        properties = two_kinds(num_agents // 2, size)
        number = torch.tensor(properties.kind)
        super().__init__(
            properties,
            price=torch.where(number[:, None] == number, 1.0, MIXED_PRICE),
            apart=4.5 * size,
            half_width=usual if half_width is None else half_width,
            landmarks_seen=landmarks_seen,
            agents_seen=agents_seen,
            reward=reward,
            spread=0.0,
            contact_distance=2 * size if quirks else None,
            action=action,
            horizon=horizon,
            num_envs=num_envs,
            device=device,
            compiled=compiled,
        )

"""Navigation: agents cover landmarks without colliding."""

from __future__ import annotations

from graphmarl.envs.particle.covering import Covering, CoverReward, spread_weight, usual_width
from graphmarl.envs.particle.world import ActionKind, AgentProperties
from graphmarl.ranges import (
    Agents,
    Compiled,
    Copies,
    Device,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

SIZE = 0.15
HALF_WIDTHS = {3: 3.0, 6: 1.5, 15: 2.2, 30: 3.0, 100: 5.0, 200: 7.0}
WITH_QUIRKS = (15, 30)


class Navigation(Covering):
    r"""Cooperative navigation (spread) with many agents, as in PIC, VPP and IP.

    N agents of radius 0.15 and N landmarks that do not collide. The team reward of each step is

    .. math:: G = -\sum_l \min_i |x_i - y_l| - |\{(i, j) : i \ne j, |x_i - x_j| < 0.3\}|,

    so that a collision costs 2. Agents start at rest, uniform in a square; landmarks lie in it at
    least 0.675 apart. Unlike the paper's code, which draws N of many Poisson-disc samples,
    `placement.poisson_disc` places N points by rejection sampling.

    Liu et al., `PIC: Permutation Invariant Critic for Multi-Agent Deep Reinforcement Learning
    <https://arxiv.org/abs/1911.00025>`_; Qu et al., "Variational Policy Propagation for
    Multi-agent Reinforcement Learning" (VPP).

    Args:
        num_agents: agents, N.
        half_width: half width of the square; by default the public scenarios' for 3, 6, 15, 30, 100
            and 200 agents, and half of the square root of N for other N (1 agent per unit of area).
        landmarks_seen: nearest landmarks in an observation; min(6, N) by default.
        agents_seen: nearest other agents in an observation; min(5, N - 1) by default.
        reward: `team` pays each agent G / N. `agent` charges each landmark's distance to its
            closest agent and each agent's collisions to itself; the sum is G. `difference` pays G
            minus G without the agent; the sum is not G.
        violate_locality: add w times the sum of log(1 + d_ij) over ordered pairs of agents to G,
            with w from `spread_weight`, which makes it about 10 times as large as G at the
            beginning (VPP; its formula is not printed). `agent` counts it for i, and `difference`
            for i and j.
        action: five `discrete` actions, or `continuous` ones, two reals in [-1, 1].
        quirks: reproduce the public scenarios of 15 and 30 agents, which subtract an agent's own
            position twice when selecting the nearest entities.
        horizon: steps after which an episode is truncated.
        num_envs: copies, B.
        device: where the tensors are.
        compiled: compile the step: yes, no, or `auto`, in runs of 200,000 steps of each copy.

    Shapes:
        obs (B, N, 26): own velocity and position, then gaps to landmarks and others, nearest first.
        state (B, 6 N): positions, velocities and landmarks. Metrics: `team_return`, the sum of G in
        this episode; `distance`, mean over landmarks of the distance to the closest agent;
        `collisions` per agent and step, mean over this episode.

    Raises:
        ValueError: a value is not allowed, or the landmarks do not fit.
    """

    def __init__(
        self,
        num_agents: Agents = 15,
        half_width: PositiveFloat | None = None,
        landmarks_seen: NonNegativeInt | None = None,
        agents_seen: NonNegativeInt | None = None,
        reward: CoverReward = "team",
        violate_locality: bool = False,
        action: ActionKind = "discrete",
        quirks: bool = False,
        horizon: PositiveInt = 25,
        num_envs: Copies = 32,
        device: Device = "cpu",
        compiled: Compiled = "auto",
    ) -> None:
        if num_agents < 1:
            raise ValueError(f"num_agents is {num_agents}; there must be at least 1")
        if quirks and num_agents not in WITH_QUIRKS:
            raise ValueError(f"quirks with {num_agents} agents; only the scenarios of 15 and 30 do")
        if violate_locality and num_agents < 2:
            raise ValueError("violate_locality with 1 agent; it pays for the distance of two")
        usual = usual_width(HALF_WIDTHS, num_agents)
        width = usual if half_width is None else half_width
        weight = spread_weight(num_agents, width, 2 * SIZE) if violate_locality else 0.0
        super().__init__(
            AgentProperties.alike(num_agents, SIZE),
            price=1.0,
            apart=4.5 * SIZE,
            half_width=width,
            landmarks_seen=landmarks_seen,
            agents_seen=agents_seen,
            reward=reward,
            spread=weight,
            quirk=quirks,
            action=action,
            horizon=horizon,
            num_envs=num_envs,
            device=device,
            compiled=compiled,
        )

"""Play that takes place in a world model alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphmarl.functional import lambda_return, mean_of_living
from graphmarl.nn import Adjacency, LatentAgent, LatentCritic

ImaginedActions = Literal["drawn", "likely"]
ImaginedReward = Literal["team", "team_to_end", "agent"]


@dataclass(frozen=True)
class ImaginedRollout:
    """Joint states that were imagined, S in all.

    Args:
        features: what agents knew (state, agent, feature).
        alive: who lived (state, agent).
        action: what they did.
        log_prob: of that.
        available: which actions were held to be legal, or None.
        value: what the critic said.
        target: lambda returns.
    """

    features: Tensor
    alive: Tensor
    action: Tensor
    log_prob: Tensor
    available: Tensor | None
    value: Tensor
    target: Tensor


class ImaginedStep(NamedTuple):
    """One imagined step, (graph, agent, ...)."""

    features: Tensor
    alive: Tensor
    action: Tensor
    log_prob: Tensor
    available: Tensor | None
    reward: Tensor
    goes_on: Tensor


@torch.no_grad()
def imagine_rollout(
    agent: LatentAgent,
    critic: LatentCritic,
    features: Tensor,
    alive: Tensor,
    hearing: Adjacency,
    horizon: int,
    gamma: float,
    trace: float,
    reward: ImaginedReward,
    legal: ImaginedActions,
) -> ImaginedRollout:
    """Imagine some steps from every joint state, and value them.

    An agent of which the model says that it rather does not go on is dead from there on: it is
    heard no more and counts no more, unlike in the paper, whose dead play on at a discount of about
    0.

    Args:
        agent: policy and world model.
        critic: values.
        features: where to begin (graph, agent, feature).
        alive: who lives there (graph, agent).
        hearing: who hears whom, from there on.
        horizon: steps.
        gamma: discount.
        trace: lambda.
        reward: `team` pays everyone the mean over agents, `agent` each its own; `team_to_end` pays
            the mean even after one's death, until nobody goes on.
        legal: whether the legal actions are drawn from what the model says, or the likely ones.
    """
    moments: list[ImaginedStep] = []
    now = features
    for _ in range(horizon):
        moment, following = imagine_step(agent, now, alive, hearing, legal)
        moments.append(moment)
        alive = alive & (moment.goes_on > 0.5)
        hearing, now = hearing.among(alive), following
    parts = [torch.stack(part) for part in zip(*moments, strict=True) if part[0] is not None]
    allowed = parts.pop(4) if moments[0].available is not None else None
    known, lived, action, log_prob, paid, goes_on = parts
    if reward != "agent":
        paid = paid.mean(-1, keepdim=True).expand_as(paid)
    everything = torch.cat([known, now[None]]), torch.cat([lived, alive[None]])
    value = critic(*(each.flatten(0, 1) for each in everything)).unflatten(0, (horizon + 1, -1))
    if reward == "team_to_end":
        goes_on = (goes_on * lived).amax(-1, keepdim=True).expand_as(goes_on)
        value = mean_of_living(value, everything[1])
    mixed = torch.full_like(paid, trace)
    mixed[-1] = 0
    target = lambda_return(paid, gamma * goes_on, mixed, value[1:])
    each = (known, lived, action, log_prob, allowed, value[:-1], target)
    return ImaginedRollout(*(None if part is None else part.flatten(0, 1) for part in each))  # type: ignore[arg-type]


def imagine_step(
    agent: LatentAgent,
    features: Tensor,
    alive: Tensor,
    hearing: Adjacency,
    legal: ImaginedActions = "drawn",
) -> tuple[ImaginedStep, Tensor]:
    """What is done in some states, what it earns, and the states that follow."""
    model, (graphs, agents) = agent.model, alive.shape
    rows = features.flatten(0, 1)
    told = model.legal(rows)
    available = None
    if told is not None:
        available = told > (torch.rand_like(told).logit() if legal == "drawn" else 0.0)
    policy = agent.policy(rows, available)
    action = policy.sample()
    did = torch.nn.functional.one_hot(action, model.num_actions).to(rows.dtype)
    before = model.split(rows)
    h = model.advance(before, did, hearing, agents)
    reward, goes_on = model.future(before.z, h)

    def joint(value: Tensor) -> Tensor:
        return value.unflatten(0, (graphs, agents))

    moment = ImaginedStep(
        features,
        alive,
        joint(action),
        joint(policy.log_prob(action)),
        None if available is None else joint(available),
        joint(reward) * alive,
        joint(goes_on.sigmoid()),
    )
    return moment, joint(model.imagine(h).features)

"""Imagined rollouts of a world model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphmarl.functional import lambda_return, mean_of_live
from graphmarl.nn import Adjacency, LatentAgent, LatentCritic, action_log_prob, choose_action

ImaginedActions = Literal["drawn", "likely"]
ImaginedReward = Literal["team", "team_to_end", "agent"]


@dataclass(frozen=True)
class ImaginedRollout:
    """Imagined joint states with actions, values and returns; all (state, agent, ...).

    Args:
        features: latent features.
        alive: mask of live agents.
        action: sampled actions, before they are squashed.
        log_prob: log-probabilities of the actions.
        available: mask of the available actions, or None if all are.
        value: values by the critic.
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
    """One imagined step; all tensors are (graph, agent, ...).

    Args:
        features: latent features before the step.
        alive: mask of live agents.
        action: sampled actions, before they are squashed.
        log_prob: log-probabilities of the actions.
        available: mask of the available actions, or None if all are.
        reward: predicted rewards, 0 for dead agents.
        continues: predicted continuation probabilities.
    """

    features: Tensor
    alive: Tensor
    action: Tensor
    log_prob: Tensor
    available: Tensor | None
    reward: Tensor
    continues: Tensor


@torch.no_grad()
def imagine_rollout(
    agent: LatentAgent,
    critic: LatentCritic,
    features: Tensor,
    alive: Tensor,
    adjacency: Adjacency,
    horizon: int,
    gamma: float,
    trace: float,
    reward: ImaginedReward,
    legal: ImaginedActions,
    absorbing: bool = False,
) -> ImaginedRollout:
    """Imagine a rollout from every joint state, with values and lambda returns.

    An agent whose predicted continuation probability is at most 1/2 is dead from then on: it sends
    no more messages, is masked, and its return ends, without the value of a dead state. Unlike the
    paper, where such agents continue with a discount of about 0, unless `absorbing`.

    Args:
        agent: policy and world model.
        critic: value of latent states.
        features: initial latent features (graph, agent, feature).
        alive: live agents of the initial states (graph, agent).
        adjacency: edges of the messages.
        horizon: number of steps.
        gamma: discount.
        trace: lambda.
        reward: `team` is the mean over agents, `agent` each agent's own; `team_to_end` is the mean,
            which dead agents receive too until all agents have ended.
        legal: available actions: `drawn` from the predicted probabilities, or the `likely` ones.
        absorbing: no agent is masked.
    """
    steps: list[ImaginedStep] = []
    current = features
    for _ in range(horizon):
        step, next_features = imagine_step(agent, current, alive, adjacency, legal)
        steps.append(step)
        alive = alive & ((step.continues > 0.5) | absorbing)
        adjacency, current = adjacency.restrict(alive), next_features
    parts = [torch.stack(part) for part in zip(*steps, strict=True) if part[0] is not None]
    available = parts.pop(4) if steps[0].available is not None else None
    visited, was_alive, action, log_prob, earned, continues = parts
    if reward != "agent":
        earned = earned.mean(-1, keepdim=True).expand_as(earned)
    states = torch.cat([visited, current[None]]), torch.cat([was_alive, alive[None]])
    value = critic(*(each.flatten(0, 1) for each in states)).unflatten(0, (horizon + 1, -1))
    if reward == "team_to_end":
        continues = (continues * was_alive).amax(-1, keepdim=True).expand_as(continues)
        value = mean_of_live(value, states[1])
    else:
        continues = continues * states[1][1:]
    traces = torch.full_like(earned, trace)
    traces[-1] = 0
    target = lambda_return(earned, gamma * continues, traces, value[1:])
    each = (visited, was_alive, action, log_prob, available, value[:-1], target)
    return ImaginedRollout(*(None if part is None else part.flatten(0, 1) for part in each))  # type: ignore[arg-type]


def imagine_step(
    agent: LatentAgent,
    features: Tensor,
    alive: Tensor,
    adjacency: Adjacency,
    legal: ImaginedActions = "drawn",
) -> tuple[ImaginedStep, Tensor]:
    """Sample a joint action, predict rewards, and imagine the next latent features.

    Args:
        agent: policy and world model.
        features: latent features (graph, agent, feature).
        alive: live agents (graph, agent).
        adjacency: edges of the messages.
        legal: available actions: `drawn` from the predicted probabilities, or the `likely` ones.

    Returns:
        The step, and the next latent features.
    """
    model, (graphs, agents) = agent.model, alive.shape
    rows = features.flatten(0, 1)
    logits = model.available_logits(rows)
    available = None
    if logits is not None:
        available = logits > (torch.rand_like(logits).logit() if legal == "drawn" else 0.0)
    policy = agent.policy(rows, available)
    action, drawn = choose_action(policy, greedy=False)
    done = action
    if model.discrete:
        done = torch.nn.functional.one_hot(action, model.num_actions).to(rows.dtype)
    action = drawn.get("gaussian_action", action)
    latent = model.split(rows)
    h = model.advance(latent, done, adjacency, agents)
    reward, continues = model.predict(latent.z, h)

    joint = (graphs, agents)
    step = ImaginedStep(
        features,
        alive,
        action.unflatten(0, joint),
        action_log_prob(policy, action, action).unflatten(0, joint),
        None if available is None else available.unflatten(0, joint),
        reward.unflatten(0, joint) * alive,
        continues.sigmoid().unflatten(0, joint),
    )
    return step, model.imagine(h).features.unflatten(0, joint)

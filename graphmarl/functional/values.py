"""Greedy actions, action values and lambda returns of Q-learning."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.functional.masking import mask_logits


def greedy_action(
    q: Float[Tensor, "*axes action"], available: Bool[Tensor, "*axes action"] | None
) -> Int[Tensor, "*axes"]:
    """Greedy available action; ties go to the first."""
    return mask_logits(q, available).argmax(-1)


def taken(q: Float[Tensor, "*axes action"], action: Int[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Q-values of the given actions."""
    return q.gather(-1, action[..., None]).squeeze(-1)


def lambda_return(
    r_tp1: Float[Tensor, "time *axes"],
    discount_tp1: Float[Tensor, "time *axes"],
    trace_tp1: Float[Tensor, "time *axes"],
    v_tp1: Float[Tensor, "time *axes"],
) -> Float[Tensor, "time *axes"]:
    """Lambda returns (Sutton and Barto 2018, eq. 12.18).

    G_t = r_{t+1} + discount_{t+1} ((1 - trace_{t+1}) v_{t+1} + trace_{t+1} G_{t+1}).

    Args:
        r_tp1: reward of the transition from t to t + 1.
        discount_tp1: gamma, or 0 after a terminal transition.
        trace_tp1: lambda, or 0 where G_{t+1} belongs to another episode or is not available.
        v_tp1: values at t + 1.
    """
    returns = torch.empty_like(r_tp1)
    carry = torch.zeros_like(r_tp1[0])
    for t in range(len(r_tp1) - 1, -1, -1):
        mixed = (1 - trace_tp1[t]) * v_tp1[t] + trace_tp1[t] * carry
        carry = r_tp1[t] + discount_tp1[t] * mixed
        returns[t] = carry
    return returns

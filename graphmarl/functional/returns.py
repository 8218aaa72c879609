"""Advantage estimation on time-major tensors."""

import torch
from jaxtyping import Float
from torch import Tensor


def generalised_advantage(
    r_tp1: Float[Tensor, "time *axes"],
    discount_tp1: Float[Tensor, "time *axes"],
    trace_tp1: Float[Tensor, "time *axes"],
    v_t: Float[Tensor, "time *axes"],
    v_tp1: Float[Tensor, "time *axes"],
) -> Float[Tensor, "time *axes"]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16).

    delta_t = r_{t+1} + discount_{t+1} v_{t+1} - v_t,  A_t = delta_t + trace_{t+1} A_{t+1}.

    Args:
        r_tp1: reward of the transition from t to t + 1.
        discount_tp1: gamma, or 0 where the episode terminated or the agent died. At a truncation it
            is gamma, so that the value of the last state is bootstrapped.
        trace_tp1: gamma * lambda, or 0 where t + 1 belongs to another episode or the agent died.
        v_t: values at t.
        v_tp1: values at t + 1.
    """
    delta_t = r_tp1 + discount_tp1 * v_tp1 - v_t
    advantage = torch.empty_like(delta_t)
    carry = torch.zeros_like(delta_t[0])
    for t in range(len(delta_t) - 1, -1, -1):
        carry = delta_t[t] + trace_tp1[t] * carry
        advantage[t] = carry
    return advantage

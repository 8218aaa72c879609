"""Discrete latent states: straight-through sampling and KL divergence."""

import torch
from jaxtyping import Float
from torch import Tensor

from graphmarl.functional.softmax import log_softmax, softmax


def straight_through(logits: Tensor, index: Tensor) -> Tensor:
    """One-hot vector with straight-through gradients (Bengio et al. 2013).

    onehot(index) + p - stop(p) with p = softmax(logits).

    Shapes:
        logits (..., class), index (...), integers; out (..., class).
    """
    p = softmax(logits)
    chosen = torch.zeros_like(p).scatter_(-1, index[..., None], 1.0)
    return chosen + (p - p.detach())


def sample_index(logits: Tensor) -> Tensor:
    """Sample from each categorical distribution, by the inverse of its distribution function.

    Shapes:
        logits (..., class); out (...).
    """
    below = softmax(logits.detach()).cumsum(-1)
    # The last sum is 1 up to rounding; a number between is in the last class of positive weight.
    u = torch.rand_like(below[..., :1]) * below[..., -1:]
    return (below <= u).sum(-1).clamp_(max=logits.shape[-1] - 1)


def balanced_kl(
    posterior: Float[Tensor, "*rows categorical class"],
    prior: Float[Tensor, "*rows categorical class"],
    balance: float,
) -> Float[Tensor, "*rows"]:
    """KL( posterior || prior ) with KL balancing (Hafner et al. 2021).

    (1 - balance) KL( q || stop(p) ) + balance KL( stop(q) || p ), averaged over the categoricals.

    Args:
        posterior: logits of q.
        prior: logits of p.
        balance: weight of the gradient to the prior; 0.5 weighs both alike.
    """
    log_q, log_p = log_softmax(posterior), log_softmax(prior)
    q = log_q.exp()
    to_posterior = (q * (log_q - log_p.detach())).sum(-1)
    to_prior = (q.detach() * (log_q.detach() - log_p)).sum(-1)
    return ((1 - balance) * to_posterior + balance * to_prior).mean(-1)

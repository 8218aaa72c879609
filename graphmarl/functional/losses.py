"""Losses and metrics, one value per entry; masks are applied by the caller."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.utils import scatter


def clipped_surrogate(
    log_ratio: Float[Tensor, "*axes"], advantage: Float[Tensor, "*axes"], clip: float | None
) -> Float[Tensor, "*axes"]:
    """Clipped surrogate objective of PPO (Schulman et al. 2017, eq. 7), to be maximised.

    min(rho A, clip(rho, 1 - clip, 1 + clip) A) with rho = exp(log_ratio); rho A if clip is None.

    Args:
        log_ratio: log-probability of the action less that under the old policy.
        advantage: A.
        clip: clip range of rho; None for no clipping.
    """
    ratio = log_ratio.exp()
    if clip is None:
        return ratio * advantage
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def value_error(
    value: Float[Tensor, "*axes"],
    target: Float[Tensor, "*axes"],
    old: Float[Tensor, "*axes"],
    clip: float | None = None,
    delta: float | None = None,
) -> Float[Tensor, "*axes"]:
    """Error of a value, optionally with clipping (the larger error counts) and a Huber loss.

    e = (value - target)^2; with `delta` twice the Huber loss, which is e up to delta. With `clip`
    the larger of it and that of old + clip(value - old, -clip, clip).

    Args:
        value: new values.
        target: what they should be.
        old: values before the updates.
        clip: largest change that lowers the error; None for any.
        delta: error above which the loss is linear; None for the squared error.
    """
    if clip is None:
        return _error(value, target, delta)
    clipped = old + (value - old).clamp(-clip, clip)
    return torch.maximum(_error(value, target, delta), _error(clipped, target, delta))


def _error(value: Tensor, target: Tensor, delta: float | None) -> Tensor:
    """Squared error, or twice the Huber loss."""
    if delta is None:
        return (value - target) ** 2
    return 2 * F.huber_loss(value, target, reduction="none", delta=delta)


def standard_normal_kl(
    mu: Float[Tensor, "*rows latent"], sigma: Float[Tensor, "*rows latent"]
) -> Float[Tensor, "*rows"]:
    """KL( N(mu, sigma^2) || N(0, 1) ), summed over the latent dimensions."""
    return 0.5 * (mu**2 + sigma**2 - 1 - 2 * sigma.log()).sum(-1)


def consistency(
    s: Float[Tensor, "row latent"],
    graph: Int[Tensor, " row"],
    mask: Bool[Tensor, " row"],
    num_graphs: int,
) -> Float[Tensor, " row"]:
    """Consistency loss: squared distance of each latent to the mean of its graph (NVIF, eq. 7).

    || s_i - mean_j s_j ||^2 over the agents of one graph where the mask holds; 0 elsewhere.

    Args:
        s: latent of each agent.
        graph: graph of each agent.
        mask: agents that count.
        num_graphs: number of graphs.
    """
    weight = mask.to(s.dtype)
    count = scatter(weight, graph, dim_size=num_graphs).clamp(min=1)
    mean = scatter(s * weight[:, None], graph, dim_size=num_graphs) / count[:, None]
    return ((s - mean[graph]) ** 2).sum(-1) * weight


def cosine(first: Sequence[Tensor | None], second: Sequence[Tensor | None]) -> Float[Tensor, ""]:
    """Cosine similarity of two gradients given as lists of tensors; None counts as zeros."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    inner = torch.stack([(a * b).sum() for a, b in pairs]).sum()
    norms = [
        torch.stack([(a**2).sum() for a in side if a is not None]).sum().sqrt()
        for side in (first, second)
    ]
    return inner / (norms[0] * norms[1]).clamp(min=1e-20)

"""Pure functions on tensors: returns, losses, masking, inference and schedules."""

from graphmarl.functional.inference import (
    belief_propagation,
    cavity,
    damped,
    mean_field,
    reverse_edges,
)
from graphmarl.functional.latent import balanced_kl, sample_index, straight_through
from graphmarl.functional.losses import (
    clipped_surrogate,
    consistency,
    cosine,
    standard_normal_kl,
    value_error,
)
from graphmarl.functional.masking import (
    fill_dead,
    mask_logits,
    masked_mean,
    masked_standardise,
    mean_of_live,
)
from graphmarl.functional.returns import generalised_advantage
from graphmarl.functional.schedules import geometric, linear
from graphmarl.functional.softmax import log_softmax, softmax
from graphmarl.functional.values import greedy_action, lambda_return, taken

__all__ = [
    "balanced_kl",
    "belief_propagation",
    "cavity",
    "clipped_surrogate",
    "consistency",
    "cosine",
    "damped",
    "generalised_advantage",
    "geometric",
    "greedy_action",
    "fill_dead",
    "lambda_return",
    "linear",
    "log_softmax",
    "mask_logits",
    "masked_mean",
    "masked_standardise",
    "mean_field",
    "mean_of_live",
    "reverse_edges",
    "sample_index",
    "softmax",
    "standard_normal_kl",
    "straight_through",
    "taken",
    "value_error",
]

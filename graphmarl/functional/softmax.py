"""Softmax over short rows."""

from torch import Tensor

SHORT = 16
"""Rows of fewer numbers are transposed: over them PyTorch's kernel is several times slower on a
CPU, as it does not use vector instructions."""


def softmax(logits: Tensor) -> Tensor:
    """Softmax over the last axis, which is fast for few numbers too.

    Shapes:
        logits (..., class); out (..., class).
    """
    if logits.shape[-1] >= SHORT or logits.dim() < 2:
        return logits.softmax(-1)
    return logits.flatten(0, -2).t().softmax(0).t().unflatten(0, logits.shape[:-1])


def log_softmax(logits: Tensor) -> Tensor:
    """Logarithm of the softmax over the last axis, which is fast for few numbers too.

    Shapes:
        logits (..., class); out (..., class).
    """
    if logits.shape[-1] >= SHORT or logits.dim() < 2:
        return logits.log_softmax(-1)
    return logits.flatten(0, -2).t().log_softmax(0).t().unflatten(0, logits.shape[:-1])

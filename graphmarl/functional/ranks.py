"""Reductions over the processes that train one run; with a single process they change nothing."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

STRIDE = 15_485_863
"""Distance of the seeds of two processes."""
HOURS = 2.0
"""Hours that a process waits for the others, as while one of them evaluates."""


class _State:
    """Whether this process is one of several, and whether masked means are over all of them."""

    num_ranks = 1
    rank = 0
    shared = False


def num_ranks() -> int:
    """Number of processes that train the run."""
    return _State.num_ranks


def rank() -> int:
    """Number of this process; 0 writes the files."""
    return _State.rank


@contextmanager
def joined(number: int, count: int, port: int) -> Iterator[None]:
    """Be one of several processes of this machine inside the block.

    Args:
        number: number of this process.
        count: number of processes.
        port: port of process 0.
    """
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    address, patience = f"tcp://127.0.0.1:{port}", datetime.timedelta(hours=HOURS)
    dist.init_process_group(backend, address, patience, count, number)
    _State.num_ranks, _State.rank = count, number
    try:
        yield
    finally:
        _State.num_ranks, _State.rank = 1, 0
        dist.destroy_process_group()


@contextmanager
def shared_means() -> Iterator[None]:
    """Inside the block `masked_mean` divides by the number of entries of all processes."""
    before, _State.shared = _State.shared, True
    try:
        yield
    finally:
        _State.shared = before


def sum_over_ranks(x: Tensor) -> Tensor:
    """Sum over all processes, without a gradient.

    Args:
        x: tensor of the same shape in every process.
    """
    if num_ranks() == 1:
        return x
    total = x.detach().clone()
    dist.all_reduce(total)
    return total


def shared_count(count: Tensor) -> Tensor:
    """The number of entries by which a mean over masked entries divides: at least 1.

    In several processes it is the mean number, so that the mean over processes of the quotients is
    the mean over all entries.

    Args:
        count: entries of this process.
    """
    if num_ranks() == 1 or not _State.shared:
        return count.clamp(min=1)
    return sum_over_ranks(count).clamp(min=1) / num_ranks()


def shared_sum(x: Tensor) -> Tensor:
    """Sum over all processes where means are shared; else the sum of this process.

    Args:
        x: tensor of the same shape in every process.
    """
    return sum_over_ranks(x) if _State.shared else x


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their means over all processes.

    A parameter without a gradient in some processes counts as zero there.

    Args:
        parameters: the same ones in every process.
    """
    if num_ranks() == 1:
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in trained]
    present = torch.tensor([float(p.grad is not None) for p in trained], device=grads[0].device)
    flat = torch.cat([*(grad.flatten() for grad in grads), present.to(grads[0].dtype)])
    dist.all_reduce(flat)
    parts = (flat / num_ranks()).split([*(grad.numel() for grad in grads), len(trained)])
    for parameter, part, used in zip(trained, parts[:-1], parts[-1].tolist(), strict=True):
        if used:
            parameter.grad = part.view_as(parameter).clone()


def mean_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Means of metrics over all processes.

    Args:
        metrics: numbers with the same names, in the same order, in every process.
    """
    if num_ranks() == 1 or not metrics:
        return dict(metrics)
    total = sum_over_ranks(torch.tensor(list(metrics.values()), dtype=torch.float64))
    return dict(zip(metrics, (total / num_ranks()).tolist(), strict=True))


def most(number: int) -> int:
    """The largest of the numbers of all processes.

    Args:
        number: that of this process.
    """
    if num_ranks() == 1:
        return number
    largest = torch.tensor(number)
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return int(largest)


def minibatches(order: Tensor, size: int) -> tuple[Tensor, ...]:
    """Split indices into minibatches; every process takes the same number of steps.

    Args:
        order: indices of this process.
        size: size of a minibatch of all processes together; the last one may be smaller. Several
            processes split what each of them has evenly.
    """
    if num_ranks() == 1:
        return order.split(size)
    steps = most(math.ceil(len(order) / max(1, size // num_ranks())))
    return order.tensor_split(steps)


def any_rank(condition: bool) -> bool:
    """Whether a condition holds in any process.

    Args:
        condition: whether it holds in this one.
    """
    return bool(most(int(condition)))


def broadcast(value: Any) -> Any:
    """The value of process 0.

    Args:
        value: that of this process.
    """
    if num_ranks() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def share(name: str, number: int) -> int:
    """The part of a size that is of this process.

    Args:
        name: the option, for the message.
        number: the size of all processes together.

    Raises:
        ValueError: it cannot be divided evenly.
    """
    if number % num_ranks():
        raise ValueError(
            f"{name} is {number}; allowed are multiples of {num_ranks()}, the number of devices"
        )
    return number // num_ranks()


def rank_seed(seed: int) -> int:
    """A seed of this process.

    Args:
        seed: seed of the run, which is that of process 0.
    """
    return (seed + STRIDE * rank()) % 2**63


def gathered(state: dict[str, Any]) -> dict[str, Any]:
    """The states of all processes as one, in process 0; of a single process unchanged.

    Args:
        state: that of this process.
    """
    if num_ranks() == 1:
        return state
    states: list[Any] | None = [None] * num_ranks() if rank() == 0 else None
    dist.gather_object(state, states)
    return {"ranks": states or []}


def own_part(state: dict[str, Any]) -> dict[str, Any]:
    """The state of this process, from what `gathered` gave.

    Args:
        state: the states of all processes.

    Raises:
        ValueError: it was saved by another number of processes.
    """
    count = len(state["ranks"]) if "ranks" in state else 1
    if count != num_ranks():
        raise ValueError(
            f"the checkpoint was saved by {count} processes; devices is {num_ranks()}, "
            f"allowed is {count}"
        )
    return state["ranks"][rank()] if count > 1 else state

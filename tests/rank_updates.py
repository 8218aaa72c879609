"""Updates of a learner by one process or by several, on the same data."""

import itertools
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical
from torch.nn import functional as F
from toy import Toy

from graphmarl.data import Collector, Trajectory
from graphmarl.functional.ranks import joined, num_ranks, rank, shared_means
from graphmarl.graphs import make_graph
from graphmarl.methods import METHODS
from graphmarl.resolver import construct

COPIES, UPDATES = 16, 5
PARTS = ("memory", "last_value")


def build(name: str, options: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    learner: Any = construct("method", name, METHODS[name], options, Toy().spec)
    made = learner.configure_optimizers()
    # Adam divides by the gradient, and so enlarges rounding where the gradient is almost zero.
    each = [torch.optim.SGD(o.param_groups, 1e-2) for o in (made if type(made) is list else [made])]
    learner.optimizers = lambda: each if type(made) is list else each[0]
    learner.manual_backward = lambda loss: loss.backward()
    return learner.train()


def collect(learner: Any, length: int) -> list[Trajectory]:
    """Trajectories of the policy before any update."""
    torch.manual_seed(1)
    env = Toy(num_envs=COPIES)
    collector = Collector(env, make_graph("random:k=1"), learner, 10**6, length, 0)
    return [trajectory for trajectory, _ in zip(collector, range(UPDATES), strict=False)]


def part(whole: Trajectory) -> Trajectory:
    """The copies of this process."""
    size = whole.num_envs // num_ranks()
    mine = torch.arange(rank() * size, (rank() + 1) * size)

    def taken(name: str, value: Tensor) -> Tensor:
        if name == "memory":
            return value.unflatten(0, (whole.num_envs, -1))[mine].flatten(0, 1)
        return value[mine] if name == "last_value" else value[:, mine]

    tensors = {f.name: getattr(whole, f.name) for f in fields(whole)}
    tensors = {n: taken(n, value) for n, value in tensors.items() if isinstance(value, Tensor)}
    stored = {name: taken(name, value) for name, value in whole.stored.items()}
    graphs = torch.arange(whole.num_steps * whole.num_envs).view(whole.num_steps, -1)[:, mine]
    return replace(whole, edges=whole.edges.part(graphs.flatten()), stored=stored, **tensors)


def without_noise() -> None:
    """Random numbers of updates differ between processes; here they are none."""
    setattr(Categorical, "sample", lambda self, shape=(): self.probs.argmax(-1))  # noqa: B010
    setattr(torch, "rand_like", lambda x, **_: torch.full_like(x, 0.5))  # noqa: B010
    setattr(torch, "randn_like", lambda x, **_: torch.zeros_like(x))  # noqa: B010
    setattr(F, "gumbel_softmax", lambda logits, *_, **__: logits.softmax(-1))  # noqa: B010
    race = "exponential_"
    setattr(Tensor, race, lambda self: self.fill_(1.0))


def draws(learner: Any) -> None:
    """The samples of the replay are those of one process, of which each takes its part."""
    numbers = itertools.count()
    for name in ("transitions", "whole_episodes", "sequences"):
        draw = getattr(learner.replay, name)

        def sample(size: int, *more: int, draw: Any = draw) -> Trajectory:
            seed = next(numbers)
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                return part(draw(size * num_ranks(), *more))

        setattr(learner.replay, name, sample)


def updated(number: int, count: int, port: int, name: str, options: Any, file: str) -> None:
    """Five updates as one of several processes; the first one saves parameters and metrics."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    without_noise()
    whole = collect(build(name, options), options["rollout_length"])
    with joined(number, count, port):
        learner = build(name, options)
        offline = hasattr(learner, "replay")
        if offline:
            draws(learner)
        metrics: list[dict[str, float]] = []
        for trajectory in whole:
            # A replay holds everything, so that its samples are the same in every process.
            with shared_means():
                metrics.append(learner.update(trajectory if offline else part(trajectory)))
        if number == 0:
            torch.save((learner.state_dict(), metrics), Path(file))

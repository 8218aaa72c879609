"""What the areas of `benchmark.py` are made of: works, learners without a trainer, random data."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges
from graphmarl.data import Collector, Timer, Trajectory
from graphmarl.functional.products import fast_products
from graphmarl.graphs import make_graph
from graphmarl.learners import Learner
from graphmarl.learners.off_policy import OffPolicy
from graphmarl.learners.on_policy import OnPolicy
from graphmarl.methods import METHODS
from graphmarl.resolver import construct, split_name
from graphmarl.step import Environment, Spec

FOREVER = 10**12


@dataclass
class Clocked:
    """Seconds of parts of a call, by the clock of the measurement.

    Args:
        now: the clock.
        seconds: seconds by name.
    """

    now: Callable[[], float] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)

    def part(self, name: str, work: Callable[[], Any]) -> Any:
        """Do a part; returns its result.

        Args:
            name: name of the part.
            work: does it.
        """
        begin = self.now()
        result = work()
        self.seconds[name] = self.now() - begin
        return result


@dataclass
class Work:
    """Work that is measured.

    Args:
        call: does it once; may return the seconds of parts of it by name, and the number of units.
        unit: what is counted, such as `updates`.
        units: units of a call, if the call does not return them under the name of the unit.
        agent_steps: agents' steps in each unit; 0 prints none.
        timed: part whose seconds are those of the units; `call` is the whole.
        timers: timers of the library, whose shares are printed.
        products: part that is matrix products; None for no comparison with their rate.
        update: what the floating point operations of that part are counted of.
        clocked: seconds that the call returns; their clock is set by the measurement.
        note: printed at the end.
    """

    call: Callable[[], dict[str, float] | None]
    unit: str
    units: float = 1.0
    agent_steps: float = 0.0
    timed: str = "call"
    timers: Sequence[Timer] = ()
    products: str | None = None
    update: Callable[[], object] | None = None
    clocked: Clocked = field(default_factory=Clocked)
    note: str = ""


class Line(NamedTuple):
    """A line of an area.

    Args:
        name: what is measured.
        make: prepares the work.
        peer: another code that does the same work; empty for none.
        sizes: sizes of its work.
    """

    name: str
    make: Callable[[], Work]
    peer: str = ""
    sizes: Mapping[str, Any] = {}


def _time(owner: object, name: str, timer: Timer, part: str) -> None:
    """Count the time of a function of an object, if it has it, to a part of a timer."""
    function = getattr(owner, name, None)
    if function is None:
        return

    @wraps(function)
    def counted(*args: Any, **kwargs: Any) -> Any:
        with timer.part(part):
            return function(*args, **kwargs)

    setattr(owner, name, counted)


def new_learner(method: str | type[Learner], spec: Spec, options: Mapping[str, Any]) -> Learner:
    """A learner with its optimisers but without a trainer, whose updates are timed in parts.

    Args:
        method: a name in `METHODS`, or a class.
        spec: shapes of the environment.
        options: arguments of the method.
    """
    torch.manual_seed(0)
    cls = METHODS[method] if isinstance(method, str) else method
    learner = construct("method", cls.__name__, cls, options, spec).train()
    optimizers: Any = learner.configure_optimizers()
    instead = {"optimizers": lambda: optimizers, "manual_backward": lambda loss: loss.backward()}
    for name, function in instead.items():
        setattr(learner, name, function)
    if isinstance(learner, (OnPolicy, OffPolicy)):  # others time their parts themselves
        _time(learner, "manual_backward", learner.timer, "backward")
        _time(learner, "losses_of_part", learner.timer, "forward")
        _time(learner, "evaluate", learner.timer, "forward")
        _time(optimizers, "step", learner.timer, "optimiser")
    if isinstance(learner, OffPolicy):
        _time(learner.replay, "transitions", learner.timer, "draw")
        _time(learner.replay, "whole_episodes", learner.timer, "draw")
    return learner


def new_collector(env: Environment, graph: str, learner: Learner) -> Collector:
    """A collector of an endless run.

    Args:
        env: the environment.
        graph: name and options of the graph builder.
        learner: plays.
    """
    name, options = split_name(graph, "graph")
    builder = make_graph(name, **options)
    builder.seed(0)
    return Collector(env, builder, learner, FOREVER, learner.rollout_length)


def random_trajectory(spec: Spec, steps: int, copies: int, graph: str) -> Trajectory:
    """A trajectory of random numbers, without ends of episodes.

    Args:
        spec: shapes of an environment.
        steps: steps, T.
        copies: copies, B.
        graph: name and options of the graph builder, for agents in a square at constant density.
    """
    agents, graphs = spec.num_agents, steps * copies
    shape = (steps, copies, agents)
    position, alive = torch.rand(*shape, 2) * agents**0.5, torch.ones(shape, dtype=torch.bool)
    nodes = Data(
        pos=position.view(-1, 2),
        alive=alive.flatten(),
        batch=torch.arange(graphs).repeat_interleave(agents),
        ptr=torch.arange(0, graphs * agents + 1, agents),
        num_nodes=graphs * agents,
    )
    name, options = split_name(graph, "graph")
    action, never = torch.randint(spec.num_actions, shape), torch.zeros(shape[:2]).bool()
    legal = None
    if spec.has_available:
        legal = torch.rand(*shape, spec.num_actions) < 0.5
        legal.scatter_(-1, action[..., None], True)
    return Trajectory(
        spec=spec,
        edges=Edges.of(make_graph(name, **options)(nodes), agents),
        obs=torch.randn(*shape, *spec.obs_shape),
        alive=alive,
        time=torch.arange(1, steps + 1)[:, None].expand(-1, copies),
        action=action,
        reward=torch.randn(shape),
        survived=alive,
        terminated=never,
        truncated=never,
        valid=~never,
        memory=torch.zeros(copies * agents, 0),
        position=position,
        available=legal,
        state=torch.randn(steps, copies, spec.state_size) if spec.state_size else None,
        last_action=torch.randint(spec.num_actions, shape),
        stored={"relaxed": torch.rand(*shape, spec.num_actions).softmax(-1)},
    )


def product_rate(now: Callable[[], float], seconds: float = 0.5) -> float:
    """Floating point operations per second of products of large matrices in single precision.

    By the faster one of the libraries, as in training.

    Args:
        now: the clock.
        seconds: time for which they are multiplied.
    """
    size, count = 1024, 0
    a, b = torch.rand(2, size, size)
    with fast_products(size, size):
        out: Tensor = a @ b
        begin = now()
        while count < 2 or now() - begin < seconds:
            torch.mm(a, b, out=out)
            count += 1
    return 2 * size**3 * count / (now() - begin)


def operations(work: Callable[[], object]) -> float:
    """Floating point operations of the matrix products in a call, forward and backward.

    Args:
        work: the call.
    """
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mm: _product})
    with counter:
        work()
    return float(counter.get_total_flops())


def _product(a: Tensor, b: Tensor, **_: Any) -> int:
    """Operations of a product, whose first factor may be sparse."""
    entries = a.numel() if a.layout == torch.strided else a._nnz()
    return 2 * entries * b.shape[1]


_product._get_raw = True  # type: ignore[attr-defined]  # the counter asks for the shapes otherwise


def trained_on(learner: Learner, trajectory: Trajectory) -> None:
    """Train on a trajectory, as in a training step.

    Args:
        learner: the learner.
        trajectory: the trajectory.
    """
    with learner.training_context(trajectory):
        learner.update(trajectory)

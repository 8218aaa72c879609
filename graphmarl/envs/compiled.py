"""Compilation of the transition of a batched environment by TorchInductor."""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch._inductor
from torch import Tensor
from torch._subclasses import FakeTensor, FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, ShapeEnv

if TYPE_CHECKING:
    from graphmarl.envs.batched import Batched

aten = torch.ops.aten
COUNTERS = ("time", "episode", "terminated", "truncated")
# One thread, as several add up in no fixed order.
OPTIONS: dict[str, Any] = {"cpp_wrapper": True, "cpp.threads": 1}
# Functions of PyTorch's that its compiler rounds in another way.
CALLED = (aten.sqrt.default, aten.special_ndtri.default)


class CompiledTransition:
    """Transition of an environment as one compiled function of its state and the actions.

    A copy of the environment is traced with tensors that have no data, so that an operation is an
    error if its result decides what is done next or how large a tensor is. Constants of the
    environment become constants of the function. Square roots and `torch.addcmul` are rounded as
    PyTorch's own kernels round them.

    Args:
        env: environment, in any state.
        action: actions of all agents.

    Raises:
        ValueError: the size of a tensor depends on data.
    """

    def __init__(self, env: Batched, action: Tensor) -> None:
        self.env, self.names = env, (*COUNTERS, *env.state_names)
        with torch.inference_mode(False), torch.no_grad():
            self._orders = [_order(each) for each in self._tensors(action)]
            # With an environment of shapes the compiler finds what it compiled before.
            mode = FakeTensorMode(allow_non_fake_inputs=True, shape_env=ShapeEnv())
            inputs = [
                mode.from_tensor(each.clone(), static_shapes=True) for each in self._inputs(action)
            ]
            trace = _Trace(copy.deepcopy(env), self.names, self._orders)
            graph = make_fx(trace, decomposition_table=FUSED)(*inputs)
            _check_sizes(graph)
            self._state, self._fields, self._info = trace.state, trace.fields, trace.info
            with _called(), _quiet():
                self._call: Any = torch._inductor.compile(graph, list[Any](inputs), OPTIONS)

    def _tensors(self, action: Tensor) -> list[Tensor]:
        return [self.env.rng.root, action, *(getattr(self.env, name) for name in self.names)]

    def _inputs(self, action: Tensor) -> list[Tensor]:
        pairs = zip(self._tensors(action), self._orders, strict=True)
        return [(x.permute(order) if order else x).contiguous() for x, order in pairs]

    def __call__(self, action: Tensor) -> dict[str, Any]:
        """Set the next state of the environment; returns the fields of its step.

        Args:
            action: actions of all agents.
        """
        found = self._call(*self._inputs(action))
        for name, place in self._state.items():
            setattr(self.env, name, place.of(found))
        self.env.rng.begin(self.env.episode)
        info = {name: place.of(found) for name, place in self._info.items()}
        return {name: place.of(found) for name, place in self._fields.items()} | {"info": info}


def try_compile(env: Batched, action: Tensor) -> CompiledTransition | None:
    """The compiled transition of an environment, or a warning that says why there is none.

    Args:
        env: environment, in any state.
        action: actions of all agents.
    """
    name = type(env).__name__
    text = f"compiling the step of {name}, which takes a minute or two the first time"
    print(f"{text}; the option compiled=false does without", file=sys.stderr, flush=True)
    try:
        return CompiledTransition(env, action)
    except Exception as error:  # whatever PyTorch's compiler raises, which is of many classes
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if isinstance(error, GuardOnDataDependentSymNode):
            reason = "what it does depends on the values of tensors"
        warnings.warn(f"the step of {name} is not compiled, and slower: {reason}", stacklevel=3)
        return None


class _Place(NamedTuple):
    """Where a value is: among the results, which are contiguous in some order of axes.

    Args:
        index: index of the result.
        order: axes of the result in the order of the value; empty if they are the same.
        constant: the value itself if it is the same in every step.
    """

    index: int = 0
    order: tuple[int, ...] = ()
    constant: Tensor | None = None

    def of(self, results: Sequence[Tensor]) -> Tensor:
        """The value."""
        if self.constant is not None:
            return self.constant
        return results[self.index].permute(self.order) if self.order else results[self.index]


class _Trace:
    """The function that is traced, and the places of its results.

    Args:
        env: copy of the environment.
        names: attributes of its state, in the order of the inputs.
        orders: order of the axes of each input in memory.
    """

    def __init__(
        self, env: Batched, names: tuple[str, ...], orders: Sequence[tuple[int, ...]]
    ) -> None:
        self.env, self.names, self.orders = env, names, orders
        self.state: dict[str, _Place] = {}
        self.fields: dict[str, _Place] = {}
        self.info: dict[str, _Place] = {}

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        env, self.results, self.places = self.env, list[Tensor](), dict[int, _Place]()
        pairs = zip(inputs, self.orders, strict=True)
        root, action, *state = (x.permute(_inverse(order)) if order else x for x, order in pairs)
        for name, value in zip(self.names, state, strict=True):
            setattr(env, name, value)
        env.rng.root, env.data_free = root, True
        env.rng.begin(env.episode)
        fields = env.transition(action, True, env.compiled_begin)
        for name, before in zip((*self.names, "reward"), (*state, None), strict=True):
            after = getattr(env, name)
            if after is not before:
                self.state[name] = self._place(after)
        info = fields.pop("info", {})
        self.fields = {k: self._place(x) for k, x in fields.items() if x is not None}
        self.info = {name: self._place(value) for name, value in info.items()}
        return self.results

    def _place(self, value: Tensor) -> _Place:
        """Add a value to the results, with memory of its own, unless it is there or constant."""
        if not isinstance(value, FakeTensor):
            return _Place(constant=value)
        if id(value) not in self.places:
            order = _order(value)
            kept = value.permute(order) if order else value
            self.places[id(value)] = _Place(len(self.results), _inverse(order))
            self.results.append(kept.clone(memory_format=torch.contiguous_format))
        return self.places[id(value)]


def _order(value: Tensor) -> tuple[int, ...]:
    """Axes from the largest to the smallest stride; empty if they are in this order."""
    order = tuple(sorted(range(value.dim()), key=lambda axis: -value.stride(axis)))
    return () if order == tuple(range(value.dim())) else order


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(axis) for axis in range(len(order)))


def _check_sizes(graph: torch.fx.GraphModule) -> None:
    """Refuse operations whose results have a size that depends on data."""
    for node in graph.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, Tensor) and not all(type(size) is int for size in value.shape):
            raise ValueError(f"the size of what {node.target} returns depends on data")


def _addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`torch.addcmul`, which is rounded once."""
    from torch._inductor.inductor_prims import fma  # here, as older releases have none

    return fma(tensor1 if value == 1 else value * tensor1, tensor2, self)


def _addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    return self.copy_(_addcmul(self, tensor1, tensor2, value=value))


FUSED: dict[Any, Callable[..., Tensor]] = {
    aten.addcmul.default: _addcmul,
    aten.addcmul_.default: _addcmul_,
}


@contextmanager
def _called() -> Iterator[None]:
    """Compile the functions in `CALLED` as calls of PyTorch's own kernels."""
    from torch._inductor import lowering  # here, as it takes a second

    lowerings: dict[Any, Any] = lowering.lowerings
    usual = {op: lowerings[op] for op in CALLED}
    try:
        for op in CALLED:
            lowerings[op] = lowering.fallback_handler(op, add_to_fallback_set=False)
        yield
    finally:
        lowerings.update(usual)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what PyTorch's compiler warns of, which is how it does it."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)

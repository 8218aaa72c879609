"""A pretended device: tensors that compute on the CPU and refuse to meet those that are there.

PyTorch's `meta` device lends its name. A tensor on it holds its numbers in a tensor on the CPU, so
that everything is computed; whatever a real accelerator would refuse, or would do by a copy that
nobody sees, fails or is counted:

- operands on different devices (a number or a CPU tensor without dimensions may join);
- a generator of the CPU for random numbers on the device;
- an index on the CPU, which PyTorch copies to the device at every use;
- tensors that go to the CPU (`cpu`, `numpy`, `tolist`) and single numbers (`item`, `bool`), each of
  which waits for the device. They are counted by the function that asked for them.
"""

import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _foreach_utils
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
CPU = torch.device("cpu")
aten = torch.ops.aten
MOVES = {aten._to_copy.default, aten.copy_.default}
NUMBERS = {aten._local_scalar_dense.default, aten.equal.default, aten.is_nonzero.default}


class MixedDevicesError(RuntimeError):
    """Operands that an accelerator would refuse."""


class Pretended(torch.Tensor):
    """A tensor on the pretended device.

    Args:
        held: its numbers, on the CPU.
    """

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Pretended":
        shape: dict[str, Any] = {}
        if held.layout == torch.strided:
            shape = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, dtype=held.dtype, device=DEVICE, **shape
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})

    def __repr__(self, **_: Any) -> str:
        return f"pretended {self.held!r}"


class Log:
    """What left the device, by the function of the library that asked for it."""

    def __init__(self) -> None:
        self.copies: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()
        self.arrivals: Counter[str] = Counter()


LOG = Log()


def asker() -> str:
    """The innermost function of the library on the stack, as `file:function`."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        parts = Path(frame.f_code.co_filename).parts
        if "graphmarl" in parts:
            inside = parts[len(parts) - parts[::-1].index("graphmarl") :]
            return f"{'/'.join(inside)}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The result of an operation, on the device of its operands or on the one that it names."""
    flat, _ = tree_flatten((args, kwargs))
    tensors = [each for each in flat if isinstance(each, torch.Tensor)]
    there = [each for each in tensors if isinstance(each, Pretended)]
    named = kwargs.get("device")
    target = DEVICE if there else CPU
    if named is not None:
        target = torch.device(named)
    if func in MOVES:
        source = args[0] if func is aten._to_copy.default else args[1]
        if func is aten.copy_.default:
            target = DEVICE if isinstance(args[0], Pretended) else CPU
        if isinstance(source, Pretended) and target == CPU:
            LOG.copies[asker()] += 1
        elif not isinstance(source, Pretended) and target == DEVICE:
            LOG.arrivals[asker()] += 1
    elif there:
        refuse_mixture(func, tensors)
        if func in NUMBERS:
            LOG.numbers[asker()] += 1
    generator = kwargs.get("generator") or next(
        (each for each in flat if isinstance(each, torch.Generator)), None
    )
    if generator is not None and target == DEVICE:
        raise MixedDevicesError(f"{func}: a generator of the CPU for numbers on the device")

    def inner(value: Any) -> Any:
        if isinstance(value, Pretended):
            return value.held
        return CPU if isinstance(value, torch.device) and value == DEVICE else value

    if target == CPU:
        return func(*tree_map(inner, args), **tree_map(inner, kwargs))
    # A tensor of the inference mode cannot wrap, or be wrapped by, an ordinary one.
    with torch.inference_mode(False), torch.no_grad():
        found = func(*tree_map(inner, args), **tree_map(inner, kwargs))
        return same_or_new(func, args, kwargs, found)


def refuse_mixture(func: Any, tensors: list[torch.Tensor]) -> None:
    """Refuse operands on the CPU beside those on the device."""
    for each in tensors:
        if not isinstance(each, Pretended) and each.dim():
            raise MixedDevicesError(
                f"{func} of the device with a tensor of shape {tuple(each.shape)} on the CPU, "
                f"in {asker()}"
            )


def same_or_new(func: Any, args: Any, kwargs: dict[str, Any], found: Any) -> Any:
    """The operands that an operation has changed, and new tensors for all other results."""
    changed = [
        kwargs[given.name] if given.name in kwargs else args[place]
        for place, given in enumerate(func._schema.arguments)
        if given.alias_info is not None
        and given.alias_info.is_write
        and (given.name in kwargs or place < len(args))
    ]
    known = {
        id(each.held): each for each in tree_flatten(changed)[0] if isinstance(each, Pretended)
    }

    def outer(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return known.get(id(value)) if id(value) in known else Pretended(value)

    return tree_map(outer, found)


class Dispatch(TorchDispatchMode):
    """Operations without an operand on the device: new tensors, and copies to it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.is_inference_mode_enabled():
            # Compound operations, such as `to`, arrive whole in inference mode.
            with self:
                found = func.decompose(*args, **(kwargs or {}))
            if found is not NotImplemented:
                return found
        return computed(func, args, kwargs or {})


class Functions(TorchFunctionMode):
    """What `meta` cannot do: `torch.tensor`, whose numbers it would drop, `tolist` and `numpy`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor, torch.asarray):
            named = kwargs.pop("device", None)
            made = func(*args, **kwargs)
            return made if named is None else made.to(named)
        if func is torch.Tensor.new_tensor and isinstance(args[0], Pretended):
            options = {"dtype": args[0].dtype, **kwargs}
            return torch.tensor(args[1], **options).to(options.get("device", DEVICE))
        if func is torch.Tensor.numpy and isinstance(args[0], Pretended):
            raise TypeError("a tensor of the device has no numpy array; copy it by cpu() first")
        if func is torch.Tensor.tolist and isinstance(args[0], Pretended):
            return args[0].cpu().tolist()
        return func(*args, **kwargs)


@contextmanager
def pretended() -> Iterator[Log]:
    """Tensors may be made on the device in this block; what leaves it is logged."""
    LOG.__init__()
    # The fused steps of optimisers name the devices that have them.
    known = [*_foreach_utils._get_fused_kernels_supported_devices(), DEVICE.type]
    with (
        patch.object(
            sys.modules["torch.optim.optimizer"],
            "_get_fused_kernels_supported_devices",
            lambda: known,
        ),
        Functions(),
        Dispatch(),
    ):
        yield LOG


def to_host(value: Any) -> Any:
    """Tensors of the CPU with the numbers of those on the device, without a word in the log."""
    return tree_map(lambda each: each.held if isinstance(each, Pretended) else each, value)


def where(error: BaseException) -> str:
    """The innermost line of the library in a traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "graphmarl" in f.filename]
    return f"{frames[-1].filename}:{frames[-1].lineno} {frames[-1].line}" if frames else ""

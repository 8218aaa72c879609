"""Annotated types of options: numbers with a range, as `learning_rate: PositiveFloat`."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True)
class Range:
    """An interval of finite numbers, as the metadata of an annotated type.

    Args:
        low: smallest number that is allowed.
        high: largest number that is allowed.
        above: bound that a number must exceed.
        below: bound that a number must stay under.
    """

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None

    def __contains__(self, number: float) -> bool:
        return (
            (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        bounds = {"from": self.low, "above": self.above, "to": self.high, "below": self.below}
        parts = [f"{word} {bound:,}" for word, bound in bounds.items() if bound is not None]
        return " ".join(parts)


MOST = 2**31 - 1
"""Largest whole number of an option without a bound of its own."""

FiniteFloat = Annotated[float, Range()]
"""Number that is neither infinite nor NaN."""
PositiveFloat = Annotated[float, Range(above=0)]
"""Number that may not be zero."""
NonNegativeFloat = Annotated[float, Range(low=0)]
"""Number that may be zero, such as the weight of a loss."""
UnitInterval = Annotated[float, Range(low=0, high=1)]
"""Share or probability."""
PositiveShare = Annotated[float, Range(above=0, high=1)]
"""Share that may not be zero, such as the coefficient of a Polyak update."""
Percent = Annotated[float, Range(low=0, high=100)]
"""Percentage."""
PositiveInt = Annotated[int, Range(low=1, high=MOST)]
"""Whole number that may not be zero."""
NonNegativeInt = Annotated[int, Range(low=0, high=MOST)]
"""Whole number that may be zero."""
Width = Annotated[int, Range(low=1, high=16_384)]
"""Width of a layer, a message or an embedding."""
WidthOrZero = Annotated[int, Range(low=0, high=16_384)]
"""Width of a layer that may be left out."""
Layers = Annotated[int, Range(low=1, high=64)]
"""Number of layers, rounds, heads or networks."""
Copies = Annotated[int, Range(low=1, high=1_000_000)]
"""Number of environment copies."""
Agents = Annotated[int, Range(low=1, high=100_000)]
"""Number of agents."""
Size = Annotated[int, Range(low=1, high=1_000)]
"""Number of cells along a side of a world."""
Seed = Annotated[int, Range(low=0, high=2**63 - 1)]
"""Seed of a random generator."""
Threads = Annotated[int, Range(low=1, high=1_024)]
"""Threads of PyTorch."""
Inches = Annotated[float, Range(low=1, high=50)]
"""Width of a figure."""
LearningRate = Annotated[float, Range(above=0, high=100)]
"""Learning rate; larger ones can only diverge."""

Compiled = bool | Literal["auto"]
"""Whether a step is compiled; `auto` does it where a run is long enough to win the time back."""

FILE, CODE = "file", "code"
FileName = Annotated[str, FILE]
"""A name, or the path of a file; a run keeps the absolute path."""
ImportName = Annotated[str, CODE]
"""Name of a class or function, `module:name`, that is imported."""


class Devices:
    """The devices that this machine has, as the metadata of an annotated type."""

    def __contains__(self, name: str) -> bool:
        return name in self._names()

    def __str__(self) -> str:
        return f"{', '.join(self._names())}, as this machine has"

    @staticmethod
    def _names() -> list[str]:
        import torch  # here, so that options can be checked without it

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return ["cpu", *(["cuda"] if count else []), *(f"cuda:{i}" for i in range(count))]


Device = Annotated[str, Devices()]
"""Device of PyTorch, such as `cpu` or `cuda:0`."""


def unwrapped(hint: Any) -> tuple[Any, Any]:
    """A type without its annotation, and the range of its values.

    Args:
        hint: a type.
    """
    if get_origin(hint) is not Annotated:
        return hint, None
    kind, *metadata = get_args(hint)
    return kind, next((each for each in metadata if isinstance(each, (Range, Devices))), None)


def marked(hint: Any, mark: str) -> bool:
    """Whether a value of a type may be the name of a file (`FILE`) or of code (`CODE`).

    Args:
        hint: a type, or a union of types.
        mark: the metadata of the annotated type.
    """
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return any(mark in getattr(member, "__metadata__", ()) for member in members)

"""What an engine of traffic gives, whichever one it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.files import Flow


@runtime_checkable
class TrafficEngine(Protocol):
    """Copies of one road network, played second by second under given phases.

    Lanes are numbered in the order of the file (roads in file order, lanes by their index in the
    road); signals are the intersections that are not virtual, in file order. One step is 1 s.
    """

    copies: int
    num_lanes: int
    num_signals: int

    def reset(
        self,
        which: Bool[Tensor, " copies"],
        flows: Sequence[Sequence[Flow]] | None = None,
    ) -> None:
        """Empty these copies and set their clocks to 0.

        Args:
            which: the copies to empty; the others do not notice.
            flows: the flows of each copy that is reset, in their order; the constructor's if None.
        """
        ...

    def advance(self, phase: Int[Tensor, "copies signals"], seconds: int = 1) -> None:
        """Set these phases and play so many seconds.

        Raises:
            ValueError: a phase that its signal does not have.
        """
        ...

    def lane_vehicles(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane; those on an intersection are on none."""
        ...

    def lane_waiting(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane that are slower than 0.1 m/s."""
        ...

    def vehicles(self) -> Int[Tensor, " copies"]:
        """Vehicles in the network; those that still wait to enter it are not."""
        ...

    def finished(self) -> Int[Tensor, " copies"]:
        """Vehicles that have left the network at the end of their route."""
        ...

    def time(self) -> Int[Tensor, " copies"]:
        """Seconds since each copy was reset."""
        ...

    def average_travel_time(self) -> Float[Tensor, " copies"]:
        """Mean seconds since its flow sent it, over all vehicles.

        Of those that finished until then; of those in the network, and of those that wait to enter
        it, until now. 0 if there are none.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that changes, as tensors and plain values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the other one was saved."""
        ...


def check_phase(
    phase: Tensor, phases: Int[Tensor, " signals"], names: Sequence[str], copies: int
) -> None:
    """Refuse phases that signals do not have.

    Args:
        phase: of every signal of every copy.
        phases: how many each signal has.
        names: of the signals.
        copies: of the network.

    Raises:
        ValueError: says which signal has got which phase, and which ones it has.
    """
    allowed = (copies, len(phases))
    if tuple(phase.shape) != allowed:
        raise ValueError(
            f"phase has the shape {tuple(phase.shape)}; it must be (copies, signals) = {allowed}"
        )
    wrong = (phase < 0) | (phase >= phases)
    if wrong.any():
        copy, signal = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"phase of signal {names[signal]!r} in copy {copy} is {int(phase[copy, signal])}; "
            f"it has {int(phases[signal])} phases, from 0"
        )

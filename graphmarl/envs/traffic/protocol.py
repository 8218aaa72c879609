"""Interface of traffic engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.schema import Flow


@runtime_checkable
class TrafficEngine(Protocol):
    """Simulator of copies of one road network, in steps of 1 s under given phases.

    Lanes are numbered in the order of the file (roads in file order, lanes by their index in the
    road); signals are the intersections that are not virtual, in file order.
    """

    copies: int
    num_lanes: int
    num_signals: int

    def reset(
        self,
        which: Bool[Tensor, " copies"],
        flows: Sequence[Sequence[Flow]] | None = None,
    ) -> None:
        """Remove all vehicles of these copies and set their clocks to 0.

        Args:
            which: mask of the copies to reset; the others are unaffected.
            flows: flows of each copy that is reset, in order; the constructor's if None.
        """
        ...

    def advance(self, phase: Int[Tensor, "copies signals"], seconds: int = 1) -> None:
        """Set the phases and simulate a number of seconds.

        Raises:
            ValueError: a signal does not have the given phase.
        """
        ...

    def lane_vehicles(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane; those on an intersection are on none."""
        ...

    def lane_waiting(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane that are slower than 0.1 m/s."""
        ...

    def vehicles(self) -> Int[Tensor, " copies"]:
        """Vehicles in the network, without those that wait to enter it."""
        ...

    def finished(self) -> Int[Tensor, " copies"]:
        """Vehicles that have left the network at the end of their route."""
        ...

    def time(self) -> Int[Tensor, " copies"]:
        """Seconds since each copy was reset."""
        ...

    def average_travel_time(self) -> Float[Tensor, " copies"]:
        """Mean travel time since departure over all vehicles, in seconds.

        Finished vehicles count until their arrival; vehicles in the network or waiting to enter it
        count until now. 0 without vehicles.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Mutable state as tensors and plain values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state exactly."""
        ...


def check_phase(
    phase: Tensor, phases: Int[Tensor, " signals"], names: Sequence[str], copies: int
) -> None:
    """Check that all signals have the given phases.

    Args:
        phase: phase of every signal of every copy.
        phases: number of phases of each signal.
        names: ids of the signals.
        copies: copies of the network.

    Raises:
        ValueError: a signal does not have its phase; the message names both and the range.
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

"""The phase of each signal between two other phases, its yellow phase."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from graphmarl.envs.traffic.schema import Intersection, Phase, Roadnet
from graphmarl.ranges import NonNegativeInt

YellowPhase = Literal["phase0", "all_red"] | NonNegativeInt
"""Yellow phase of signals without one: phase 0, all red, or the number of a phase."""
SinglePhase = Literal["agent", "fixed"]
RED_SECONDS = 5.0


def with_yellow(roadnet: Roadnet, yellow_phase: YellowPhase) -> tuple[Roadnet, tuple[int, ...]]:
    """Choose the yellow phase of each signal.

    Args:
        roadnet: road network.
        yellow_phase: `phase0`, which must free right turns at most; `all_red`, a further phase of
            each signal that frees nothing; or the number of a phase. A signal with a single phase
            needs none of them, and its yellow phase is phase 0.

    Returns:
        The road network, with the further phases of `all_red`, and the yellow phase of each signal.

    Raises:
        ValueError: there is no signal, phase 0 of a signal frees more than right turns, or a signal
            lacks the phase of that number.
    """
    signals = roadnet.signals
    if not signals:
        raise ValueError("all intersections of the road network are virtual; it has no signal")
    if yellow_phase == "all_red":
        changed = {signal.id: _with_all_red(signal) for signal in signals}
        places = tuple(changed.get(place.id, place) for place in roadnet.intersections)
        return replace(roadnet, intersections=places), tuple(len(s.phases) for s in signals)
    number = 0 if yellow_phase == "phase0" else yellow_phase
    switching = [signal for signal in signals if len(signal.phases) > 1]
    for signal in switching:
        if number >= len(signal.phases):
            allowed = f"allowed at intersection {signal.id!r} are 0 to {len(signal.phases) - 1}"
            raise ValueError(f"yellow_phase is {number}; {allowed}, or all_red")
        freed = _freed(signal, 0)
        if yellow_phase == "phase0" and freed - {"turn_right"}:
            raise ValueError(
                f"phase 0 of intersection {signal.id!r} frees {', '.join(sorted(freed))}, which is "
                "no yellow; set yellow_phase to all_red, which makes each phase an action, or to "
                f"the number of the yellow phase{_candidates(switching)}"
            )
    return roadnet, tuple(number if len(signal.phases) > 1 else 0 for signal in signals)


def _with_all_red(signal: Intersection) -> Intersection:
    return replace(signal, phases=(*signal.phases, Phase(RED_SECONDS, ())))


def _freed(signal: Intersection, phase: int) -> set[str]:
    """Kinds of turns that a phase frees."""
    return {signal.road_links[link].kind for link in signal.phases[phase].road_links}


def _candidates(signals: list[Intersection]) -> str:
    """Phases that free right turns at most at each signal, as the end of a message."""
    shared = range(min(len(signal.phases) for signal in signals))
    found = [
        str(phase)
        for phase in shared
        if all(_freed(signal, phase) <= {"turn_right"} for signal in signals)
    ]
    return f" (right turns at most: {', '.join(found)})" if found else ""

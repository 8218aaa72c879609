"""Trips that cannot be driven in a road network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphmarl.envs.traffic.demand import whole_route
from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.routing import dead_ends
from graphmarl.envs.traffic.schema import Flow


def undrivable_trips(
    flows: Sequence[Flow], network: Network, lane_change: bool = False
) -> dict[int, str]:
    """Flows whose route cannot be driven, by their number, with the reason.

    A route that leads into a lane from which it does not go on counts as well. Unlike in CityFlow,
    where such vehicles wait at the end of that lane for ever, they can only be left out.

    Args:
        flows: the flows.
        network: road network.
        lane_change: whether vehicles change lanes, so that no lane is a dead end.
    """
    found = {route: _whole(route, network) for route in dict.fromkeys(f.route for f in flows)}
    reasons = {route: whole for route, whole in found.items() if isinstance(whole, str)}
    routes = {route: whole for route, whole in found.items() if not isinstance(whole, str)}
    if routes and not lane_change:
        names, start = list(routes), np.cumsum([0, *map(len, routes.values())])
        roads = np.array([road for each in routes.values() for road in each], dtype=np.int64)
        for number, reason in dead_ends(network, start, roads).items():
            reasons[names[number]] = f".route: {reason}"
    return {n: reasons[flow.route] for n, flow in enumerate(flows) if flow.route in reasons}


def _whole(route: tuple[str, ...], network: Network) -> list[int] | str:
    """All roads of a route, or the reason why there is no such way."""
    try:
        return whole_route(route, network)
    except ValueError as error:
        return str(error)

"""Traffic signal control in SUMO, through sumo-rl's parallel environment."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from graphmarl.envs.pettingzoo import FromPettingZoo


def sumo_rl() -> Any:
    """Import sumo-rl with SUMO's data folder set and the in-process engine libsumo.

    Raises:
        ImportError: the extra `sumo` is missing.
    """
    if find_spec("sumo_rl") is None or find_spec("libsumo") is None:
        raise ImportError("sumo needs sumo-rl and libsumo: pip install 'graphmarl[sumo]'")
    # sumo-rl reads both variables on import; the user's values take precedence.
    data = find_spec("sumo_data")
    for where in (data and data.submodule_search_locations) or ():
        os.environ.setdefault("SUMO_HOME", where)
    os.environ.setdefault("LIBSUMO_AS_TRACI", "quiet")
    module = import_module("sumo_rl")
    # sumo-rl 1.4.5 refers to PettingZoo's AgentSelector by a name that is now a module.
    selector = import_module("pettingzoo.utils").AgentSelector
    inner: Any = import_module("sumo_rl.environment.env")
    inner.agent_selector = selector
    return module


def find_net(name: str) -> Path:
    """Path of a file, or of one of the networks bundled with sumo-rl.

    Raises:
        ValueError: there is no such file.
    """
    nets = Path(sumo_rl().__file__).parent / "nets"
    for path in (Path(name), nets / name):
        if path.is_file():
            return path.absolute()
    there = ", ".join(sorted(str(p.relative_to(nets)) for p in nets.glob("*/*.net.xml")))
    raise ValueError(f"no file {name!r}; it is a path, or comes with sumo-rl: {there}")


def make_parallel(**options: Any) -> Any:
    """Build one parallel environment of sumo-rl."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have a `render_mode` defined")
        return sumo_rl().parallel_env(use_gui=False, sumo_warnings=False, **options)


def places(env: Any) -> Mapping[str, tuple[float, float]]:
    """Positions of the signals by id, in metres."""
    simulation = env.unwrapped.env
    return {name: simulation.sumo.junction.getPosition(name) for name in simulation.ts_ids}


class Sumo(FromPettingZoo):
    """Traffic signal control in SUMO, through sumo-rl's parallel environment (extra `sumo`).

    Observations, actions (the next green phase) and rewards are sumo-rl's. SUMO runs once per
    process, so every copy has its own process.

    Args:
        net_file: road network of SUMO, as a path or the name of one bundled with sumo-rl.
        route_file: its trips; by default the file beside it that ends in `.rou.xml`.
        num_envs: copies and worker processes, B.
        horizon: decisions in an episode.
        decision_seconds: time between decisions, in seconds.
        yellow_seconds: yellow time before a change of phase, in seconds.
        reward: one of sumo-rl's, such as `diff-waiting-time`, `average-speed`, `queue`, `pressure`.

    Raises:
        ImportError: the extra `sumo` is missing.
        ValueError: a file does not exist, or the times are inconsistent.
    """

    def __init__(
        self,
        net_file: FileName = "2x2grid/2x2.net.xml",
        route_file: FileName | None = None,
        num_envs: int = 1,
        horizon: int = 100,
        decision_seconds: int = 10,
        yellow_seconds: int = 3,
        reward: str = "diff-waiting-time",
    ) -> None:
        if not 0 < yellow_seconds < decision_seconds:
            raise ValueError(
                f"yellow_seconds is {yellow_seconds}; it must be between 0 and decision_seconds, "
                f"which is {decision_seconds}"
            )
        net = find_net(net_file)
        route = str(net).removesuffix(".net.xml") + ".rou.xml" if route_file is None else route_file
        make = partial(
            make_parallel,
            net_file=str(net),
            route_file=str(find_net(route)),
            num_seconds=horizon * decision_seconds,
            delta_time=decision_seconds,
            yellow_time=yellow_seconds,
            reward_fn=reward,
        )
        super().__init__(make, num_envs, horizon, places, workers=num_envs)

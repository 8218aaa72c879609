"""Areas of `benchmark.py`: environments."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmark_work import Clocked, Line, Work
from torch import Tensor

from graphmarl.envs import make_env
from graphmarl.envs.traffic.engine import EmbeddedEngine
from graphmarl.envs.traffic.files import CityFlowConfig, write_task
from graphmarl.envs.traffic.tasks import TASKS as TRAFFIC
from graphmarl.resolver import split_name

WARM_UP = 100
HOLD = 10
"""Seconds for which a phase of a signal is held."""


def envs(quick: bool) -> list[Line]:
    """A step of all copies, under random actions that are available.

    Args:
        quick: small sizes.
    """
    # Steps are compiled as they are in long runs.
    compiled = "" if quick else ",compiled=true"
    spread, combat = f"navigation:num_agents={{}}{compiled}", f"skirmish:map={{}}{compiled}"
    lines = [_env(spread.format(3), 1, "mpe2", {"agents": 3})]
    for agents, copies in ((3, 32),) if quick else ((3, 32), (3, 1024), (30, 32)):
        sizes = {"agents": agents, "copies": copies}
        lines.append(_env(spread.format(agents), copies, "vmas", sizes))
    for copies in (2,) if quick else (64, 1024):
        sizes = {"map": "3m", "copies": copies, "steps": 50}
        lines.append(_env(combat.format("3m"), copies, "smax", sizes))
    others = ("hallway",) if quick else ("sensor", "hallway", "independent_search")
    lines += [_env(name, 16 if quick else 4096) for name in others]
    return lines if quick else [*lines, _env("grid_agreement", 4096), _env("skirmish:map=MMM2", 64)]


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count:,} copies"


def _env(env: str, copies: int, peer: str = "", sizes: Mapping[str, Any] | None = None) -> Line:
    name = f"{env}, {_copies(copies)}"
    return Line(name, partial(_steps, env, copies), peer, sizes or {})


def _steps(env_name: str, copies: int) -> Work:
    name, options = split_name(env_name, "environment")
    env = make_env(name, num_envs=copies, **options)
    spec, held = env.spec, [env.reset(0)]
    random = torch.Generator().manual_seed(0)
    shape = (16, copies, spec.num_agents)
    actions = torch.randint(spec.num_actions, shape, generator=random)
    calls = [0]

    def call() -> None:
        legal = held[0].available
        if legal is None:
            action = actions[calls[0] % 16]
        else:
            action = (torch.rand(legal.shape, generator=random) * legal).argmax(2)
        held[0] = env.step(action)
        calls[0] += 1

    transitions = 0.0
    for _ in range(WARM_UP):
        call()
        transitions += float(held[0].valid.float().mean()) / WARM_UP
    return Work(torch.inference_mode()(call), "steps", copies * transitions, spec.num_agents)


def flatland(quick: bool) -> list[Line]:
    """A step of Flatland without resets: with our tree, with flatland-rl's, and with none.

    Args:
        quick: small sizes.
    """
    lines = []
    for task in ("flatland-5",) if quick else ("flatland-5", "flatland-15"):
        for name, tree in (("its own tree of depth 2", True), ("engine alone", False)):
            lines.append(Line(f"{task}, flatland-rl, {name}", partial(_flatland_rl, task, tree)))
        for workers in (0,) if quick else (0, 2):
            name = f"{task}, graphmarl, {'2 processes' if workers else '1 process'}"
            lines.append(Line(name, partial(_flatland, task, workers)))
    return lines


def _flatland(task: str, workers: int) -> Work:
    from graphmarl.envs.flatland import Flatland

    env = Flatland(task, num_envs=8, workers=workers)
    clocked, seed, held = Clocked(), [0], [env.reset(0)]
    random = torch.Generator().manual_seed(0)

    def call() -> dict[str, float]:
        if held[0].done.any():
            seed[0] += 1
            held[0] = env.reset(seed[0])
        action = torch.randint(3, held[0].alive.shape, generator=random)
        held[0] = clocked.part("step", lambda: env.step(action))
        return clocked.seconds

    return Work(call, "steps", 8, env.spec.num_agents, timed="step", clocked=clocked)


def _flatland_rl(task: str, own_tree: bool) -> Work:
    from flatland.envs.observations import TreeObsForRailEnv
    from flatland.envs.predictions import ShortestPathPredictorForRailEnv

    from graphmarl.envs.flatland import TASKS
    from graphmarl.envs.flatland.simulator import kept_random, make_rail_env

    size, random = TASKS[task], np.random.default_rng(0)
    env = make_rail_env(rails_between=2, rail_pairs=2, **size._asdict())
    if own_tree:
        env.obs_builder = TreeObsForRailEnv(2, ShortestPathPredictorForRailEnv(30))
    clocked, calls = Clocked(), [0]
    env.dones = {"__all__": True}

    def call() -> dict[str, float]:
        if env.dones["__all__"] or calls[0] % 200 == 0:
            with kept_random():
                env.reset(random_seed=calls[0])
        calls[0] += 1
        action = dict(enumerate(random.integers(1, 5, size.num_agents).tolist()))
        clocked.part("step", lambda: env.step(action))
        return clocked.seconds

    return Work(call, "steps", 1, size.num_agents, timed="step", clocked=clocked)


def traffic(quick: bool) -> list[Line]:
    """Ten simulated seconds of the embedded traffic engine, and of CityFlow where it is installed.

    A vehicle-step is one vehicle in the network for one second.

    Args:
        quick: small sizes.
    """
    hangzhou = (1,) if quick else (1, 16, 64)
    runs = [("hangzhou_4x4", copies) for copies in hangzhou]
    runs += [] if quick else [("grid_35x35", 1)]
    warm_up = 1 if quick else 20
    lines = [
        Line(f"{task}, {_copies(copies)}", partial(_traffic, task, copies, warm_up))
        for task, copies in runs
    ]
    if importlib.util.find_spec("cityflow") is not None:
        names = dict(runs)
        lines += [Line(f"{task}, CityFlow", partial(_cityflow, task, warm_up)) for task in names]
    return lines


def _traffic(name: str, copies: int, warm_up: int) -> Work:
    task = TRAFFIC[name]
    roadnet, flows = task.grid.roadnet(), task.trips.flows(task.grid, 0)
    engine = EmbeddedEngine(roadnet, flows, copies, "cpu", dtype=torch.float64)

    def play(phase: Tensor) -> int:
        engine.advance(phase.expand(copies, -1), HOLD)
        return int(engine.vehicles().sum())

    return _phases(play, len(roadnet.signals), warm_up)


def _cityflow(name: str, warm_up: int) -> Work:
    import cityflow  # type: ignore[import-not-found]

    task = TRAFFIC[name]
    roadnet, flows = task.grid.roadnet(), task.trips.flows(task.grid, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = write_task(folder, CityFlowConfig(dir=f"{folder}/"), roadnet, flows)
        engine = cityflow.Engine(str(path), 1)
    names = [signal.id for signal in roadnet.signals]

    def play(phase: Tensor) -> int:
        for signal, number in zip(names, phase.tolist(), strict=True):
            engine.set_tl_phase(signal, number)
        for _ in range(HOLD):
            engine.next_step()
        return engine.get_vehicle_count()

    return _phases(play, len(names), warm_up)


def _phases(play: Callable[[Tensor], int], signals: int, warm_up: int) -> Work:
    """Play under random phases, after a warm-up in which vehicles enter."""
    random = torch.Generator().manual_seed(0)

    def call() -> dict[str, float]:
        return {
            "vehicle-steps": HOLD * float(play(torch.randint(1, 9, (signals,), generator=random)))
        }

    for _ in range(warm_up):
        call()
    return Work(call, "vehicle-steps")

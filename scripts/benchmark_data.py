"""Areas of `benchmark.py`: graph builders, replay, and the start of the command."""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial

import torch
from benchmark_work import Clocked, Line, Work, random_trajectory
from scipy.spatial import KDTree
from torch_geometric.data import Data

from graphmarl.data import Replay
from graphmarl.graphs import KNN, Directional, Radius
from graphmarl.step import Spec

# Ends the process in the first step of the environment.
TO_FIRST_STEP = """
import os, sys
from graphmarl.cli import main
from graphmarl.envs.didactic.sensor import Sensor
Sensor.step = lambda *_: os._exit(0)
main(sys.argv[1:])
"""
TRAIN = ("train", "--method", "ippo", "--env", "sensor", "--steps", "1000", "--runs")


def graphs(quick: bool) -> list[Line]:
    """Geometric graph builders, compared with a bare k-d tree of SciPy in the same call.

    Args:
        quick: small sizes.
    """
    lines = []
    for agents in (100,) if quick else (100, 1_000, 10_000, 100_000):
        radius = math.sqrt(8 / (math.pi * agents))  # eight neighbours on average
        builders: dict[str, Callable[[Data], Data]] = {
            "KNN(8)": KNN(8),
            "Directional": Directional(),
            "Directional, quadrant": Directional("quadrant"),
            "Radius, 8 within": Radius(radius),
        }
        for name, builder in builders.items():
            lines.append(Line(f"{name}, {agents:,} agents", partial(_graph, builder, agents, 1)))
    for agents in (27,) if quick else (27, 115):
        work = partial(_graph, KNN(8), agents, 16)
        lines.append(Line(f"KNN(8), 16 graphs x {agents} agents", work))
    return lines


def _graph(builder: Callable[[Data], Data], agents: int, count: int) -> Work:
    pos = torch.rand(count * agents, 2, generator=torch.Generator().manual_seed(0))
    data = Data(pos=pos)
    if count > 1:
        data.batch = torch.arange(count).repeat_interleave(agents)
    points, clocked = pos.double().numpy(), Clocked()

    def call() -> dict[str, float]:
        if count == 1:
            clocked.part("bare tree", lambda: KDTree(points).query(points, k=9))
        clocked.part("builder", lambda: builder(data))
        return clocked.seconds

    return Work(call, "agents", count * agents, timed="builder", clocked=clocked)


def replay(quick: bool) -> list[Line]:
    """Transitions drawn from a replay, and the agent graphs of a batch of them.

    Args:
        quick: small sizes.
    """
    agents, batch, capacity = (4, 8, 100) if quick else (100, 1024, 20_000)
    name = f"{batch:,} transitions of {agents} agents with 8 neighbours"
    return [Line(name, partial(_replay, agents, batch, capacity))]


def _replay(agents: int, batch: int, capacity: int) -> Work:
    obs, neighbors, copies, steps = 26, min(8, agents - 1), 16, 25
    spec = Spec(agents, (obs,), num_actions=5, horizon=steps)
    kept, clocked = Replay(capacity), Clocked()
    while not kept.rings or kept.added < kept.slots:
        kept.add(random_trajectory(spec, steps, copies, f"knn:k={neighbors}"))
    # Observation, position, two actions, reward, stored probabilities and `alive`; ends of edges.
    payload = agents * (4 * (obs + 2 + 1 + 1 + 1 + 5) + 1 + 2 * 4 * neighbors)
    stored = kept.num_bytes / (kept.added * copies)

    def call() -> dict[str, float]:
        drawn = clocked.part("draw", lambda: kept.transitions(batch))
        clocked.part("graph of one step", lambda: drawn.graph(0))
        clocked.part("graph of both", lambda: drawn.graph())
        return clocked.seconds

    note = f"{stored:,.0f} bytes per step, {stored / payload:.2f} x the payload of {payload:,}"
    return Work(call, "batches", 1, batch * agents, clocked=clocked, note=note)


def start(quick: bool) -> list[Line]:
    """CPU time of the command `graphmarl`, and of `train` up to the first environment step.

    Args:
        quick: small sizes.
    """
    commands: Mapping[str, tuple[str, ...]] = {
        "graphmarl --version": ("--version",),
        "graphmarl methods": ("methods",),
        "graphmarl --help": ("--help",),
        "graphmarl train --help": ("train", "--help"),
    }
    lines = [
        Line(name, partial(_command, ["-m", "graphmarl", *words]))
        for name, words in list(commands.items())[: 2 if quick else None]
    ]
    return lines if quick else [*lines, Line("from train to the first step", _training)]


def _training() -> Work:
    def call() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            return _spent(["-c", TO_FIRST_STEP, *TRAIN, folder])

    return Work(call, "starts", timed="CPU")


def _command(words: list[str]) -> Work:
    return Work(lambda: _spent(words), "starts", timed="CPU")


def _spent(words: list[str]) -> dict[str, float]:
    """CPU seconds of a new process of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"CPU": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}

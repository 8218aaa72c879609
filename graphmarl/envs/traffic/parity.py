"""Comparison of the embedded engine with recorded runs of CityFlow."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from graphmarl.envs.traffic.engine import EmbeddedEngine
from graphmarl.envs.traffic.files import read_task

HOLD = 10
"""Duration of recorded phases, and interval of recorded counts, in seconds."""

COLUMNS = ("time_s", "vehicles", "waiting", "average_travel_time_s")


@dataclass(frozen=True)
class Parity:
    """Curves of both engines for one task and one signal plan.

    Args:
        name: name of the task and the plan.
        embedded: time, vehicles in the network, waiting vehicles on lanes and average travel time
            of the embedded engine.
        cityflow: the same quantities recorded from CityFlow.
    """

    name: str
    embedded: Float[Tensor, "times 4"]
    cityflow: Float[Tensor, "times 4"]

    def curve_error(self, column: str) -> float:
        """Mean absolute difference of a curve, divided by the mean of the recorded one."""
        number = COLUMNS.index(column)
        embedded, cityflow = self.embedded[:, number], self.cityflow[:, number]
        return float((embedded - cityflow).abs().mean() / cityflow.mean())

    def travel_time_error(self) -> float:
        """Relative difference of the final average travel time."""
        return float(abs(self.embedded[-1, 3] / self.cityflow[-1, 3] - 1))


def compare(
    folder: str | Path, plans: Sequence[str], dtype: torch.dtype = torch.float64
) -> list[Parity]:
    """Simulate a recorded task, each signal plan in its own copy.

    Args:
        folder: folder with config.json and the files that it names, and for each plan
            PLAN_signals.json and PLAN.csv, all of the same length.
        plans: names of the signal plans.
        dtype: floating-point type of the embedded engine.
    """
    folder = Path(folder)
    config, roadnet, flows = read_task(folder / "config.json")
    phases, cityflow = [], []
    for plan in plans:
        recorded = json.loads((folder / f"{plan}_signals.json").read_text(encoding="utf-8"))
        order = [
            recorded["intersections"].index(intersection.id) for intersection in roadnet.signals
        ]
        phases.append(torch.tensor(recorded["phase_every_10_s"])[:, order])
        with (folder / f"{plan}.csv").open(encoding="utf-8") as file:
            rows = [[float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)]
        cityflow.append(torch.tensor(rows))
    engine = EmbeddedEngine(roadnet, flows, len(plans), seed=config.seed, dtype=dtype)
    embedded = []
    for number in range(len(cityflow[0])):
        engine.advance(torch.stack([phase[number] for phase in phases]), HOLD)
        waiting, travel_time = engine.lane_waiting().sum(1), engine.average_travel_time()
        counts = (engine.time(), engine.vehicles(), waiting, travel_time)
        embedded.append(torch.stack([count.float() for count in counts], 1))
    curves = torch.stack(embedded, 1)
    return [
        Parity(f"{folder.name} {plan}", mine, recorded)
        for plan, mine, recorded in zip(plans, curves, cityflow, strict=True)
    ]

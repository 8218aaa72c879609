"""What every graph builder is and promises."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from graphmarl.graphs.agents import LiveAgents


class GraphBuilder(BaseTransform):
    r"""Decides who hears whom: a transform that gives a batch of agents its edges.

    `edge_index[0]` sends, `edge_index[1]` receives; edges are in order of receiver, then sender.
    There are no self loops and no edges of dead agents or between graphs. Without `alive` all
    agents live; without `batch` and `ptr` the data is one graph. The result is a shallow copy with
    new edges and without `edge_attr`, which belonged to the old ones.

    A random builder draws from `generator`, which `seed` sets; never seeded, it acts as seeded
    with 0.

    Attributes:
        needs_position: the data must have `pos`.
        needs_links: the data must have `links`.
        stochastic: two calls on the same data may differ.
        generator: source of randomness, None until it is seeded or used.
    """

    needs_position: bool = False
    needs_links: bool = False
    stochastic: bool = False
    generator: torch.Generator | None = None

    @abstractmethod
    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Edges among the living agents `agents` of `data`, as rows of `data`, in order."""

    def forward(self, data: Data) -> Data:
        """A shallow copy of the data with edges."""
        self.check(data)
        # Edges outlive the step that made them (replay, Refresh), so that they must be ordinary
        # tensors even where an agent acts under inference mode.
        with torch.inference_mode(False), torch.no_grad():
            agents = LiveAgents.of(data, self.needs_position)
            edge_index = self.edges(data, agents)
        graph = copy.copy(data)
        graph.edge_index = edge_index
        if "edge_attr" in graph:
            del graph["edge_attr"]
        return graph

    def check(self, data: Data) -> None:
        """Refuse data that lacks what this builder needs.

        Raises:
            ValueError: names what is missing.
        """
        name = type(self).__name__
        if self.needs_position and data.get("pos") is None:
            raise ValueError(
                f"{name} needs node positions; this data has no `pos`. "
                "Complete, NoEdges and Random need none"
            )
        if self.needs_links and data.get("links") is None:
            raise ValueError(
                f"{name} needs the environment's own edges; this data has no `links`. "
                "Not every environment has roads, rails or visibility"
            )

    @property
    def stream(self) -> int:
        """Random builders below this one; nested ones draw different numbers from one seed."""
        return 0

    def seed(self, seed: int) -> None:
        """Begin the random numbers anew; builders without randomness ignore it."""
        if self.stochastic:
            mixed = (seed + self.stream * 0x9E3779B97F4A7C15) % 2**63
            self.generator = torch.Generator().manual_seed(mixed)

    def _drawn(self) -> torch.Generator:
        if self.generator is None:
            GraphBuilder.seed(self, 0)
        assert self.generator is not None, "only a stochastic builder may draw"
        return self.generator

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here, as tensors and plain containers."""
        return {"generator": self._drawn().get_state()} if self.stochastic else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a saved state."""
        if self.stochastic:
            self._drawn().set_state(state["generator"])

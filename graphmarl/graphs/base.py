"""Base class of the graph builders."""

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

from graphmarl.checks import Checked
from graphmarl.graphs.agents import LiveAgents


class GraphBuilder(Checked, BaseTransform):
    r"""Base class of transforms that add directed edges to a batch of agents.

    `edge_index[0]` holds senders, `edge_index[1]` receivers; edges are sorted by receiver, then
    sender. There are no self loops, no edges from or to dead agents, and none between graphs.
    Without `alive` all agents are alive; without `batch` and `ptr` the data is one graph. The
    result is a shallow copy with new edges and without the `edge_attr` of the old ones.

    Stochastic builders draw from `generator`, which is seeded with 0 unless `seed` is called.

    Attributes:
        needs_position: the data must have `pos`, and `edges` may read `agents.positions`; False by
            default.
        needs_links: the data must have `links`; False by default.
        needs_every_step: it must be called in every step of an episode; False by default.
        stochastic: two calls on the same data may differ; False by default.
        generator: random generator, None until it is seeded or used.
    """

    needs_position: bool = False
    needs_links: bool = False
    needs_every_step: bool = False
    stochastic: bool = False
    generator: torch.Generator | None = None

    @abstractmethod
    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """The edges between live agents, which a subclass computes for all graphs at once.

        They must be rows of `data` (`agents.index` of the numbers of live agents), sorted by
        receiver, then sender, without self-loops. `agents.edges_of` makes them from a boolean
        adjacency [graph, receiver, sender].

        Args:
            data: a batch of agents.
            agents: its live agents, with `graph`, `start`, `count` and `positions`.
        """

    def forward(self, data: Data) -> Data:
        """A shallow copy of the data with edges."""
        self.check(data)
        # Edges are kept beyond this step (replay, Refresh), so they must be ordinary tensors even
        # if an agent acts under inference mode.
        with torch.inference_mode(False), torch.no_grad():
            agents = LiveAgents.of(data, self.needs_position)
            edge_index = self.edges(data, agents)
        graph = copy.copy(data)
        graph.edge_index = edge_index
        if "edge_attr" in graph:
            del graph["edge_attr"]
        self.attach(graph)
        return graph

    def attach(self, graph: Data) -> None:
        """Add node features that belong to the edges, such as those of a delayed graph; none here.

        Args:
            graph: the graph with its edges.
        """
        return

    def check(self, data: Data) -> None:
        """Check that the data has the attributes that this builder needs.

        Raises:
            ValueError: an attribute is missing.
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
        """Nesting depth, so that nested builders draw different numbers from one seed."""
        return 0

    def seed(self, seed: int) -> None:
        """Seed the generator; deterministic builders ignore it."""
        if self.stochastic:
            mixed = (seed + self.stream * 0x9E3779B97F4A7C15) % 2**63
            self.generator = torch.Generator().manual_seed(mixed)

    def _get_generator(self) -> torch.Generator:
        if self.generator is None:
            GraphBuilder.seed(self, 0)
        assert self.generator is not None, "only a stochastic builder has a generator"
        return self.generator

    def state_dict(self) -> dict[str, Any]:
        """State of the builder, as tensors and plain containers."""
        return {"generator": self._get_generator().get_state()} if self.stochastic else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state."""
        if self.stochastic:
            self._get_generator().set_state(state["generator"])

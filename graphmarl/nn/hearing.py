"""Who hears whom, in the two forms in which attention over many agents is quick."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cliques:
    """Groups in which everyone hears everyone, as in a complete graph; the dead are alone.

    All that a member knows is known to its whole group, which computes it once.

    Args:
        mask: (graph, agent, agent), who is in one group with whom, oneself included.
    """

    mask: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, num_graphs: int, num_agents: int) -> Cliques | None:
        """The groups that some edges make; None if they make none.

        Args:
            edge_index: senders and receivers, without loops and each pair once.
            num_graphs: graphs in the disjoint union.
            num_agents: rows of each.
        """
        sender, receiver = edge_index
        rows = num_graphs * num_agents
        own = torch.arange(rows, device=edge_index.device)
        first = own.scatter_reduce(0, receiver, sender, "amin")
        size = torch.bincount(first, minlength=rows)[first]
        degree = torch.bincount(receiver, minlength=rows)
        if not (torch.equal(first[sender], first[receiver]) and torch.equal(degree + 1, size)):
            return None
        group = first.view(num_graphs, num_agents)
        return cls(group[:, :, None] == group[:, None])

    @classmethod
    def living(cls, alive: Tensor) -> Cliques:
        """All the living of each graph (graph, agent) in one group."""
        alone = torch.eye(alive.shape[1], dtype=torch.bool, device=alive.device)
        return cls(alive[:, :, None] & alive[:, None] | alone)

    def among(self, alive: Tensor) -> Cliques:
        """The same without the dead, who neither hear nor are heard."""
        return Cliques(self.mask & Cliques.living(alive).mask)


@dataclass(frozen=True)
class Ears:
    """Any graph: each agent with a list of its own of those that it hears, itself first.

    Args:
        place: (row, slot), whom the agent of a row hears, as rows.
        heard: (row, slot), false where a list is longer than needed.
    """

    place: Tensor
    heard: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, rows: int) -> tuple[Ears, Tensor]:
        """The lists that some edges make, and the slot of each edge in that of its receiver."""
        sender, receiver = edge_index
        order = torch.argsort(receiver, stable=True)
        degree = torch.bincount(receiver, minlength=rows)
        begin = (degree.cumsum(0) - degree)[receiver[order]]
        slot = torch.empty_like(receiver)
        slot[order] = torch.arange(len(receiver), device=receiver.device) - begin + 1
        width = 1 + int(degree.max()) if rows else 1
        place = torch.arange(rows, device=receiver.device)[:, None].repeat(1, width)
        place[receiver, slot] = sender
        heard = torch.arange(width, device=receiver.device) <= degree[:, None]
        return cls(place, heard), slot

    def among(self, alive: Tensor) -> Ears:
        """The same without the dead, who neither hear nor are heard."""
        lives = alive.flatten()
        heard = self.heard & lives[self.place] & lives[:, None]
        heard[:, 0] = True
        return Ears(self.place, heard)


Hearing = Cliques | Ears


def hearing_of(edge_index: Tensor, num_graphs: int, num_agents: int) -> Hearing:
    """Who hears whom over some edges, in the quicker form where there is one."""
    cliques = Cliques.of(edge_index, num_graphs, num_agents)
    if cliques is not None:
        return cliques
    return Ears.of(edge_index, num_graphs * num_agents)[0]

"""The builders' definitions, word for word in plain loops, and agents to try them on."""

from itertools import pairwise

import torch
from torch_geometric.data import Data


def agents(seed: int, sizes: tuple[int, ...] | None = None, spread: bool = False) -> Data:
    """A batch of graphs of 0 to 12 agents: on a small grid (ties, piles), or with no ties."""
    draw = torch.Generator().manual_seed(seed)
    if sizes is None:
        count = int(torch.randint(1, 6, (), generator=draw))
        sizes = tuple(torch.randint(0, 13, (count,), generator=draw).tolist())
    rows = sum(sizes)
    if spread:
        pos = torch.rand(rows, 2, generator=draw)
    else:
        side = int(torch.randint(1, 9, (), generator=draw))
        pos = torch.randint(0, side + 1, (rows, 2), generator=draw).float()
    ptr = torch.tensor([0, *sizes]).cumsum(0)
    return Data(
        pos=pos,
        alive=torch.rand(rows, generator=draw) < 0.8,
        batch=torch.repeat_interleave(torch.arange(len(sizes)), ptr.diff()),
        ptr=ptr,
        time=torch.zeros(len(sizes), dtype=torch.long),
        num_nodes=rows,
    )


def live_agents(data: Data) -> list[list[int]]:
    """Rows of the live agents of each graph."""
    bounds = data.ptr.tolist()
    return [[i for i in range(start, end) if data.alive[i]] for start, end in pairwise(bounds)]


def ranked(pos: list[list[float]], i: int, others: list[int]) -> list[tuple[float, int]]:
    """The others as seen by agent i: squared distance, index; nearest first."""
    x, y = pos[i]
    return sorted(((pos[j][0] - x) ** 2 + (pos[j][1] - y) ** 2, j) for j in others if j != i)


def knn(data: Data, k: int) -> list[tuple[int, int]]:
    """(sender, receiver) pairs of the k nearest."""
    pos = data["pos"].double().tolist()
    return ordered(
        (j, i)
        for agents in live_agents(data)
        for i in agents
        for _, j in ranked(pos, i, agents)[:k]
    )


def radius(data: Data, r: float, cap: int | None) -> list[tuple[int, int]]:
    """(sender, receiver) pairs within r, the nearest `cap` of them."""
    pos = data["pos"].double().tolist()
    return ordered(
        (j, i)
        for agents in live_agents(data)
        for i in agents
        for square, j in ranked(pos, i, agents)[:cap]
        if square <= r * r
    )


def directional(data: Data, sector: str) -> list[tuple[int, int]]:
    """Both directions of each agent and the nearest in its four sectors."""
    pos = data["pos"].double().tolist()
    pairs = set()
    for agents in live_agents(data):
        for i in agents:
            for side in range(4):
                for _, j in ranked(pos, i, agents):
                    dx, dy = pos[j][0] - pos[i][0], pos[j][1] - pos[i][1]
                    if inside(sector, side, dx, dy):
                        pairs |= {(i, j), (j, i)}
                        break
    return ordered(pairs)


def inside(sector: str, side: int, dx: float, dy: float) -> bool:
    """Whether an offset lies up, down, left or right."""
    if sector == "half_plane":
        return (dy < 0, dy > 0, dx < 0, dx > 0)[side]
    if abs(dx) <= abs(dy):
        return (dy < 0, dy > 0, False, False)[side]
    return (False, False, dx < 0, dx > 0)[side]


def ordered(pairs) -> list[tuple[int, int]]:
    """By receiver, then sender."""
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def edges(data: Data) -> list[tuple[int, int]]:
    """The edges of a graph, in their order."""
    assert data.edge_index is not None
    return list(zip(*data.edge_index.tolist(), strict=True))

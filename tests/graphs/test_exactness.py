"""Both forms of each geometric builder against its definition in plain loops."""

import brute
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphmarl.graphs import KNN, Directional, Radius
from graphmarl.graphs import agents as agents_module
from graphmarl.graphs import sectors as sectors_module
from graphmarl.graphs.sectors import HalfPlanes, Quadrants, nearest_below, nearest_in_sectors

pytestmark = pytest.mark.usefixtures("unchecked")


def use(form: str, monkeypatch) -> None:
    """Build in the dense form, or through the tree, whatever the size."""
    monkeypatch.setattr(agents_module, "DENSE_AGENTS", {"dense": 10**9, "tree": -1}[form])


@pytest.mark.parametrize("first", range(0, 350, 50))
def test_a_thousand_random_batches_agree_with_the_definitions(first, monkeypatch):
    for seed in range(first, first + 50):
        data = brute.agents(seed, spread=seed % 4 == 0)
        k, r, cap = 1 + seed % 5, (0.3, 1.0, 2.0**0.5, 3.0, 0.0)[seed % 5], 1 + seed % 3
        expected = {
            KNN(k): brute.knn(data, k),
            Radius(r): brute.radius(data, r, None),
            Radius(r, cap): brute.radius(data, r, cap),
            Directional(): brute.directional(data, "half_plane"),
            Directional("quadrant"): brute.directional(data, "quadrant"),
        }
        for form in ("dense", "tree"):
            use(form, monkeypatch)
            for builder, pairs in expected.items():
                assert brute.edges(builder(data)) == pairs, (seed, form, builder)


def shapes() -> dict[str, torch.Tensor]:
    """Crowds that are hard on a tree: rows, piles, a ring around one agent, extreme scales."""
    draw = torch.Generator().manual_seed(3)
    line = torch.arange(150.0)
    angle = torch.arange(150) * (2 * torch.pi / 150)
    row = torch.stack([line, torch.zeros(150)], 1)
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    ring[7] = 0
    cloud = torch.randn(150, 2, generator=draw)
    cluster = torch.rand(75, 2, generator=draw)
    return {
        "row": row,
        "column": row.flip(1),
        "two rows": torch.cat([row[:75], row[:75] + torch.tensor([0.0, 1000.0])]),
        "diagonal": torch.stack([line, line], 1),
        "grid": torch.stack([line % 12, line // 12], 1),
        "pile": torch.ones(150, 2),
        "piles": torch.stack([line % 3, line % 2], 1),
        "ring": ring,
        "far apart": torch.cat([cluster * 1e-3, cluster * 1e-3 + 1e6]),
        "tiny": cloud * 1e-30,
        "huge": cloud * 1e30,
        "cloud": cloud,
    }


@pytest.mark.parametrize("name", shapes())
@pytest.mark.parametrize("copies", [1, 3])
def test_the_tree_equals_the_dense_form_on_degenerate_positions(name, copies, monkeypatch):
    pos = shapes()[name].repeat(copies, 1)
    data = Data(pos=pos, batch=torch.arange(copies).repeat_interleave(150))
    scale = float(np.ptp(pos.numpy(), axis=0).max()) or 1.0
    builders = [KNN(1), KNN(8), KNN(148), Radius(scale / 9), Radius(1.0, 4)]
    builders += [Directional(), Directional("quadrant")]
    for builder in builders:
        use("dense", monkeypatch)
        dense = builder(data)
        use("tree", monkeypatch)
        assert torch.equal(builder(data).edge_index, dense.edge_index), builder


@pytest.mark.parametrize("grid", [True, False])
@pytest.mark.parametrize("shared", [0, 4, 64])
def test_prefix_blocks_find_the_nearest_below(grid, shared, monkeypatch):
    monkeypatch.setattr(sectors_module, "SHARED_TREE", shared)
    draw = np.random.default_rng(1)
    pos = np.unique(draw.integers(0, 9, (60, 2)).astype(float), axis=0)
    pos = pos if grid else draw.random((60, 2))
    group = np.sort(draw.integers(0, 3, len(pos)))
    rows = np.array([i for i in range(len(pos)) if (pos[group == group[i], 1] < pos[i, 1]).any()])
    expected = []
    for i in rows:
        below = [j for j in range(len(pos)) if group[j] == group[i] and pos[j, 1] < pos[i, 1]]
        expected.append(min(below, key=lambda j, i=i: (((pos[j] - pos[i]) ** 2).sum(), j)))
    assert nearest_below(pos, group, pos[:, 1], rows).tolist() == expected


def test_two_rows_far_apart_are_finished_by_prefix_blocks(monkeypatch):
    calls = []
    exhaust = HalfPlanes.exhaust
    monkeypatch.setattr(
        HalfPlanes, "exhaust", lambda *args: calls.append(exhaust(*args)) or calls[-1]
    )
    monkeypatch.setattr(sectors_module, "SHARED_TREE", 32)
    x = np.arange(500.0)
    pos = np.concatenate([np.stack([x, 0 * x], 1), np.stack([x, 0 * x + 1e4], 1)])
    near = nearest_in_sectors(pos, np.zeros(1000, dtype=np.int64), HalfPlanes())
    assert calls == [True]
    assert near[0].tolist() == [-1] * 500 + list(range(500))
    assert near[1].tolist() == list(range(500, 1000)) + [-1] * 500


@pytest.mark.parametrize("sectors", [HalfPlanes(), Quadrants()])
def test_empty_sectors_are_known_without_a_search(sectors):
    for seed in range(100):
        draw = np.random.default_rng(seed)
        pos = np.unique(draw.integers(0, 2 + seed % 7, (20, 2)).astype(float), axis=0)
        group = np.sort(draw.integers(0, 3, len(pos)))
        a, b = sectors.axes(*pos.T)
        inside = np.stack(sectors.inside(a[None] - a[:, None], b[None] - b[:, None]))
        expected = ~(inside & (group[None] == group[:, None])).any(2)
        assert (sectors.empty(a, b, group) == expected).all()


def test_float32_positions_far_from_the_origin_keep_their_precision():
    base = torch.tensor([[16777214.0, 0.0], [16777215.0, 0.0], [16777216.0, 0.0]])
    data = Data(pos=base.repeat(1000, 1), batch=torch.arange(1000).repeat_interleave(3))
    edge_index = KNN(1)(data).edge_index
    assert (edge_index[0].view(1000, 3) - torch.arange(0, 3000, 3).view(-1, 1)).tolist() == [
        [1, 0, 1]
    ] * 1000

"""The ring of edges against a plain list of pages, and constant layouts against their edges."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges, RepeatedEdges
from graphmarl.data.edge_pages import EdgePages
from graphmarl.functional.layouts import KEPT, Layout, layout_of
from graphmarl.graphs import Complete


def page(count: int, value: int, attr: bool) -> Edges:
    index = torch.arange(2 * count, dtype=torch.int32).view(2, count) + 1000 * value
    features = index.float().t() if attr else None
    return Edges(index, torch.tensor([0, count]), 5, features)


@pytest.mark.parametrize("attr", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_ranges_are_those_of_a_list_of_pages(attr, seed):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, (3, 40, 1)[seed % 3] + 1, (60,), generator=generator).tolist()
    counts[30:40] = [200] * 10
    pages, known, size = EdgePages(pages=7), [], 7
    for number, count in enumerate(counts):
        place, edges = number % size, page(count, number, attr)
        pages.put(place, edges)
        known[place : place + 1] = [edges]
        if number == 24:
            again = EdgePages()
            again.load_state_dict(pages.state_dict(), place)
            pages = again
        pick = torch.randint(0, len(known), (5,), generator=generator)
        ends = [known[p].index.shape[1] for p in pick.tolist()]
        span = torch.tensor([[end // 3, end] for end in ends])
        found = pages.edges(pick, span, 5)
        cut = [(known[p], slice(end // 3, end)) for p, end in zip(pick.tolist(), ends, strict=True)]
        assert torch.equal(found.index, torch.cat([e.index[:, part] for e, part in cut], 1))
        assert (found.attr is not None) == attr
        if found.attr is not None:
            assert torch.equal(
                found.attr, torch.cat([e.attr[part] for e, part in cut if e.attr is not None])
            )
        assert pages.num_bytes == sum(
            e.index.nbytes + (e.attr.nbytes if e.attr is not None else 0) for e in known
        )


def complete(graphs: int, agents: int) -> Data:
    ptr = torch.arange(0, graphs * agents + 1, agents)
    batch = torch.arange(graphs).repeat_interleave(agents)
    return Complete()(Data(num_nodes=graphs * agents, ptr=ptr, batch=batch))


def test_complete_graphs_are_stored_once_and_drawn_as_their_edges():
    one, pages = Edges.of(complete(6, 4), 4), EdgePages(pages=3)
    assert isinstance(one, RepeatedEdges)
    for number in range(3):
        pages.put(number, one)
    assert pages.num_bytes == one.layout.index.nbytes
    span = torch.tensor([[0, 12], [0, 0], [12, 24]])
    found = pages.edges(torch.tensor([0, 1, 2]), span, 4)
    assert found.ptr.tolist() == [0, 12, 12, 24]
    picked, _ = found.select(torch.tensor([2, 1, 0]))
    each = one.layout.index
    assert torch.equal(picked, torch.cat([each, each + 8], 1))
    assert layout_of(picked) is None
    whole, _ = found.select(torch.tensor([0, 2]))
    assert whole is one.layout.union(2) and layout_of(whole) is one.layout


def test_other_edges_after_complete_graphs_leave_those_as_they_were():
    one, pages = Edges.of(complete(2, 3), 3), EdgePages(pages=3)
    pages.put(0, one)
    pages.put(1, page(4, 1, False))
    found = pages.edges(torch.tensor([0, 1]), torch.tensor([[6, 12], [1, 3]]), 3)
    assert torch.equal(found.index[:, :6], one.index[:, 6:])
    assert torch.equal(found.index[:, 6:], page(4, 1, False).index[:, 1:3])


def test_a_layout_is_the_same_object_for_the_same_edges_and_agents():
    index = torch.tensor([[1, 0], [0, 1]])
    assert Layout.of(index, 2) is Layout.of(index.clone().int(), 2)
    assert Layout.of(index, 2) != Layout.of(index, 3)
    assert Layout.of(index, 2).complete and not Layout.of(index, 3).complete


def test_only_equal_graphs_have_a_layout():
    edges = complete(3, 3)["edge_index"]
    assert Layout.repeated(edges, 3, 3) == layout_of(edges)
    other = edges.clone()
    other[0, 0] = 2
    assert Layout.repeated(other, 3, 3) is None and layout_of(other) is None
    assert Layout.repeated(torch.tensor([[0, 3], [1, 1]]), 2, 2) is None


def laid_out(number: int) -> weakref.ref[Layout]:
    layout = Layout.of(torch.tensor([[1, 0], [0, 1 + number]]), 100)
    layout.union(2)
    return weakref.ref(layout)


def test_layouts_that_nobody_uses_are_freed():
    made = [laid_out(number) for number in range(3 * KEPT)]
    gc.collect()
    assert sum(each() is not None for each in made) <= KEPT

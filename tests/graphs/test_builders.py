"""Specifics of single builders and wrappers, and error messages on bad input."""

import brute
import pytest
import torch
from torch_geometric.data import Data

from graphmarl.graphs import (
    GRAPHS,
    KNN,
    Complete,
    Directional,
    Distance,
    DropEdges,
    Links,
    NoEdges,
    Radius,
    Random,
    Refresh,
    make_graph,
)

LINE = Data(pos=torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [5.0, 0.0]]))


def clocked(time: list[int], shift: float = 0.0) -> Data:
    """Two graphs of three agents; the middle one has moved by `shift`."""
    pos = torch.tensor([[0.0, 0.0], [1.0 + shift, 0.0], [3.0, 0.0]]).repeat(2, 1)
    batch = torch.tensor([0, 0, 0, 1, 1, 1])
    alive = torch.ones(6, dtype=torch.bool)
    return Data(pos=pos, batch=batch, alive=alive, time=torch.tensor(time))


def test_neighbours_are_the_nearest_with_ties_to_the_lower_index():
    assert brute.edges(KNN(1)(LINE)) == [(1, 0), (0, 1), (1, 2), (2, 3)]


def test_complete_and_none_are_everything_and_nothing():
    data = Data(alive=torch.tensor([True, False, True, True]))
    assert brute.edges(Complete()(data)) == [(2, 0), (3, 0), (0, 2), (3, 2), (0, 3), (2, 3)]
    assert brute.edges(NoEdges()(data)) == []


@pytest.mark.parametrize("k", [1, 3, 8, 50])
def test_random_graphs_have_k_distinct_neighbours_or_all_there_are(k):
    data = brute.agents(3, sizes=(12, 2, 9, 30))
    degree = torch.bincount(Random(k)(data)["edge_index"][1], minlength=53)
    for agents in brute.live_agents(data):
        assert degree[agents].tolist() == [min(k, len(agents) - 1)] * len(agents)
    assert int(degree[~data.alive].sum()) == 0


def test_random_choices_are_equally_likely():
    data = Data(
        alive=torch.ones(2500 * 5, dtype=torch.bool), batch=torch.arange(2500).repeat_interleave(5)
    )
    sender = Random(2)(data)["edge_index"]
    first = sender[0][sender[1] % 5 == 1] % 5
    share = torch.bincount(first, minlength=5) / 5000
    # Four others, each with probability 1/4; five standard deviations are 0.031.
    assert share[1] == 0
    torch.testing.assert_close(share[[0, 2, 3, 4]], torch.full((4,), 0.25), atol=0.031, rtol=0)


def test_links_of_dead_agents_are_dropped_and_duplicates_merged():
    data = Data(
        alive=torch.tensor([True, True, False]), links=torch.tensor([[1, 1, 2, 0], [0, 0, 1, 2]])
    )
    assert brute.edges(Links()(data)) == [(1, 0)]


def test_refresh_goes_by_each_graphs_own_clock():
    builder = Refresh(KNN(1), every=3)
    near, far = [(1, 0), (0, 1), (1, 2)], [(1, 0), (2, 1), (1, 2)]
    second = [(i + 3, j + 3) for i, j in near], [(i + 3, j + 3) for i, j in far]
    assert brute.edges(builder(clocked([1, 2]))) == near + second[0]  # nothing was stored
    assert brute.edges(builder(clocked([2, 4], shift=1.0))) == near + second[0]
    assert brute.edges(builder(clocked([3, 5], shift=1.0))) == far + second[0]
    assert brute.edges(builder(clocked([4, 0], shift=1.0))) == far + second[1]


def test_refresh_does_not_use_edges_of_agents_that_have_died():
    builder = Refresh(KNN(1), every=3)
    builder(clocked([0, 0]))
    later = clocked([1, 1])
    later.alive[0] = False
    assert brute.edges(builder(later)) == [(1, 2), (4, 3), (3, 4), (4, 5)]
    later.alive[:] = False
    assert brute.edges(builder(later)) == []


def test_refresh_rebuilds_when_the_batch_has_another_shape():
    builder = Refresh(KNN(1), every=3)
    builder(clocked([0, 0]))
    other = clocked([1, 1], shift=1.0)
    other.batch = torch.tensor([0, 0, 1, 1, 1, 1])
    assert brute.edges(builder(other)) == brute.edges(KNN(1)(other))


def test_refresh_keeps_its_own_copy():
    builder = Refresh(KNN(1), every=3)
    first = builder(clocked([0, 0]))["edge_index"]
    expected = first.clone()
    first.zero_()
    assert torch.equal(builder(clocked([1, 1]))["edge_index"], expected)


def test_the_expected_share_of_edges_is_lost():
    data = Data(alive=torch.ones(150, dtype=torch.bool))
    kept = DropEdges(Complete(), 0.3)(data)["edge_index"].shape[1] / (150 * 149)
    assert abs(kept - 0.7) < 5 * (0.3 * 0.7 / (150 * 149)) ** 0.5
    assert DropEdges(Complete(), 1.0)(data)["edge_index"].shape == (2, 0)
    whole = DropEdges(Complete(), 0.0)(data)["edge_index"]
    assert torch.equal(whole, Complete()(data)["edge_index"])


def test_nested_random_builders_draw_different_numbers_from_one_seed():
    builders = [Random(2), DropEdges(Random(2), 0.5), DropEdges(Refresh(Random(2)), 0.5)]
    for builder in builders:
        builder.seed(7)
    inner = builders[1].__dict__["builder"]
    assert builders[0].state_dict()["generator"].equal(inner.state_dict()["generator"])
    for builder in builders[1:]:
        states = [builder.state_dict()["generator"], builder.state_dict()["builder"]["generator"]]
        assert not states[0].equal(states[1])


def test_another_seed_gives_other_edges_and_each_step_new_ones():
    data = Data(alive=torch.ones(30, dtype=torch.bool))
    builder = Random(3)
    builder.seed(1)
    first, second = builder(data)["edge_index"], builder(data)["edge_index"]
    builder.seed(2)
    assert not torch.equal(first, second)
    assert not torch.equal(first, builder(data)["edge_index"])


def test_a_text_an_option_and_an_object_make_the_same_builder():
    text = "DropEdges(Refresh(KNN(k=3), every=5), p=0.1)"
    assert repr(make_graph("knn", k=3, refresh=5, drop=0.1)) == text
    assert repr(make_graph("knn:k=3,refresh=5,drop=0.1")) == text
    assert repr(make_graph("knn:k=3", refresh=5, drop=0.1)) == text
    assert repr(make_graph("radius:r=1,max_neighbors=none")) == "Radius(r=1)"
    assert repr(make_graph("radius:r=0.5,max_neighbors=2")) == "Radius(r=0.5, max_neighbors=2)"
    assert repr(make_graph("directional:sector=quadrant")) == "Directional(sector='quadrant')"
    builder = Random(2)
    assert make_graph(builder) is builder


def test_every_builder_has_a_one_line_description():
    lines = [(kind.__doc__ or "").splitlines()[0] for kind in GRAPHS.values()]
    assert all(10 < len(line) < 70 and line.endswith(".") for line in lines)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KNN(0), "k is 0; allowed are whole numbers from 1"),
        (lambda: Random(-1), "k is -1; allowed are whole numbers from 1"),
        (lambda: Radius(-1.0), "r is -1.0; allowed are numbers from 0"),
        (lambda: Radius(1.0, 0), "max_neighbors is 0; allowed are whole numbers from 1 or None"),
        (lambda: Refresh(KNN(), 0), "every is 0"),
        (lambda: DropEdges(KNN(), 1.5), "p is 1.5; allowed are numbers from 0 to 1"),
        (lambda: Distance(0.0), "scale is 0.0"),
        (
            lambda: make_graph("directional:sector=up"),
            "'up'; allowed are half_plane, quadrant",
        ),
        (lambda: make_graph("knm"), "no graph is called 'knm'; there are .*did you mean 'knn'"),
        (
            lambda: make_graph("knn:kk=3"),
            "'knn' has no option 'kk'; its options are k, shuffle, refresh, delay, drop",
        ),
        (
            lambda: make_graph("complete:k=3"),
            "complete' has no option 'k'; its options are shuffle, refresh, delay, drop",
        ),
        (lambda: make_graph("knn:k=2.5"), "k is '2.5'; allowed are whole numbers"),
        (lambda: make_graph("knn:k=many"), "k is 'many'; allowed are whole numbers"),
        (lambda: make_graph("radius:r=1,max_neighbors=x"), "max_neighbors is 'x'; .* or None"),
        (lambda: make_graph("radius"), "radius' needs the option 'r'"),
        (lambda: make_graph("knn:3"), "'3' is no option; write name=value"),
        (lambda: make_graph("knn:k=3", k=4), "option k is given twice"),
        (lambda: make_graph(KNN(), k=4), "has its options already"),
        (lambda: KNN()(Data(x=torch.zeros(3, 1))), "KNN needs node positions; .* no `pos`"),
        (lambda: Refresh(KNN())(Data(x=torch.zeros(3, 1))), "KNN needs node positions"),
        (lambda: Refresh(Complete())(LINE), "Refresh needs .* no `time`"),
        (lambda: Refresh(KNN())(clocked([0])), r"`time` has shape \(1,\); expected \(2,\)"),
        (lambda: Links()(LINE), "Links needs .* no `links`"),
        (lambda: Distance()(Complete()(Data(alive=torch.ones(2)))), "Distance needs .* no `pos`"),
        (lambda: KNN()(Data(pos=torch.zeros(3, 3))), r"shape \(3, 3\); expected \(3, 2\)"),
        (lambda: KNN()(Data(pos=torch.tensor([[0.0, torch.nan]]))), "live agent is NaN"),
        (lambda: KNN()(Data(pos=torch.zeros(2, 2), batch=torch.tensor([1, 0]))), "not sorted"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ([[0], [0]], "joins agent 0 with itself"),
        ([[0], [6]], "rows from 0 to 6; allowed are 0 to 5"),
        ([[0], [3]], "different graphs"),
        ([[0], [1], [2]], r"shape \(3, 1\); expected \(2, edges\)"),
    ],
)
def test_links_that_are_no_edges_are_refused(links, message):
    data = clocked([0, 0])
    data.links = torch.tensor(links)
    with pytest.raises(ValueError, match=message):
        Links()(data)


def test_a_half_plane_is_open_at_its_edge():
    data = Data(pos=torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 1.0]]))
    # Agent 1 is as high as agent 0, so that down (greater y) is agent 2 for both.
    assert (2, 0) in brute.edges(Directional()(data))

"""Unrolled inference in Markov random fields against the enumeration of all joint actions."""

import itertools

import pytest
import torch
from torch import Tensor

from graphmarl.functional import belief_propagation, cavity, mean_field, reverse_edges

TREE = [(0, 1), (1, 2), (1, 3), (3, 4)]
CYCLE = [(0, 1), (1, 2), (2, 3), (3, 0)]
HEXAGON = [(i, (i + 1) % 6) for i in range(6)]


def field(pairs: list[tuple[int, int]], nodes: int, actions: int = 3, scale: float = 1.0):
    """Random potentials, with both directions of each pair."""
    generator = torch.Generator().manual_seed(1)
    unary = torch.randn(nodes, actions, generator=generator, dtype=torch.float64)
    table = torch.randn(len(pairs), actions, actions, generator=generator, dtype=torch.float64)
    one_way = torch.tensor(pairs).t()
    edge_index = torch.cat([one_way, one_way.flip(0)], 1)
    return unary, scale * torch.cat([table, table.transpose(1, 2)]), edge_index


def log_weights(unary: Tensor, pairwise: Tensor, edge_index: Tensor) -> tuple[list, Tensor]:
    """Every joint action and its log-weight; each pair is counted once."""
    nodes, actions = unary.shape
    joint = list(itertools.product(range(actions), repeat=nodes))
    half = edge_index.shape[1] // 2
    weights = [
        sum(unary[i, a[i]] for i in range(nodes))
        + sum(pairwise[e, a[edge_index[0, e]], a[edge_index[1, e]]] for e in range(half))
        for a in joint
    ]
    return joint, torch.stack([torch.as_tensor(w) for w in weights])


def marginals(unary: Tensor, pairwise: Tensor, edge_index: Tensor) -> Tensor:
    joint, weights = log_weights(unary, pairwise, edge_index)
    p = weights.softmax(0)
    found = torch.zeros_like(unary)
    for each, a in zip(p, joint, strict=True):
        for i, action in enumerate(a):
            found[i, action] += each
    return found


def test_belief_propagation_is_exact_on_a_tree():
    given = field(TREE, 5)
    assert torch.allclose(belief_propagation(*given, rounds=4), marginals(*given), atol=1e-10)
    # The longest path has 3 edges; with a round less something has not arrived.
    assert torch.allclose(belief_propagation(*given, rounds=3), marginals(*given), atol=1e-10)
    assert not torch.allclose(belief_propagation(*given, rounds=2), marginals(*given), atol=1e-4)


def test_damping_comes_to_the_same_later():
    given = field(TREE, 5)
    late = belief_propagation(*given, rounds=80, damping=0.5)
    assert torch.allclose(late, marginals(*given), atol=1e-10)
    early = belief_propagation(*given, rounds=3, damping=0.5)
    assert not torch.allclose(early, marginals(*given), atol=1e-4)


def unrest(unary: Tensor, pairwise: Tensor, edge_index: Tensor) -> Tensor:
    """How far beliefs still move after many rounds."""
    q = belief_propagation(unary, pairwise, edge_index, rounds=400)
    again = belief_propagation(unary, pairwise, edge_index, rounds=401)
    return (q - again).abs().max()


def test_loopy_propagation_comes_to_a_fixed_point_near_the_marginals():
    given = field(CYCLE, 4, scale=0.3)
    assert unrest(*given) < 1e-12
    loopy = belief_propagation(*given, rounds=400)
    assert torch.allclose(loopy, marginals(*given), atol=0.02)
    assert not torch.allclose(loopy, marginals(*given), atol=1e-6), "it is not exact on a cycle"


def test_on_a_cycle_of_two_actions_without_fields_the_fixed_point_is_by_hand():
    # By symmetry beliefs are uniform, and nu stays uniform in every round.
    one_way = torch.tensor(HEXAGON).t()
    edge_index = torch.cat([one_way, one_way.flip(0)], 1)
    pairwise = torch.tensor([[0.7, 0.0], [0.0, 0.7]]).expand(12, 2, 2)
    q = belief_propagation(torch.zeros(6, 2), pairwise, edge_index, rounds=7)
    assert torch.allclose(q, torch.full((6, 2), 0.5))


def test_tree_reweighting_is_less_sure_than_bethe_on_a_cycle():
    # On a single cycle of n edges each edge is in a share (n - 1) / n of the spanning trees. The
    # reweighted beliefs are less sure than those of Bethe, which count evidence twice.
    unary, pairwise, edge_index = field(CYCLE, 4, actions=2, scale=1.0)
    pairwise = torch.tensor([[0.8, 0.0], [0.0, 0.8]], dtype=torch.float64).expand(8, 2, 2)
    bethe = belief_propagation(unary, pairwise, edge_index, 600)
    tree = belief_propagation(unary, pairwise, edge_index, 600, reweight=0.75)
    exact = marginals(unary, pairwise, edge_index)
    assert (tree - exact).abs().max() < 0.1
    assert (bethe - tree).abs().max() > 1e-3
    sure = [each.max(1).values.mean() for each in (tree, bethe)]
    assert sure[0] < sure[1]


def test_a_tree_needs_no_reweighting():
    given = field([(0, 1)], 2)
    assert torch.allclose(belief_propagation(*given, rounds=3, reweight=1.0), marginals(*given))


def test_mean_field_comes_to_its_fixed_point():
    unary, pairwise, edge_index = field(TREE, 5, scale=0.5)
    q = mean_field(unary, pairwise, edge_index, rounds=300, damping=0.3)
    for i in range(5):
        expected = unary[i].clone()
        for e in range(edge_index.shape[1]):
            if edge_index[1, e] == i:
                expected += q[edge_index[0, e]] @ pairwise[e]
        assert torch.allclose(q[i], expected.softmax(0), atol=1e-9)


def test_the_fixed_point_of_mean_field_is_a_minimum_of_the_free_energy():
    unary, pairwise, edge_index = field(CYCLE, 4, scale=0.3)
    q = mean_field(unary, pairwise, edge_index, rounds=500, damping=0.3)
    joint, weights = log_weights(unary, pairwise, edge_index)

    def free_energy(q: Tensor) -> Tensor:
        p = torch.stack([torch.stack([q[i, a[i]] for i in range(4)]).prod() for a in joint])
        return (p * (p.log() - weights)).sum()

    best, generator = free_energy(q), torch.Generator().manual_seed(0)
    for _ in range(20):
        moved = (q.log() + 0.05 * torch.randn(4, 3, generator=generator)).softmax(1)
        assert free_energy(moved) > best


def test_without_edges_everyone_decides_alone():
    unary = torch.randn(3, 2)
    none = torch.empty(2, 0, dtype=torch.long)
    for infer in (mean_field, belief_propagation):
        q = infer(unary, torch.empty(0, 2, 2), none, 3)
        assert torch.allclose(q, unary.softmax(1))


def test_cavity_sums_leave_out_the_receiver():
    edge_index = torch.tensor([[0, 1, 2, 1], [1, 0, 1, 2]])
    messages = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    reverse = reverse_edges(edge_index, 3)
    assert reverse.tolist() == [1, 0, 3, 2]
    incoming, total = cavity(messages, edge_index, reverse, 3)
    # Agent 1 receives 1 from 0 and 4 from 2; its cavity to 0 is 4, to 2 is 1; the ends have 0.
    assert incoming.flatten().tolist() == [0.0, 4.0, 0.0, 1.0]
    assert total.flatten().tolist() == [2.0, 5.0, 8.0]
    incoming, _ = cavity(messages, edge_index, reverse, 3, reweight=0.5)
    # For 1 -> 0: half of 4, and half of 1 taken off.
    assert incoming[1].item() == 0.5 * 4 - 0.5 * 1


def test_one_way_edges_have_no_reverse():
    edge_index = torch.tensor([[0, 1], [1, 2]])
    assert reverse_edges(edge_index, 3).tolist() == [-1, -1]
    with pytest.raises(ValueError, match="no reverse"):
        belief_propagation(torch.zeros(3, 2), torch.zeros(2, 2, 2), edge_index, 1)

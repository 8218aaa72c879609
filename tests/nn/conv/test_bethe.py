"""Belief propagation as a layer, and the networks that unroll inference."""

import pytest
import torch
from torch_geometric.data import Data

from graphmarl.functional import reverse_edges
from graphmarl.nn import BetheConv, InferencePolicy, NeighborCritic
from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix, adjacency_matrix
from graphmarl.nn.conv.bethe import incoming_pairs

LINE = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
FORMS = [
    {"approximation": approximation, "aggregator": aggregator, "first": first}
    for approximation in ("mean_field", "bethe")
    for aggregator in ("attention", "sum")
    for first in ("embedding", "probabilities")
]


def graph_of(x: torch.Tensor, edge_index: torch.Tensor) -> Data:
    count = len(x)
    return Data(
        x=x,
        edge_index=edge_index,
        alive=torch.ones(count, dtype=torch.bool),
        kind=torch.arange(count) % 2,
        ptr=torch.tensor([0, count]),
        batch=torch.zeros(count, dtype=torch.long),
        num_nodes=count,
    )


def test_pairs_of_edges_never_go_straight_back():
    edge, received = incoming_pairs(LINE, reverse_edges(LINE, 4))
    pairs = zip(edge, received, strict=True)
    found = {(tuple(LINE[:, e].tolist()), tuple(LINE[:, f].tolist())) for e, f in pairs}
    assert found == {
        ((1, 0), (2, 1)),
        ((1, 2), (0, 1)),
        ((2, 1), (3, 2)),
        ((2, 3), (1, 2)),
    }


@pytest.mark.parametrize("aggregator", ["sum", "attention"])
def test_messages_do_not_return_straight_to_their_sender(aggregator):
    # Two agents: nu_10 of the next round leaves out nu_01, so that nothing is new in it.
    torch.manual_seed(0)
    pair = torch.tensor([[0, 1], [1, 0]])
    layer = BetheConv(3, 4, rounds=4, aggregator=aggregator)
    x = torch.randn(2, 3, requires_grad=True)
    sent: list[torch.Tensor] = []
    layer.register_message_forward_hook(lambda _, __, message: sent.append(message))
    layer(x, pair)
    assert len(sent) == 4
    for before in sent[1:]:
        found = torch.autograd.grad(before.sum(), sent[0], None, True, allow_unused=True)
        gradient = found[0]
        assert gradient is None or not gradient.any()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_a_policy_depends_on_nothing_beyond_its_rounds(form, rounds):
    torch.manual_seed(0)
    network = InferencePolicy(5, 3, rounds=rounds, hidden=16, size=8, **form)
    path = torch.stack([torch.arange(5), torch.arange(1, 6)])
    edge_index = torch.cat([path, path.flip(0)], 1)

    def first(x: torch.Tensor) -> torch.Tensor:
        return network(graph_of(x, edge_index), torch.zeros(6, 0))[0].distribution.logits[0]

    jacobian = torch.autograd.functional.jacobian(first, torch.randn(6, 5))
    received = jacobian.abs().sum((0, 2)) > 0  # type: ignore[union-attr]
    assert received.tolist() == [hops <= rounds for hops in range(6)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
def test_matrices_and_lists_of_edges_give_the_same(form):
    torch.manual_seed(0)
    network = InferencePolicy(5, 3, kinds=2, hidden=16, size=8, **form)
    graph = graph_of(torch.randn(8, 5), torch.cat([LINE, LINE + 4], 1))
    graph.ptr, graph.batch = torch.tensor([0, 4, 8]), torch.arange(8) // 4
    assert isinstance(adjacency_matrix(graph), DenseMatrix)
    uneven = graph.clone()
    del uneven.ptr
    assert isinstance(adjacency_matrix(uneven), CSRMatrix)
    (dense, _), (sparse, _) = (network(g, torch.zeros(8, 0)) for g in (graph, uneven))
    assert torch.allclose(dense.distribution.logits, sparse.distribution.logits, atol=1e-5)
    if dense.attention is not None:
        assert torch.allclose(dense.attention, sparse.attention, atol=1e-5)


def test_continuous_actions_have_a_mean_and_a_spread():
    network = InferencePolicy(5, 2, "continuous", first="probabilities", aggregator="sum")
    output, _ = network(graph_of(torch.randn(4, 5), LINE), torch.zeros(4, 0))
    action = output.distribution.sample()
    assert action.shape == (4, 2)
    assert (action.abs() <= 1).all()
    assert (output.distribution.normal.scale >= 0.0067).all()


def test_kinds_have_input_layers_of_their_own():
    torch.manual_seed(0)
    network = InferencePolicy(5, 3, kinds=2)
    graph = graph_of(torch.randn(1, 5).expand(4, 5), torch.empty(2, 0, dtype=torch.long))
    logits = network(graph, torch.zeros(4, 0))[0].distribution.logits
    assert torch.allclose(logits[0], logits[2])
    assert not torch.allclose(logits[0], logits[1])


def test_a_critic_knows_its_neighbours_actions_and_not_its_own():
    torch.manual_seed(0)
    critic = NeighborCritic(5, 3, rounds=2)
    torch.nn.init.normal_(critic.head[-1].weight)  # type: ignore[arg-type]
    graph = graph_of(torch.randn(4, 5), LINE)
    features = critic.features(graph)

    def value(action: torch.Tensor) -> torch.Tensor:
        return critic(features, action, graph)[1]

    action = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 0]), 3).float()
    jacobian = torch.autograd.functional.jacobian(value, action)
    received = jacobian.abs().sum((0, 2)) > 0  # type: ignore[union-attr]
    assert received.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": 0}, "rounds is 0"),
        ({"damping": 0.5}, "options of the approximation 'bethe'"),
        ({"approximation": "bethe", "damping": 1.0}, "damping is 1.0"),
        ({"approximation": "bethe", "reweight": 0.0}, "reweight is 0.0"),
        ({"size": 33, "heads": 2, "approximation": "bethe"}, "multiple of 2 heads"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        InferencePolicy(5, 3, **options)

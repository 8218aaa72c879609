"""The layer of NVIF against PyTorch Geometric's and against arithmetic."""

import torch
from torch_geometric.nn import GCNConv

from graphmarl.nn import FlowConv, FlowNet, symmetric_norm


def test_equals_the_graph_convolution_of_pytorch_geometric():
    torch.manual_seed(0)
    x = torch.randn(6, 5)
    pairs = torch.tensor([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])
    ours, theirs = FlowConv(5, 3), GCNConv(5, 3, bias=False)
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.linear.weight)
    assert torch.allclose(ours(x, pairs), theirs(x, pairs), atol=1e-6)


def test_two_neighbours_by_hand():
    # degrees with oneself: 2, 2, 1
    edges = torch.tensor([[0, 1], [1, 0]])
    edge_norm, self_norm = symmetric_norm(edges, 3)
    assert torch.allclose(edge_norm.flatten(), torch.tensor([0.5, 0.5]))
    assert torch.allclose(self_norm.flatten(), torch.tensor([0.5, 0.5, 1.0]))


def test_after_l_layers_information_travels_l_hops():
    torch.manual_seed(0)
    line = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    for layers in (1, 2, 3):
        net = FlowNet(4, 8, layers)
        norm = symmetric_norm(line, 5)

        def first_agent(x, net=net, norm=norm):
            return net(x, line, norm)[0]

        jacobian = torch.autograd.functional.jacobian(first_agent, torch.randn(5, 4))
        received = jacobian.abs().sum((0, 2)) > 0  # type: ignore[union-attr]
        assert received.tolist() == [hops <= layers for hops in range(5)]

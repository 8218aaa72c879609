"""Trees are folded from the leaves to the root, and padding changes nothing."""

import torch
from torch.nn import functional as F

from graphmarl.nn import TreeEncoder

OWN, FEATURES, SIZE = 2, 3, 4


def encoder(depth=2):
    torch.manual_seed(0)
    return TreeEncoder(OWN, FEATURES, depth, SIZE)


def fold(net, tree, node):
    """A node and all below it, by recursion."""
    if node >= len(tree) or not tree[node].any():
        return torch.zeros(SIZE)
    below = [fold(net, tree, 2 * node + 2), fold(net, tree, 2 * node + 3)]
    return F.relu(net.node(torch.cat([tree[node], *below])))


def test_children_are_folded_into_their_parents():
    for depth in (1, 2, 3):
        net = encoder(depth)
        own, tree = torch.randn(5, OWN), torch.randn(5, 2 ** (depth + 1) - 2, FEATURES)
        tree[1, 1] = 0
        tree[2, 0] = 0
        for row, out in enumerate(net(own, tree)):
            both = [fold(net, tree[row], 0), fold(net, tree[row], 1)]
            assert torch.allclose(out, F.relu(net.root(torch.cat([own[row], *both]))), atol=1e-6)


def test_what_is_below_padding_changes_nothing():
    net = encoder()
    torch.nn.init.normal_(net.node.bias)
    own, tree = torch.randn(1, OWN), torch.randn(1, 6, FEATURES)
    tree[:, 1] = 0
    before = net(own, tree)
    tree[:, 4:] = 9.0  # the children of node 1
    assert torch.equal(net(own, tree), before)
    tree[:, 2] += 1.0  # a child of node 0
    assert not torch.equal(net(own, tree), before)


def test_every_node_changes_the_output():
    net = encoder(3)
    with torch.no_grad():
        net.node.weight.abs_()
        net.root.weight.abs_()
    tree = torch.rand(1, 14, FEATURES).requires_grad_()
    net(torch.zeros(1, OWN), tree).sum().backward()
    assert tree.grad is not None
    assert (tree.grad.abs().sum(2) > 0).all()

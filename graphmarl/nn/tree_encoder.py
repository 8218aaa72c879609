"""Recursive encoder of binary trees of features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from graphmarl.nn.network import orthogonal_linear


class TreeEncoder(nn.Module):
    r"""Recursive network that encodes a binary tree from its leaves to its root.

    .. math::
        h_k = [x_k \ne 0] \, \mathrm{relu}(W [x_k, h_{2k+2}, h_{2k+3}]), \quad
        h = \mathrm{relu}(W_r [o, h_0, h_1])

    W is shared by all nodes; the children of leaves are zeros. A node of zeros is padding: it and
    its descendants are ignored.

    Args:
        own_size: size of the features o of the root.
        features: size of the features of a node.
        depth: levels of nodes below the root; level l has 2^l nodes, in order, and the children of
            node k are 2k + 2 and 2k + 3.
        size: width of h_k and h.

    Shapes:
        own (row, own_size), tree (row, nodes, features); out (row, size).
    """

    def __init__(self, own_size: int, features: int, depth: int, size: int) -> None:
        super().__init__()
        self.depth, self.size = depth, size
        self.node = orthogonal_linear(features + 2 * size, size)
        self.root = orthogonal_linear(own_size + 2 * size, size)

    def forward(
        self, own: Float[Tensor, "row own"], tree: Float[Tensor, "row node feature"]
    ) -> Float[Tensor, "row size"]:
        """Encode level by level, from the leaves to the root."""
        levels = tree.split([2**level for level in range(1, self.depth + 1)], 1)
        rows = len(tree)
        encoded = tree.new_zeros(rows, 2 ** (self.depth + 1), self.size)
        for level in reversed(levels):
            children = encoded.view(rows, level.shape[1], 2 * self.size)
            real = (level != 0).any(2, keepdim=True)
            encoded = F.relu(self.node(torch.cat([level, children], 2))) * real
        return F.relu(self.root(torch.cat([own, encoded.flatten(1)], 1)))

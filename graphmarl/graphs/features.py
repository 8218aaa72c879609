"""Edge features that follow from positions; they come after a builder in a `Compose`."""

from __future__ import annotations

import copy
from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform


class EdgeFeature(BaseTransform):
    """Appends to `edge_attr` what the receiver sees of the sender.

    Args:
        scale: length that counts as 1, in the units of `pos`.

    Raises:
        ValueError: `scale` is not positive, or the data has no `pos` or no `edge_index`.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not scale > 0:
            raise ValueError(f"scale is {scale}; a length must be positive")
        self.scale = scale

    @abstractmethod
    def feature(self, offset: Float[Tensor, "edge 2"]) -> Float[Tensor, "edge feature"]:
        """The feature of edges whose sender lies `offset` from the receiver."""

    def forward(self, data: Data) -> Data:
        """A shallow copy of the data with more edge features."""
        pos, edge_index, before = data.get("pos"), data.edge_index, data.edge_attr
        if pos is None or edge_index is None:
            lacks = "pos" if pos is None else "edge_index"
            raise ValueError(
                f"{type(self).__name__} needs positions and edges; this data has no `{lacks}`"
            )
        sender, receiver = edge_index
        feature = self.feature((pos[sender] - pos[receiver]) / self.scale)
        if before is not None:
            feature = torch.cat([before.view(len(feature), -1), feature], dim=1)
        data = copy.copy(data)
        data.edge_attr = feature
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(scale={self.scale:g})"


class RelativePosition(EdgeFeature):
    """Where the sender is, seen from the receiver: `(pos[sender] - pos[receiver]) / scale`."""

    def feature(self, offset: Float[Tensor, "edge 2"]) -> Float[Tensor, "edge feature"]:
        """The offset itself."""
        return offset


class Distance(EdgeFeature):
    """How far the sender is: `|pos[sender] - pos[receiver]| / scale`."""

    def feature(self, offset: Float[Tensor, "edge 2"]) -> Float[Tensor, "edge feature"]:
        """The length of the offset."""
        return torch.linalg.vector_norm(offset, dim=1, keepdim=True)

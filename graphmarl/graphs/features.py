"""Edge features from positions; transforms to apply after a graph builder."""

from __future__ import annotations

import copy
from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform


class EdgeFeature(BaseTransform):
    """Base class of transforms that append a feature of relative positions to `edge_attr`.

    Args:
        scale: unit of length, in the units of `pos`.

    Raises:
        ValueError: `scale` is not positive, or the data has no `pos` or no `edge_index`.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not scale > 0:
            raise ValueError(f"scale is {scale}; a length must be positive")
        self.scale = scale

    @abstractmethod
    def feature(self, offset: Float[Tensor, "edge 2"]) -> Float[Tensor, "edge feature"]:
        """Feature of each edge from the `offset` of its sender relative to its receiver."""

    def forward(self, data: Data) -> Data:
        """A shallow copy of the data with the feature appended to `edge_attr`."""
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
    """Relative position of the sender: `(pos[sender] - pos[receiver]) / scale`.

    Args:
        scale: unit of length, in the units of `pos`.
    """

    def feature(self, offset: Float[Tensor, "edge 2"]) -> Float[Tensor, "edge feature"]:
        """The relative position."""
        return offset


class Distance(EdgeFeature):
    """Distance of sender and receiver: `|pos[sender] - pos[receiver]| / scale`.

    Args:
        scale: unit of length, in the units of `pos`.
    """

    def feature(self, offset: Float[Tensor, "edge 2"]) -> Float[Tensor, "edge feature"]:
        """The Euclidean norm of the relative position."""
        return torch.linalg.vector_norm(offset, dim=1, keepdim=True)

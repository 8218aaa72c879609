"""The action-value network of the value methods."""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.nn.network import Output, mlp
from graphmarl.nn.trunk import Trunk


class QNetwork(Trunk):
    """Q_i(o_i, s_i, a) of every action, with parameters shared by all agents.

    Args:
        obs_size: numbers in an agent's observation o_i.
        num_actions: number of actions.
        hidden: width of every layer.
        layers: linear layers above the features; 1 is the agent of PyMARL.
        trunk: communication, memory and inputs; arguments of `Trunk`.

    Shapes:
        graph.x (row, obs_size), memory (row, memory_size); q (row, num_actions).
    """

    def __init__(
        self,
        obs_size: int,
        num_actions: int,
        *,
        hidden: int = 64,
        layers: int = 2,
        **trunk: Any,
    ) -> None:
        super().__init__(obs_size, hidden=hidden, **trunk)
        self.head = mlp(*[hidden] * layers, num_actions, last_gain=1.0)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Action values and what to remember."""
        output, memory = self.features(graph, memory)
        output.q = self.head(output.features)
        return output, memory

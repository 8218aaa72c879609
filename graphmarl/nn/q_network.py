"""Action-value network of the Q-learning methods."""

from typing import Any

from torch_geometric.data import Data

from graphmarl.nn.network import Output, mlp
from graphmarl.nn.picture_encoder import ObsSize
from graphmarl.nn.trunk import Trunk


class QNetwork(Trunk):
    """Q-network Q_i(o_i, s_i, a) with parameters shared by all agents.

    Args:
        obs_size: size of an agent's observation o_i, or the shape of pictures.
        num_actions: number of actions.
        hidden: width of every layer.
        layers: linear layers of the head; 1 as in PyMARL.
        trunk: communication, memory and inputs; arguments of `Trunk`.

    Shapes:
        graph.x (row, obs_size), memory (row, memory_size); q (row, num_actions).
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        *,
        hidden: int = 64,
        layers: int = 2,
        **trunk: Any,
    ) -> None:
        super().__init__(obs_size, hidden=hidden, **trunk)
        self.head = mlp(*[hidden] * layers, num_actions, last_gain=1.0)

    def heads(self, graph: Data, output: Output) -> None:
        """Compute the Q-values."""
        output.q = self.head(output.features)

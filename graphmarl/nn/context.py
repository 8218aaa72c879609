"""What an agent knows besides its own observation: a component of `ActorCritic`."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import scatter

from graphmarl.nn.network import batch_of, count_graphs


class Context(nn.Module):
    """Features from others that are joined to an agent's own observation.

    Attributes:
        size: numbers of context per agent.
        memory_size: numbers of memory per agent.
        stored: whether the context is kept with the trajectory instead of being computed again in
            training: true for frozen parts.
        rounds: how many hops information travels along the edges within a step.
    """

    size: int
    memory_size: int = 0
    stored: bool = False
    rounds: int = 0

    @abstractmethod
    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Float[Tensor, "row context"], Float[Tensor, "row memory"]]:
        """Context and the memory for the next step."""


class MeanObservation(Context):
    """MS, an ablation of NVIF: the mean observation of all living agents, whoever hears whom.

    Args:
        obs_size: numbers in one observation.
    """

    def __init__(self, obs_size: int) -> None:
        super().__init__()
        self.size = obs_size

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Float[Tensor, "row context"], Float[Tensor, "row memory"]]:
        """Context and the unchanged memory."""
        assert graph.x is not None, "the agent graph carries observations"
        batch, alive = batch_of(graph), graph.alive[:, None]
        x, count = graph.x.flatten(1) * alive, count_graphs(graph)
        total = scatter(x, batch, dim_size=count)
        living = scatter(alive.to(x.dtype), batch, dim_size=count)
        return (total / living.clamp(min=1))[batch], memory


def no_memory(graph: Data) -> Float[Tensor, "row 0"]:
    """The memory of networks that have none."""
    device = None if graph.x is None else graph.x.device
    return torch.zeros(graph.num_nodes or 0, 0, device=device)

"""Explainers of PyTorch Geometric for the decision of one step."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch_geometric.data import Data
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.explain.algorithm import ExplainerAlgorithm
from torch_geometric.nn import MessagePassing

from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.experiment.inspection.replicas import replicate, rows_of
from graphmarl.nn import AgentNetwork, parameters_of, without_noise


class StepModel(nn.Module):
    """The network in one recorded step, as a function of observations and edges.

    Returns the logits of the policies, the parameters of continuous policies, or the Q-values.

    Args:
        network: the network that acted.
        graph: the agent graph of one environment.
        memory: memory of its agents.
    """

    def __init__(self, network: AgentNetwork, graph: Data, memory: Tensor) -> None:
        super().__init__()
        self.network, self.graph, self.memory = network, graph, memory

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Output of each agent."""
        graph = self.graph.clone()
        graph.x, graph.edge_index, graph.previous_edge_index = x, edge_index, edge_index
        with without_noise(self.network), ExitStack() as stack:
            for layer in self.network.modules():
                # Layers with a hook compute message by message, which masks of edges need.
                if isinstance(layer, MessagePassing):
                    stack.callback(layer.register_message_forward_hook(unchanged).remove)
            output, _ = self.network(graph, self.memory)
        if isinstance(output.distribution, Categorical):
            return output.distribution.logits
        if output.distribution is not None:
            return parameters_of(output.distribution)
        assert output.q is not None, "a network has a policy or Q-values"
        return output.q


def unchanged(layer: nn.Module, inputs: tuple[Any, ...], message: Tensor) -> Tensor:
    """A hook that changes nothing."""
    return message


def step_explainer(
    network: AgentNetwork,
    moment: RecordedStep,
    episode: int,
    num_agents: int,
    algorithm: ExplainerAlgorithm | None,
    settings: dict[str, Any],
) -> Explainer:
    """Explainer of the decisions in one step; see `Inspection.explainer`.

    Args:
        network: the network that acted.
        moment: the recorded step.
        episode: number of the episode.
        num_agents: slots for agents, N.
        algorithm: how to explain.
        settings: further arguments of the `Explainer`.

    Raises:
        ValueError: the network reads no edges.
    """
    if not network.rounds:
        raise ValueError("this method reads no edges, so that there is nothing to explain by them")
    assert moment.graph is not None and moment.memory is not None, "recorded with its inputs"
    copies = torch.tensor([episode])
    graph = replicate(moment.graph, copies, num_agents)
    memory = moment.memory[rows_of(copies, num_agents)].clone()
    for name, value in graph.to_dict().items():
        # Tensors of a recording take no part in gradients until they are copied.
        graph[name] = value.clone() if isinstance(value, Tensor) else value
    discrete = moment.output is not None and isinstance(moment.output.distribution, Categorical)
    mode = "multiclass_classification" if discrete else "regression"
    config = {"mode": mode, "task_level": "node", "return_type": "raw"}
    options: dict[str, Any] = {"explanation_type": "model", "node_mask_type": "attributes"}
    options |= {"edge_mask_type": "object", "model_config": config}
    model = StepModel(network, graph, memory)
    return Explainer(model, algorithm or GNNExplainer(epochs=200), **(options | settings))

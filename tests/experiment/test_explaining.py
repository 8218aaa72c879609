"""Explainers of PyTorch Geometric take every method that reads edges."""

from typing import Any

import pytest
import torch
from inspected import inspected, untrained
from torch_geometric.explain import GNNExplainer
from toy import Toy

from graphmarl.methods import METHODS

SILENT = {"ippo", "mappo", "iql", "vdn", "qmix", "qtran", "coma", "maddpg", "maddpgs", "pic"}
# The mean action of neighbours and the tree of a train are no messages of a layer.
METHODS_WITH_LAYERS = sorted(set(METHODS) - SILENT - {"mfq"})


@pytest.mark.filterwarnings("ignore:.*'nvFuser'.*")
@pytest.mark.parametrize("name", METHODS_WITH_LAYERS)
def test_an_explainer_gives_each_edge_a_weight(name):
    found = inspected(name, graph="knn:k=1", env=Toy(num_envs=2, num_agents=5))
    data: Any = found.to_pyg(1, 1)
    explainer = found.explainer(1, 1, GNNExplainer(epochs=3))
    explanation = explainer(data.x, data.edge_index, index=2)
    assert explanation.edge_mask.shape == (data.num_edges,)
    assert explanation.edge_mask.isfinite().all() and explanation.node_mask.isfinite().all()
    assert explanation.edge_mask.max() > 0


def test_an_explainer_finds_the_edges_that_reach_the_agent():
    env = Toy(num_envs=1, num_agents=5)
    found = inspected("commnet", graph="knn:k=1", env=env, rounds=1)
    data: Any = found.to_pyg(0)
    for agent in (0, 3):
        explainer = found.explainer(0, algorithm=GNNExplainer(epochs=30))
        explanation = explainer(data.x, data.edge_index, index=agent)
        into = data.edge_index[1] == agent
        assert set(explanation.edge_mask[~into].tolist()) <= {0.0}
        assert (explanation.edge_mask[into] > 0).all()


def test_the_model_that_is_explained_is_the_policy_that_acted():
    env = Toy(num_envs=2)
    learner = untrained("dgn", env)
    found = inspected("dgn", env=env, learner=learner)
    data: Any = found.to_pyg(2, 1)
    explainer = found.explainer(2, 1)
    q = explainer.get_prediction(data.x, data.edge_index)
    output = found.recorded[2].output
    assert output is not None and output.q is not None
    assert torch.allclose(q, output.q[3:], atol=1e-6)


@pytest.mark.parametrize("name", ["iql", "mappo"])
def test_a_method_without_edges_is_refused(name):
    with pytest.raises(ValueError, match="reads no edges"):
        inspected(name).explainer()

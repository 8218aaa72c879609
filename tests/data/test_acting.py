"""Memory, last actions and episode boundaries, the same in collection and evaluation."""

import pytest
import torch
from torch_geometric.data import Data
from toy import Toy

from graphmarl.data import Collector, PolicyRunner, RandomPolicy
from graphmarl.experiment.policies import LearnerPolicy
from graphmarl.graphs import make_graph
from graphmarl.methods import METHODS
from graphmarl.resolver import construct

OPTIONS = {"rollout_length": 9}


class Counter:
    """A policy that counts its steps in memory, and acts by the count."""

    device = torch.device("cpu")
    memory_size = 1

    def act(self, graph: Data, memory: torch.Tensor):
        return memory[:, 0].long() % 2, {}, memory + 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tarmac", {"recurrent": True}),
        ("qmix", {"recurrent": True, "last_action": True, "agent_id": True}),
        ("mamba", {"hidden": 16, "recurrent": 8, "categoricals": 3, "classes": 4, "layers": 1}),
        ("mfq", {}),
    ],
)
def test_collection_and_evaluation_act_alike(name, options):
    torch.manual_seed(0)
    learner = construct("method", name, METHODS[name], OPTIONS | options, Toy(4).spec).eval()
    builder = "knn:k=2"
    torch.manual_seed(7)
    trajectory = next(iter(Collector(Toy(4), make_graph(builder), learner, 99, 9, seed=3)))
    env = Toy(4)
    policy = LearnerPolicy(env, learner, builder, greedy=False)
    torch.manual_seed(7)
    with torch.inference_mode():
        step, running = env.reset(3), torch.ones(4, dtype=torch.bool)
        for t in range(9):
            action = policy(step)
            live = running[:, None] & step.alive
            assert torch.equal(trajectory.action[t][live], action[live]), t
            step = env.step(action)
            running = running & ~step.done
    assert not running.all(), "some first episodes have ended"


def test_memory_and_last_action_are_zero_where_an_episode_begins():
    env = Toy(4, horizon=4)
    runner = PolicyRunner(env.spec, 4, Counter(), make_graph("complete"))
    step = env.reset(0)
    for _ in range(12):
        graph = runner.observe(step)
        rows = step.time.repeat_interleave(3)
        assert torch.equal(runner.memory[:, 0].long(), rows)
        previous = torch.where(rows > 0, (rows - 1) % 2, 0)
        assert torch.equal(graph.last_action, previous)
        action, _ = runner.act()
        assert torch.equal(action.flatten(), rows % 2)
        step = env.step(action)


def test_the_graph_holds_the_edges_of_the_previous_step():
    env = Toy(4, num_agents=5, horizon=4)
    runner = PolicyRunner(env.spec, 4, Counter(), make_graph("knn:k=1"))
    step, before = env.reset(0), torch.empty(2, 0).long()
    for _ in range(12):
        graph = runner.observe(step)
        begins = (step.time == 0).repeat_interleave(5)
        pairs = {
            (i, j)
            for edges, new in ((before, False), (graph.edge_index, True))
            for i, j in edges.t().tolist()  # type: ignore[union-attr]
            if bool(begins[j]) == new
        }
        assert set(map(tuple, graph.previous_edge_index.t().tolist())) == pairs
        assert graph.previous_edge_index.shape[1] == len(pairs)
        before = graph.edge_index
        action, _ = runner.act()
        step = env.step(action)


def test_random_actions_are_legal_and_of_the_right_kind():
    env = Toy(64)
    step = env.reset(0)
    generator = torch.Generator().manual_seed(0)
    runner = PolicyRunner(env.spec, 64, RandomPolicy(env.spec, generator), make_graph("none"))
    runner.observe(step)
    action, stored = runner.act()
    assert step.available is not None and not stored
    assert step.available.gather(2, action[..., None]).all()
    assert set(action.flatten().tolist()) == {0, 1}, "the third action is illegal at first"

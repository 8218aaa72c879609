"""The losses of parts of a batch add up to those of the whole."""

from typing import Any

import pytest
import torch
from toy import Toy

from graphmarl.data import Collector
from graphmarl.graphs import make_graph
from graphmarl.methods import METHODS
from graphmarl.resolver import construct

OPTIONS: dict[str, dict[str, Any]] = {
    "pic": {},
    "maddpg": {},
    "vpp": {"target_entropy": 0.5},
    "ip": {},
    "dgn": {},
    "mfq": {},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("graph", ["complete", "knn:k=1"])
def test_parts_of_a_batch_add_up_to_it(name, graph, monkeypatch):
    monkeypatch.setattr("torch.nn.functional.gumbel_softmax", lambda x, *_, **__: x.softmax(-1))
    found = []
    for part in (10**9, 500):
        monkeypatch.setattr("graphmarl.learners.off_policy.PART", part)
        torch.manual_seed(0)
        env, options = Toy(num_envs=4), {"batch_size": 12, "optimizer_eps": 1e-3, **OPTIONS[name]}
        learner: Any = construct("method", name, METHODS[name], options, env.spec)
        learner.replay.add(next(iter(Collector(env, make_graph(graph), learner, 10**6, 8, 0))))
        assert (len(learner.parts(learner.replay.transitions(12))) > 1) == (part == 500)
        optimizer = learner.configure_optimizers()
        learner.optimizers = lambda optimizer=optimizer: optimizer
        learner.manual_backward = lambda loss: loss.backward()
        torch.manual_seed(1)
        metrics = torch.stack([learner._learn() for _ in range(3)])
        more = [getattr(learner, "entropy", torch.zeros(()))[None]]
        numbers = torch.cat([p.detach().flatten() for p in learner.parameters()])
        found.append(torch.cat([metrics.flatten(), *more, numbers]))
    assert torch.allclose(*found, atol=1e-5)

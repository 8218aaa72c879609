"""Time of an update of VPP, and of one policy evaluation by the number of agents.

Examples:
  python scripts/benchmark_vpp.py --threads 2
  python scripts/benchmark_vpp.py --agents 1000 10000 100000
"""

import argparse
import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges
from graphmarl.data import Trajectory
from graphmarl.graphs import make_graph
from graphmarl.learners import SAC
from graphmarl.methods import METHODS
from graphmarl.nn import NeighborCritic
from graphmarl.resolver import construct, split_name
from graphmarl.step import Spec

OBS = 26


def spec_of(agents: int) -> Spec:
    """Spec of the papers' navigation task."""
    return Spec(num_agents=agents, obs_shape=(OBS,), num_actions=5, horizon=25)


def batch_of_transitions(graphs: int, agents: int, neighbors: int) -> Trajectory:
    """Random transitions of agents in a square."""
    position = torch.rand(2, graphs, agents, 2)
    nodes = 2 * graphs * agents
    agents_data = Data(
        pos=position.view(-1, 2),
        alive=torch.ones(nodes, dtype=torch.bool),
        batch=torch.arange(2 * graphs).repeat_interleave(agents),
        ptr=torch.arange(0, nodes + 1, agents),
        num_nodes=nodes,
    )
    edges = Edges.of(make_graph("knn", k=neighbors)(agents_data), agents)
    shape = (2, graphs, agents)
    alive = torch.ones(shape, dtype=torch.bool)
    never = torch.zeros(shape[:2], dtype=torch.bool)
    return Trajectory(
        spec=spec_of(agents),
        edges=edges,
        obs=torch.randn(*shape, OBS),
        alive=alive,
        time=torch.ones(shape[:2], dtype=torch.long),
        action=torch.randint(5, shape),
        reward=torch.randn(shape),
        survived=alive,
        terminated=never,
        truncated=never,
        valid=~never,
        memory=torch.zeros(graphs * agents, 0),
        position=position,
        last_action=torch.zeros(shape, dtype=torch.long),
    )


def milliseconds(work: Callable[[], object], times: int, device: str = "cpu") -> float:
    """Median over some repetitions, after two warm-up calls."""
    taken = []
    for _ in range(times + 2):
        start = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return 1e3 * sorted(taken[2:])[times // 2]


def update_cost(method: str, graphs: int, agents: int, neighbors: int, device: str) -> None:
    """Time of one update: losses, backward, clipping, Adam and target networks."""
    name, options = split_name(method, "method")
    learner = construct("method", name, METHODS[name], options, spec_of(agents))
    assert isinstance(learner, SAC), "the method must be a soft actor-critic"
    learner.to(device)
    batch = batch_of_transitions(graphs, agents, neighbors).to(torch.device(device))
    optimizer = learner.configure_optimizers()
    parts: dict[str, float] = {}

    def part(name: str, work: Callable[[], object]) -> None:
        parts[name] = milliseconds(work, 20, device)

    def total() -> Tensor:
        return torch.stack(list(learner.losses(batch).values())).sum()

    def whole() -> None:
        optimizer.zero_grad()
        total().backward()
        for each in learner.clip_groups():
            torch.nn.utils.clip_grad_norm_(each, 10.0)
        optimizer.step()
        learner.update_targets(learner.tau)

    critic = learner.critics[0]
    assert isinstance(critic, NeighborCritic), "built by the method"
    now, memory = batch.graph(0), torch.zeros(graphs * agents, 0, device=device)
    part("graphs of the batch", lambda: (batch.graph(0), batch.graph(1)))
    part("policy, forward", lambda: learner.network(now, memory)[0])
    part("states of a critic, forward", lambda: critic.features(now))
    part("value, forward", lambda: learner.value(now))
    part("all losses, forward", total)
    part("one update", whole)
    for name, cost in parts.items():
        print(f"{method}, {graphs} graphs of {agents}, knn {neighbors}: {name} {cost:.1f} ms")


def evaluation_cost(method: str, agents: int, neighbors: int) -> None:
    """Time to build one graph at constant density and to evaluate its policies."""
    name, options = split_name(method, "method")
    learner = construct("method", name, METHODS[name], options, spec_of(agents)).eval()
    builder = make_graph("knn", k=neighbors)
    nodes = Data(
        x=torch.randn(agents, OBS),
        pos=torch.rand(agents, 2) * agents**0.5,
        alive=torch.ones(agents, dtype=torch.bool),
        kind=torch.zeros(agents, dtype=torch.long),
        batch=torch.zeros(agents, dtype=torch.long),
        ptr=torch.tensor([0, agents]),
        num_nodes=agents,
    )
    memory = torch.zeros(agents, 0)
    with torch.inference_mode():
        build = milliseconds(lambda: builder(nodes.clone()), 5)
        graph = builder(nodes.clone())
        cost = milliseconds(lambda: learner.act(graph, memory), 5)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{method}, {agents:,} agents, knn {neighbors}: graph {build:.1f} ms, policy {cost:.1f} ms,"
        f" {1e3 * cost / agents:.3f} us an agent, peak memory of the process {peak:,.0f} MiB",
        flush=True,
    )


def main() -> None:
    """Print the times selected on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--methods", nargs="+", default=["vpp"], help="methods, such as vpp or vpp:rounds=3"
    )
    parser.add_argument("--batch", type=int, default=256, help="graphs per update")
    parser.add_argument("--size", type=int, default=15, help="agents per graph")
    parser.add_argument("--neighbors", type=int, default=4)
    parser.add_argument(
        "--agents", type=int, nargs="*", default=[], help="numbers of agents to evaluate"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    for method in given.methods:
        for agents in given.agents:
            evaluation_cost(method, agents, 2 * given.neighbors)
        if not given.agents:
            update_cost(method, given.batch, given.size, given.neighbors, given.device)


if __name__ == "__main__":
    main()

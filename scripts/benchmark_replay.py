"""Memory of the replay buffer, and time to sample batches from it as agent graphs.

Examples:
  python scripts/benchmark_replay.py --agents 100 --neighbors 8 --obs 26 --batch 1024
"""

import argparse
import time

import torch

from graphmarl.agent_graph import Edges
from graphmarl.data import Replay, Trajectory
from graphmarl.step import Spec


def trajectory(spec: Spec, steps: int, copies: int, neighbors: int) -> Trajectory:
    """Random trajectory with a fixed number of neighbours per agent."""
    agents, graphs = spec.num_agents, steps * copies
    receiver = torch.arange(agents).repeat_interleave(neighbors).repeat(graphs)
    sender = (receiver + torch.randint(1, agents, receiver.shape)) % agents
    ptr = torch.arange(graphs + 1) * agents * neighbors
    time = torch.arange(steps)[:, None].expand(-1, copies)
    alive = torch.ones(steps, copies, agents, dtype=torch.bool)
    return Trajectory(
        spec=spec,
        edges=Edges(torch.stack([sender, receiver]).int(), ptr, agents),
        obs=torch.rand(steps, copies, agents, *spec.obs_shape),
        alive=alive,
        time=time,
        action=torch.randint(spec.num_actions, alive.shape),
        reward=torch.rand(alive.shape),
        survived=alive,
        terminated=torch.zeros(steps, copies, dtype=torch.bool),
        truncated=torch.zeros(steps, copies, dtype=torch.bool),
        valid=torch.ones(steps, copies, dtype=torch.bool),
        memory=torch.zeros(copies * agents, 0),
        last_action=torch.randint(spec.num_actions, alive.shape),
    )


def milliseconds(work, repeat: int) -> tuple[float, float]:  # noqa: ANN001
    """Median and maximum time of a function."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    times = sorted(times[2:])
    return times[len(times) // 2], times[-1]


def main() -> None:
    """Fill a replay buffer, measure its memory and sample from it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--neighbors", type=int, default=8)
    parser.add_argument("--obs", type=int, default=26, help="size of an observation")
    parser.add_argument("--copies", type=int, default=16)
    parser.add_argument("--rollout_length", type=int, default=25)
    parser.add_argument(
        "--capacity", type=int, default=20_000, help="environment steps over all copies"
    )
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    spec = Spec(given.agents, (given.obs,), num_actions=5, horizon=given.rollout_length)
    replay = Replay(given.capacity)
    while not replay.rings or replay.added < replay.slots:
        replay.add(trajectory(spec, given.rollout_length, given.copies, given.neighbors))
    # Observation, reward and action (4 bytes each) and `alive` of each agent; two ends per edge.
    payload = given.agents * (4 * given.obs + 4 + 4 + 1 + 2 * 4 * given.neighbors)
    stored = replay.num_bytes / (replay.added * given.copies)
    print(f"{stored:,.0f} bytes per step, {stored / payload:.3f} x the payload of {payload:,}")
    now, worst = milliseconds(lambda: replay.transitions(given.batch), given.repeat)
    print(f"sampling {given.batch} transitions: median {now:.1f} ms, maximum {worst:.1f}")
    for name, times in (("the graphs of one step", 0), ("both graphs as one union", None)):
        now, worst = milliseconds(
            lambda times=times: replay.transitions(given.batch).graph(times), given.repeat
        )
        print(f"sampling and building {name}: median {now:.1f} ms, maximum {worst:.1f}")


if __name__ == "__main__":
    main()

"""Print agent-steps per second of environments by the number of copies, under random actions.

python scripts/benchmark_envs.py --envs hallway hallway:lengths=6x6 --copies 1 4096
"""

import argparse
import time
from contextlib import closing

import torch

from graphmarl.envs import make_env
from graphmarl.step import Environment

ENVS = ("sensor", "hallway", "independent_search", "grid_agreement")
WARM_UP = 100


def steps_per_second(env: Environment, seconds: float) -> tuple[float, float]:
    """Calls of `step` in a second, and the share of them that are transitions, not seams."""
    spec = env.spec
    generator = torch.Generator().manual_seed(0)
    shape = (16, env.num_envs, spec.num_agents)
    if spec.action == "continuous":
        actions = 2 * torch.rand(*shape, spec.num_actions, generator=generator) - 1
    else:
        actions = torch.randint(spec.num_actions, shape, generator=generator)
    env.reset(0)
    valid = [env.step(actions[t % 16]).valid.float().mean() for t in range(WARM_UP)]
    steps, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < seconds:
        env.step(actions[steps % 16])
        steps += 1
    return steps / taken, float(torch.stack(valid).mean())


def main() -> None:
    """Print one line for each environment and number of copies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envs", nargs="+", default=list(ENVS), help="names, with options or not")
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 64, 4096])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.envs:
        for copies in given.copies:
            with closing(make_env(name, num_envs=copies)) as env:
                rate, share = steps_per_second(env, given.seconds)
                agents = rate * share * copies * env.spec.num_agents
            print(f"{name}: {copies} copies, {agents:,.0f} agent-steps/s, ", end="")
            print(f"{1e6 / rate:,.0f} us for a step of all copies", flush=True)


if __name__ == "__main__":
    main()

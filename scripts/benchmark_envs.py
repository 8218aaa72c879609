"""Agent-steps per second of environments by the number of copies, under random actions.

`--compare` needs `pip install graphmarl[mpe,vmas]`.

Examples:
  python scripts/benchmark_envs.py --envs hallway hallway:lengths=6x6 --copies 1 4096
  python scripts/benchmark_envs.py --compare   # navigation beside simple_spread of mpe2 and VMAS
"""

import argparse
import importlib
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import torch

from graphmarl.envs import make_env
from graphmarl.step import Environment

ENVS = ("sensor", "hallway", "independent_search", "grid_agreement")
WARM_UP = 100


def steps_per_second(env: Environment, seconds: float) -> tuple[float, float]:
    """Calls of `step` per second, and the share of transitions among them (not autoresets)."""
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


def calls_per_second(step: Callable[[int], object], seconds: float) -> float:
    """Calls per second of a function of the call number, after a few warm-up calls."""
    for number in range(5):
        step(number)
    calls, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < seconds:
        step(calls)
        calls += 1
    return calls / taken


def engine(module: str, extra: str) -> Any:
    """Import a package that only this comparison needs.

    Raises:
        ImportError: the package is missing; the message names the extra to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{module} is missing: pip install graphmarl[{extra}]") from error


def mpe2_rate(agents: int, seconds: float) -> float:
    """Agent-steps per second of mpe2's simple_spread, including resets."""
    game = engine("mpe2.simple_spread_v3", "mpe").parallel_env(N=agents, max_cycles=25)
    game.reset(seed=0)
    actions = torch.randint(5, (16, agents)).tolist()

    def step(number: int) -> None:
        game.step(dict(zip(game.agents, actions[number % 16], strict=True)))
        if not game.agents:
            game.reset()

    return calls_per_second(step, seconds) * agents


def vmas_rate(agents: int, copies: int, seconds: float) -> float:
    """Agent-steps per second of VMAS's simple_spread, without resets."""
    env = engine("vmas", "vmas").make_env(
        "simple_spread", num_envs=copies, continuous_actions=False, n_agents=agents
    )
    env.reset()
    actions = [[torch.randint(5, (copies, 1)) for _ in range(agents)] for _ in range(4)]
    return calls_per_second(lambda number: env.step(actions[number % 4]), seconds) * agents * copies


def compare(agents: int, seconds: float) -> None:
    """Print agent-steps per second side by side, each under random discrete actions."""
    print(f"mpe2 simple_spread, {agents} agents, 1 copy: {mpe2_rate(agents, seconds):,.0f}")
    for copies in (32, 1024):
        with closing(make_env("navigation", num_agents=agents, num_envs=copies)) as env:
            rate, share = steps_per_second(env, seconds)
            navigation = rate * share * copies * agents
        vmas = vmas_rate(agents, copies, seconds)
        print(
            f"{copies} copies: navigation {navigation:,.0f}, VMAS simple_spread {vmas:,.0f} ",
            end="",
        )
        print(f"agent-steps/s, {navigation / vmas:.1f} times as many", flush=True)


def main() -> None:
    """Print one line for each environment and number of copies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--envs", nargs="+", default=list(ENVS), help="environments, optionally with options"
    )
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 64, 4096])
    parser.add_argument("--seconds", type=float, default=2.0, help="measured time per line")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument(
        "--compare", action="store_true", help="compare with mpe2 and VMAS, 30 agents"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.compare:
        compare(30, given.seconds)
        return
    for name in given.envs:
        for copies in given.copies:
            with closing(make_env(name, num_envs=copies)) as env:
                rate, share = steps_per_second(env, given.seconds)
                agents = rate * share * copies * env.spec.num_agents
            print(f"{name}: {copies} copies, {agents:,.0f} agent-steps/s, ", end="")
            print(f"{1e6 / rate:,.0f} us for a step of all copies", flush=True)


if __name__ == "__main__":
    main()

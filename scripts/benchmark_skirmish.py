"""Agent-steps per second of skirmish under random available actions.

Examples:
  python scripts/benchmark_skirmish.py --maps 3m 25m MMM2 --copies 1 64 1024 --threads 1 [--compile]
"""

import argparse
import time

import torch
from torch import Tensor

from graphmarl.envs.skirmish import MAPS, Skirmish


def act(available: Tensor | None) -> Tensor:
    """Uniformly random available action of each agent."""
    if available is None:
        raise AssertionError("the step has no available actions")
    return (torch.rand(available.shape) * available).argmax(2)


def rate(env: Skirmish, seconds: float) -> tuple[float, float]:
    """Agent-steps per second, and the share of the time spent in `Combat.step`."""
    step, fight = env.reset(0), env.combat.step
    inside, steps = 0.0, 0

    def timed(*given: object) -> object:
        nonlocal inside
        begin = time.perf_counter()
        field = fight(*given)  # type: ignore[arg-type]
        inside += time.perf_counter() - begin
        return field

    env.combat.step = timed  # type: ignore[method-assign]
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        step = env.step(act(step.available))
        steps += 1
    spent = time.perf_counter() - begin
    env.combat.step = fight
    return steps * env.num_envs * env.agents / spent, inside / spent


@torch.inference_mode()
def main() -> None:
    """Print one line for each map and number of copies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", nargs="+", default=["3m", "25m", "MMM2"], choices=MAPS)
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 64, 1024])
    parser.add_argument("--seconds", type=float, default=5.0, help="measured time per line")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--compile", action="store_true", help="also measure the compiled environment"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.maps:
        for copies in given.copies:
            env = Skirmish(name, num_envs=copies)
            rate(env, given.seconds / 5)
            found, share = rate(env, given.seconds)
            line = f"{name}, {copies:,} copies: {found:,.0f} agent-steps/s, combat {share:.0%}"
            if given.compile:
                env = Skirmish(name, num_envs=copies, compiled=True)
                step, begin = env.reset(0), time.perf_counter()
                env.step(act(step.available))
                took = time.perf_counter() - begin
                after, _ = rate(env, given.seconds)
                line += f"; compiled {after:,.0f}, {after / found:.2f} times, after {took:.0f} s"
            print(line, flush=True)


if __name__ == "__main__":
    main()

"""Fuzz test of skirmish: random battles on all maps, with every step checked against invariants.

Examples:
  python scripts/fuzz_skirmish.py --games 3000
"""

import argparse
import time

import torch
from torch import Tensor

from graphmarl.envs.skirmish import MAPS, Skirmish
from graphmarl.step import Step

SMALL = 1e-3


def options(step: Step) -> Tensor:
    """Available actions, which skirmish always provides."""
    if step.available is None:
        raise AssertionError("the step has no available actions")
    return step.available


def legal(step: Step, eager: bool, generator: torch.Generator) -> Tensor:
    """Random available action of each agent; `eager` attacks whenever possible."""
    available = options(step)
    score = torch.rand(available.shape, generator=generator)
    score[..., 6:] += eager
    return ((score + 1) * available).argmax(2)


def require(holds: Tensor | bool, rule: str, env: Skirmish) -> None:
    """Raise an AssertionError that names the map and the rule."""
    if not bool(holds):
        raise AssertionError(f"{env.map.name}: {rule}")


def check(env: Skirmish, step: Step, before: Tensor) -> None:
    """Check the invariants of one step.

    Args:
        env: environment after the step.
        step: result of the step.
        before: whether each agent was alive before the step.
    """
    stats = env.stats
    for name in ("obs", "state", "reward"):
        require(getattr(step, name).isfinite().all(), f"{name} is not finite", env)
    for name, top in (("health", stats.hp.T), ("shield", stats.shield.T), ("energy", 200.0)):
        value = getattr(env, name)
        require(value.isfinite().all() & (value >= 0).all(), f"{name} is below 0", env)
        require((value <= top + SMALL).all(), f"{name} is above its maximum", env)
    place = env.position
    require(place.isfinite().all(), "a position is not finite", env)
    require(((place >= 0) & (place < 32)).all(), "a unit is outside the map", env)
    cell, walker = place.long(), (stats.air + stats.cliffs == 0).flatten()
    for grid, bound in ((env.map.walkable, walker), (env.map.passable, stats.air.flatten() == 0)):
        free = torch.tensor(grid)[cell[..., 0], cell[..., 1]]
        require((free | ~bound).all(), "a unit is on a blocked cell", env)
    alive = env.health[:, : env.agents] > 0
    require(torch.equal(step.alive, alive), "alive differs from health > 0", env)
    require((step.reward[~before] == 0).all(), "a dead agent is rewarded", env)
    require((step.reward >= 0).all(), "a reward is below 0", env)
    require((step.obs[~alive] == 0).all(), "the observation of a dead agent is not 0", env)
    require(options(step)[..., 0].eq(~alive).all(), "a live agent has the no-op", env)
    require(options(step).any(2).all(), "an agent has no available action", env)


def refuses(env: Skirmish, step: Step, generator: torch.Generator) -> bool:
    """Whether an unavailable action is refused; the battle is not advanced."""
    wrong = (~options(step) & ~step.done.view(-1, 1, 1)).nonzero()
    if not len(wrong):
        return True
    copy, agent, action = wrong[torch.randint(len(wrong), (), generator=generator)].tolist()
    actions, state = legal(step, False, generator), env.state_dict()
    actions[copy, agent] = action
    try:
        env.step(actions)
    except ValueError:
        env.load_state_dict(state)
        return True
    return False


def fuzz(env: Skirmish, games: int, seed: int) -> tuple[int, int]:
    """Run at least a number of battles; returns the numbers of battles and of wins."""
    generator = torch.Generator().manual_seed(seed)
    step, played, won = env.reset(seed), 0, 0
    age = torch.zeros(env.num_envs, dtype=torch.long)
    while played < games:
        # A quarter of the copies acts uniformly, the others attack.
        fights = torch.arange(env.num_envs).view(-1, 1) % 4 > 0
        action = torch.where(fights, legal(step, True, generator), legal(step, False, generator))
        before, seam = step.alive, step.done
        step = env.step(action)
        check(env, step, before | seam.unsqueeze(1))
        age = torch.where(seam, 0, age + 1)
        require((age <= env.map.limit).all(), "an episode does not end", env)
        require((age == step.time).all(), "time does not count the steps", env)
        played += int(step.done.sum())
        won += int((step.info["win"] * step.done).sum())
        if torch.rand((), generator=generator) < 0.02:
            require(refuses(env, step, generator), "an unavailable action is not refused", env)
    return played, won


@torch.inference_mode()
def main() -> None:
    """Print one line for each map."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--games", type=int, default=3000, help="number of battles over all maps")
    parser.add_argument("--maps", nargs="+", default=list(MAPS), choices=MAPS)
    parser.add_argument("--copies", type=int, default=64, help="maximum number of copies")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    each, total, start = -(-given.games // len(given.maps)), 0, time.perf_counter()
    for name in given.maps:
        begin = time.perf_counter()
        env = Skirmish(name, num_envs=min(each, given.copies))
        played, won = fuzz(env, each, given.seed)
        total += played
        spent = time.perf_counter() - begin
        print(f"{name}: {played:,} games in {spent:.0f} s, {won:,} won", flush=True)
    print(f"{total:,} games in {time.perf_counter() - start:.0f} s, no violation", flush=True)


if __name__ == "__main__":
    main()

"""Worker processes: the same bits as in this process, and no trouble left behind."""

from functools import partial
from multiprocessing import active_children

import numpy as np
import pytest
import torch

from graphmarl.envs import Gather, Vector
from graphmarl.envs.workers import episode_seed
from graphmarl.step import Spec


class Fragile:
    """An engine that cannot bear the action 3."""

    def __init__(self, patience=3):
        self.patience = patience

    def reset(self, seed, out):
        out.obs[...] = seed % 1000
        out.alive[...] = True

    def step(self, action, out):
        if (action == self.patience).any():
            raise ValueError(f"cannot bear {self.patience}")
        out.obs[...] += action[:, None]
        return False, False

    def scene(self):
        raise NotImplementedError

    def close(self):
        pass


class FragileEnv(Vector):
    def engine_maker(self):
        return partial(Fragile, 3)


def fragile(workers, num_envs=3):
    spec = Spec(2, (1,), 5, horizon=4, has_position=False)
    return FragileEnv(spec, num_envs, workers)


def play(env, steps):
    generator = torch.Generator().manual_seed(0)
    pair = (env.num_envs, env.spec.num_agents)
    yield env.reset(7)
    for _ in range(steps):
        yield env.step(torch.randint(env.spec.num_actions, pair, generator=generator))


def test_processes_give_the_same_bits_and_errors_and_end():
    here, there = Gather(num_envs=3, horizon=6), Gather(num_envs=3, horizon=6, workers=2)
    for one, other in zip(play(here, 9), play(there, 9), strict=True):
        for name in ("obs", "alive", "reward", "position", "state", "time", "truncated"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
    current = there.step(torch.zeros(3, 27, dtype=torch.long))
    again = Gather(num_envs=3, horizon=6).load_state_dict(there.state_dict())
    assert torch.equal(again.obs, current.obs)
    here.step(torch.zeros(3, 27, dtype=torch.long))
    assert torch.equal(there.scene(2).points["food"][1], here.scene(2).points["food"][1])
    processes = active_children()
    there.close()
    assert not active_children()
    assert [process.exitcode for process in processes] == [0, 0]


def test_exceptions_reach_the_caller_and_a_killed_worker_is_reported():
    env = fragile(1)
    env.reset(0)
    with pytest.raises(ValueError, match="cannot bear 3"):
        env.step(torch.full((3, 2), 3))
    assert env.reset(0).obs.shape == (3, 2, 1)
    active_children()[0].kill()
    with pytest.raises(RuntimeError, match=r"worker 0 has died \(exit code -9\)"):
        env.step(torch.zeros(3, 2, dtype=torch.long))
    env.close()
    assert not active_children()


def test_an_environment_begins_with_reset_and_again_after_close():
    env = fragile(0)
    with pytest.raises(RuntimeError, match=r"call reset\(seed\) first"):
        env.step(torch.zeros(3, 2, dtype=torch.long))
    first = env.reset(4)
    env.close()
    assert torch.equal(env.reset(4).obs, first.obs)
    with pytest.raises(ValueError, match="seed is -1"):
        env.reset(-1)
    with pytest.raises(ValueError, match="the state is of 3 copies; this has num_envs = 2"):
        fragile(0, num_envs=2).load_state_dict(env.state_dict())


def test_episode_seeds_differ_by_run_copy_and_episode_only():
    seeds = [episode_seed(s, b, e) for s in range(4) for b in range(4) for e in range(4)]
    assert len(set(seeds)) == 64
    assert episode_seed(1, 2, 3) == episode_seed(1, 2, 3) < 2**63
    sequence = np.random.SeedSequence(1, spawn_key=(2, 3)).generate_state(1, np.uint64)
    assert episode_seed(1, 2, 3) == int(sequence[0]) // 2

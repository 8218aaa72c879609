"""Small battles by SMAC's interface, and simple ways to fight them."""

import torch

from graphmarl.envs import SMAC


def make(map_name="4v2", num_envs=1, game="StarCraft2Env", relaunch=False, kinds=True, **options):
    name = f"fake_smac:{game}"
    return SMAC(map_name, num_envs, name, options, kinds=kinds, relaunch=relaunch, workers=0)


def play(env, choose, steps=None):
    """Steps until the first end, by what `choose` makes of the available actions."""
    step = env.reset(3)
    found = [step]
    while not step.done.any() and len(found) != steps:
        step = env.step(choose(step.available))
        found.append(step)
    return found


def shoot(available):
    """The first target, or stop; the dead do nothing."""
    order = torch.tensor([0.5, 1, 0, 0, 0, 0, *range(99, 99 - available.shape[-1] + 6, -1)])
    return (available * order).argmax(-1)


def stop(available):
    return torch.ones(available.shape[:2], dtype=torch.long)

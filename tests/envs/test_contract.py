"""Every environment that can be made by name keeps the contract, ours and PettingZoo's."""

import warnings
from dataclasses import replace

import pytest
from parallel_games import masked_walk, places, push, walk
from pettingzoo.test import parallel_api_test, parallel_seed_test

from graphmarl.envs import ENVS, ToPettingZoo, check_env, make_env
from graphmarl.envs.skirmish import MAPS

# Options that make an environment small; one that needs none need not be here.
SMALL = {
    "gather": [{"horizon": 8}, {"map": "random", "horizon": 8, "view_radius": 3}],
    "jungle": [{"horizon": 8}],
    "battle": [{"opponent": name, "horizon": 16} for name in ("random", "scripted", "self")],
    "hallway": [{}, {"lengths": (2, 6, 10), "normalised": False}, {"lengths": "1"}],
    "independent_search": [{"horizon": 7}, {"num_agents": 3, "size": 2, "distance": 1}],
    "grid_agreement": [
        {},
        {"rows": 2, "columns": 5, "horizon": 4},
        {"rows": 1, "columns": 1},
        {"boundary": "fixed", "couplings": "random", "horizon": 3},
        {"rows": 1, "columns": 3, "couplings": "random"},
    ],
    "navigation": [
        {"horizon": 7},
        {"num_agents": 1, "horizon": 4},
        {"num_agents": 7, "horizon": 5, "reward": "agent", "violate_locality": True},
        {"horizon": 5, "reward": "difference", "action": "continuous", "quirks": True},
    ],
    "heterogeneous_navigation": [
        {"num_agents": 4, "horizon": 5, "reward": "agent"},
        {"num_agents": 10, "horizon": 5, "reward": "difference", "quirks": True},
    ],
    "push": [
        {"num_agents": 3, "horizon": 6, "reward": "agent"},
        {"num_agents": 30, "horizon": 4, "action": "continuous", "quirks": True},
        {"num_agents": 1, "horizon": 4},
    ],
    "prey_predator": [
        {"num_agents": 15, "horizon": 5, "reward": "agent"},
        {"num_agents": 2, "num_prey": 3, "num_obstacles": 0, "horizon": 4, "quirks": True},
        {"num_agents": 1, "horizon": 3, "prey_seen": 0, "action": "continuous"},
    ],
    "traffic": [
        {"task": "grid_1x1", "horizon": 3, "decision": 4, "yellow": 2},
        {"task": "grid_2x2", "horizon": 3, "decision": 3, "yellow": 1, "fixed_flow": True},
    ],
    "smac": [
        {"make": "fake_smac:StarCraft2Env", "map_name": "3m", "workers": 0, "relaunch": True},
    ],
    "skirmish": [
        {"map": replace(MAPS["3m"], limit=6)},
        {"map": replace(MAPS["MMM"], limit=4), "obs_last_action": True},
        {"map": replace(MAPS["3b_vs_1h1m"], limit=6), "obs_timestep_number": True},
    ],
    "pettingzoo": [
        {"make": walk, "horizon": 20},
        {"make": "parallel_games:walk", "horizon": 5, "position": places},
        {"make": masked_walk, "horizon": 20, "masked": True},
        {"make": push, "horizon": 20},
    ],
}
CASES = [(name, options) for name in ENVS for options in SMALL.get(name, [{}])]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_it_keeps_our_contract(name, options):
    env = make_env(name, num_envs=3, **options)
    check_env(env, make=lambda number: make_env(name, num_envs=number, **options))
    env.close()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_it_keeps_the_contract_of_pettingzoo(name, options):
    def make():
        return ToPettingZoo(make_env(name, num_envs=1, **options))

    with warnings.catch_warnings():
        # It is said of environments whose newcomers or dead differ from all possible agents.
        warnings.filterwarnings("ignore", "No agents present but not all")
        parallel_api_test(make(), num_cycles=30)
    if make().env.spec.has_available:
        return  # that test samples actions without looking at the mask
    parallel_seed_test(make, num_cycles=5)

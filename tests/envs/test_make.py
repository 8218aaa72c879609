"""Environments by name."""

import pytest

from graphmarl.envs import ENVS, Gather, make_env


def test_names_make_environments_and_environments_pass_through():
    env = make_env("gather", size=24, num_envs=2)
    assert isinstance(env, Gather)
    assert env.num_envs == 2
    assert make_env(env) is env
    assert set(ENVS) >= {"gather", "jungle", "battle", "pettingzoo"}


def test_what_is_unknown_is_said_with_the_choices():
    with pytest.raises(ValueError, match=r"'gathr'; there are .*did you mean 'gather'\?"):
        make_env("gathr")
    with pytest.raises(ValueError, match="no option 'sise'; its options are map, size"):
        make_env("gather", sise=24)
    with pytest.raises(ValueError, match="Gather is already built; got size"):
        make_env(Gather(num_envs=1), size=48)

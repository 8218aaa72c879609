"""Signals of SUMO, where its extra is installed."""

import os
from importlib.util import find_spec

import pytest
import torch

from graphmarl.envs import check_env
from graphmarl.envs.traffic.sumo import Sumo

needs_sumo = pytest.mark.skipif(
    find_spec("sumo_rl") is None or find_spec("libsumo") is None,
    reason="needs pip install 'graphmarl[sumo]'",
)


@pytest.mark.skipif(find_spec("sumo_rl") is not None, reason="the extra is installed")
def test_the_missing_extra_is_named():
    with pytest.raises(ImportError, match=r"graphmarl\[sumo\]"):
        Sumo()


@needs_sumo
@pytest.mark.slow
def test_it_keeps_the_contract():
    env = Sumo(num_envs=2, horizon=6)
    check_env(env, make=lambda copies: Sumo(num_envs=copies, horizon=6))
    env.close()


@needs_sumo
def test_signals_stand_where_the_network_has_them():
    env = Sumo(horizon=3)
    place = env.reset(0).position
    env.close()
    assert place is not None
    assert torch.cdist(place[0], place[0]).max() > 100


@needs_sumo
def test_a_file_that_is_nowhere_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"no file 'here.net.xml'.*2x2grid"):
        Sumo("here.net.xml")
    with pytest.raises(ValueError, match="yellow_seconds is 10"):
        Sumo(yellow_seconds=10)
    assert os.environ["SUMO_HOME"]

"""A run keeps the absolute paths of the files that its options name."""

from typing import Any

import pytest

from graphmarl.envs import ENVS
from graphmarl.envs.traffic.files import CityFlowConfig, write_task
from graphmarl.envs.traffic.grid import Grid
from graphmarl.experiment.config import Config
from graphmarl.methods import METHODS
from graphmarl.ranges import FILE, FileName, marked
from graphmarl.resolver import hints_of, with_absolute_files

MAP = """
limit: 9
starts: [{allies: {marine: 1}, at: [9, 16]}, {enemies: {marine: 1}, at: [20, 16]}]
"""


def resolved(env):
    options = {"graph": None, "seed": 0, "steps": 1}
    return Config({"method": "ippo", "env": env} | options)


@pytest.mark.parametrize("env", ["traffic:task=own/config.json", "skirmish:map=own/map.yaml"])
def test_a_run_is_built_again_from_another_folder(env, tmp_path, monkeypatch):
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    write_task(home / "own", CityFlowConfig(), Grid(1, 1).roadnet(), ())
    (home / "own" / "map.yaml").write_text(MAP)
    monkeypatch.chdir(home)
    kept = resolved(f"{env},num_envs=1").config
    monkeypatch.chdir(other)
    again = Config(kept)
    assert again.config == kept
    assert again.environment().reset(0).obs.shape[0] == 1


def test_names_and_files_that_do_not_exist_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolved("traffic:task=grid_1x1").config["env"]["task"] == "grid_1x1"
    for name in ("none.json", "x" * 5000, "a\0b"):
        assert with_absolute_files(ENVS["traffic"], {"task": name}) == {"task": name}


def test_options_that_name_files_are_marked():
    named = {
        name: [option for option, hint in hints_of(cls).items() if marked(hint, FILE)]
        for name, cls in (ENVS | METHODS).items()
    }
    assert (named["traffic"], named["skirmish"]) == (["task"], ["map"])
    assert (named["nvif_ppo"], named["nvif_dqn"], named["ippo"]) == (["flow"], ["flow"], [])
    either: Any = FileName
    assert marked(either | None, FILE)
    assert not marked(str, FILE) and not marked(str | None, FILE)

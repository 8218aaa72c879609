"""The tasks that are kept as files are what their commands make."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from graphmarl.envs.traffic import Traffic

ROOT = Path(__file__).parents[3]
COMMANDS = re.findall(
    r"`python (scripts/make_traffic\.py .*?) --out (datasets/traffic/\w+)`",
    (ROOT / "datasets" / "README.md").read_text(),
)


def make(words, folder, monkeypatch):
    script = str(ROOT / words[0])
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(folder)])
    runpy.run_path(script, run_name="__main__")


def test_all_tasks_have_a_command():
    kept = {str(path.relative_to(ROOT)) for path in (ROOT / "datasets" / "traffic").iterdir()}
    assert {folder for _, folder in COMMANDS} == kept


@pytest.mark.parametrize(("words", "folder"), COMMANDS)
def test_their_commands_make_them_again_to_the_byte(words, folder, tmp_path, monkeypatch):
    make(words.split(), tmp_path, monkeypatch)
    for name in ("config.json", "roadnet.json", "flow.json"):
        assert (tmp_path / name).read_bytes() == (ROOT / folder / name).read_bytes()


@pytest.mark.parametrize(("_", "folder"), COMMANDS)
def test_they_can_be_played(_, folder):
    env = Traffic(str(ROOT / folder / "config.json"), horizon=2, num_envs=1)
    assert env.reset(0).obs.shape[1] == int(folder[-1]) ** 2


def test_options_are_where_they_belong_in_the_files(tmp_path, monkeypatch):
    words = "make_traffic.py --rows 1 --columns 2 --east-west 800 --north-south 600 --lanes 1 2 1 "
    words += (
        "--lane-width 3 --max-speed 10 --width 20 --vehicles 7 --duration 60 --headway 2 --seed 4"
    )
    make([f"scripts/{words.split()[0]}", *words.split()[1:]], tmp_path, monkeypatch)
    env = Traffic(str(tmp_path / "config.json"), num_envs=1)
    assert [place.point for place in env.roadnet.signals] == [(0.0, 0.0), (800.0, 0.0)]
    assert env.roadnet.signals[0].width == 20
    road = env.roadnet.roads[0]
    assert len(road.lanes) == 4 and road.points == ((0.0, -600.0), (0.0, 0.0))
    assert (road.lanes[0].width, road.lanes[0].max_speed) == (3, 10)
    assert len(env._flows) == 7
    assert max(flow.start_time for flow in env._flows) < 60
    assert (env._flows[0].vehicle.headway_time, env._flows[0].vehicle.max_speed) == (2, 10)


def test_a_named_task_is_written_whole(tmp_path, monkeypatch, capsys):
    make(["scripts/make_traffic.py", "--task", "grid_1x1"], tmp_path, monkeypatch)
    assert capsys.readouterr().out.strip() == str(tmp_path / "config.json")
    assert (tmp_path / "flow.json").read_text().count("vehicle") > 1000

"""Fuzz test of files: malformed traffic files and skirmish maps are refused with one line, or play.

Each file is a valid one with one to three mutations: a member is deleted, duplicated, swapped or
replaced, or the text is cut, nested or has other bytes. It is loaded and played for five steps.

Examples:
  python scripts/fuzz_files.py --files traffic --count 1000
  python scripts/fuzz_files.py --files maps --count 500 --seed 1
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from fuzzing import Outcome, outcome, report

from graphmarl.envs.skirmish import Skirmish
from graphmarl.envs.traffic import Traffic
from graphmarl.envs.traffic.files import CityFlowConfig, Flow, VehicleKind, write_task
from graphmarl.envs.traffic.grid import Grid
from graphmarl.step import Environment

STEPS, SECONDS, LEVELS = 5, 10, 3000
DEEP = "nested too deep"
NOTHING = ("", " ", "[]", "{}", "null", "0", "text", "[1, 2", "\x00")
HUGE = 10**30
VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "text", "road_0_1_0", "marine", [], {}, [[]], [0], {"x": 0}, DEEP),
    *(0, 1, -1, 2, 7, 33, 4_000_000_000, HUGE, -HUGE, 0.5, -0.5, 1e-300, 1e308, -1e308),
    *(float("nan"), float("inf"), float("-inf")),
)
MAP_TEXTS = (
    """
limit: 20
starts:
  - {allies: {marine: 2, medivac: 1}, at: [9, 16]}
  - {enemies: {zergling: 3}, within: [[20, 24, 10, 20], [20, 24, 22, 28]]}
goal: [9, 16]
sight: 8
overrides: {zergling: {damage: 7}}
""",
    """
name: pair
limit: 30
terrain: band
starts:
  - {allies: {stalker: 1}, at: [9, 16]}
  - {allies: {zealot: 1}, enemies: {colossus: 1}, within: [[8, 20, 14, 18]]}
goal: between
shoot: 5
all_health: false
shield_unit: 80
center: [16, 16]
""",
)


def spot(tree: Any, rng: random.Random) -> tuple[Any, Any] | None:
    """A random container of a tree and a key in it; None in an empty one."""
    found = None
    while isinstance(tree, (dict, list)) and tree:
        key = rng.choice(list(tree)) if isinstance(tree, dict) else rng.randrange(len(tree))
        found, tree = (tree, key), tree[key]
        if rng.random() < 0.08:
            break
    return found


def mutate_tree(tree: Any, rng: random.Random) -> Any:
    """Mutate one member of a tree, in place; returns the tree or its replacement."""
    place = spot(tree, rng)
    if place is None or rng.random() < 0.02:
        return rng.choice(VALUES)
    box, key = place
    kind = rng.choice(("delete", "replace", "replace", "number", "copy", "swap", "wrap"))
    value = box[key]
    if type(value) in (int, float) and rng.random() < 0.5:
        kind = "number"
    if kind == "delete":
        del box[key]
    elif kind == "number" and type(value) in (int, float):
        box[key] = rng.choice((-value, value * 1e6, value * 1e-6, value + 1, value - 1, HUGE))
    elif kind == "copy" and isinstance(box, list):
        box.insert(rng.randrange(len(box) + 1), value)
    elif kind == "swap":
        other = rng.choice(list(box)) if isinstance(box, dict) else rng.randrange(len(box))
        box[key], box[other] = box[other], value
    elif kind == "wrap":
        box[key] = rng.choice(([value], {"x": value}, [value] * 2, str(value)))
    else:
        box[key] = rng.choice(VALUES)
    return tree


def mutate_text(text: str, rng: random.Random) -> bytes:
    """Mutate the characters of a file."""
    kind, data = rng.choice(("cut", "flip", "flip", "nest", "nothing", "double")), text.encode()
    if kind == "cut":
        return data[: rng.randrange(len(data))]
    if kind == "flip":
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 4, 30))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    if kind == "nest":
        return b"[" * LEVELS + data + b"]" * LEVELS
    return data * 2 if kind == "double" else rng.choice(NOTHING).encode()


def mutated(text: str, dump: Callable[[Any], str], rng: random.Random) -> bytes:
    """A valid file with mutations."""
    if rng.random() < 0.15:
        return mutate_text(text, rng)
    tree = yaml.safe_load(text) if dump is not json.dumps else json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = mutate_tree(tree, rng)
    changed = dump(tree)
    deep = "[" * LEVELS + "]" * LEVELS
    return changed.replace(f'"{DEEP}"', deep).replace(DEEP, deep).encode(errors="replace")


def played(make: Callable[[], Environment]) -> Outcome:
    """Build an environment and play it; what came of it, and the message."""

    def use() -> str:
        env = make()
        finite = play(env)
        env.close()
        return "played" if finite else "not finite"

    return outcome(use, SECONDS)


def play(env: Environment) -> bool:
    """Play some steps with the last available actions; whether all numbers are finite."""
    step, finite = env.reset(0), True
    for _ in range(STEPS):
        shape = (env.num_envs, env.spec.num_agents)
        legal = torch.ones(*shape, 1) if step.available is None else step.available
        action = legal.shape[-1] - 1 - legal.flip(-1).long().argmax(-1)
        step = env.step(action)
        finite &= bool(step.obs.isfinite().all() and step.reward.isfinite().all())
    return finite


def write_traffic(folder: Path) -> None:
    """Write a small valid task, with one short lane link for each turn."""
    routes = ("road_0_1_0", "road_1_1_0", "road_2_1_0"), ("road_1_0_1", "road_1_1_2")
    flows = [Flow(VehicleKind(), routes[0], 5.0), Flow(VehicleKind(), routes[1], 1.0, 0, 0)]
    write_task(folder, CityFlowConfig(), Grid(1, 2).roadnet(), flows)
    roadnet = json.loads((folder / "roadnet.json").read_text())
    for place in roadnet["intersections"]:
        for link in place["roadLinks"]:
            link["laneLinks"] = link["laneLinks"][1:2]  # to the lane that goes straight on
            link["laneLinks"][0]["points"] = link["laneLinks"][0]["points"][::5]
    (folder / "roadnet.json").write_text(json.dumps(roadnet))


def traffic_outcome(folder: Path, texts: dict[str, str], rng: random.Random) -> Outcome:
    """Mutate one of the files of a traffic task, and load and play the task."""
    for name, text in texts.items():
        (folder / name).write_text(text)
    name = rng.choices(list(texts), (1, 6, 4))[0]
    (folder / name).write_bytes(mutated(texts[name], json.dumps, rng))
    options: dict[str, Any] = {
        "undrivable": rng.choice(("refuse", "skip")),
        "yellow_phase": rng.choice(("phase0", "all_red", 1)),
        "single_phase": rng.choice(("agent", "fixed")),
        "lane_change": rng.choice(("file", "ignore")),
    }
    path = str(folder / "config.json")
    return played(lambda: Traffic(path, num_envs=1, decision=3, yellow=1, **options))


def map_outcome(folder: Path, rng: random.Random) -> Outcome:
    """Mutate a skirmish map, and load and play it."""
    path = folder / "map.yaml"
    path.write_bytes(mutated(rng.choice(MAP_TEXTS), yaml.safe_dump, rng))
    return played(lambda: Skirmish(str(path), num_envs=2))


def fuzz(files: str, count: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Load and play mutated files; returns the number of each outcome, and the bad ones."""
    found: Counter[str] = Counter()
    bad = []
    if files == "traffic":
        write_traffic(folder)
    texts = {name: (folder / name).read_text() for name in TRAFFIC} if files == "traffic" else {}
    for number in range(count):
        rng = random.Random(f"{files} {seed} {number}")
        kind, text = traffic_outcome(folder, texts, rng) if texts else map_outcome(folder, rng)
        found[kind] += 1
        if kind not in ("played", "refused"):
            bad.append(f"file {number} of {files}: {kind}\n{text}")
    return found, bad


TRAFFIC = "config.json", "roadnet.json", "flow.json"


def in_a_folder(files: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Fuzz in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return fuzz(files, count, seed, Path(folder))


if __name__ == "__main__":
    report(__doc__, "files", ("traffic", "maps"), in_a_folder, 500)

"""Fuzz test of run folders: altered configurations and checkpoints are refused with one line.

A small run is trained; then its `config.yaml` or its last checkpoint is mutated, and the run is
evaluated. A configuration may still be valid; an altered checkpoint must be noticed.

Examples:
  python scripts/fuzz_runs.py --count 500
  python scripts/fuzz_runs.py --files checkpoints --count 200 --seed 1
"""

import random
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import yaml
from fuzz_files import mutated
from fuzzing import Outcome, outcome, report

import graphmarl as gm
from graphmarl.results.run import Run

SECONDS = 30
REFUSALS = ValueError, OSError, ImportError, MemoryError
"""What the command line prints as one line."""
METHODS = "ippo:hidden=8,rollout_length=5", "qmix:hidden=8,learning_starts=10,batch_size=4"


def altered(data: bytes, folder: Path, rng: random.Random) -> bytes:
    """A checkpoint with other bytes, or with another entry."""
    kind = rng.choice(("flip", "flip", "cut", "insert", "swap", "entry", "nothing"))
    changed, spot = bytearray(data), rng.randrange(len(data))
    if kind == "flip":
        changed[spot] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del changed[spot : spot + rng.choice((1, 64, len(data)))]
    elif kind == "insert":
        changed[spot:spot] = bytes(rng.randrange(1, 256) for _ in range(rng.choice((1, 8, 4096))))
    elif kind == "swap":
        other, size = rng.randrange(len(data)), 16
        changed[spot : spot + size] = data[other : other + size]
    elif kind == "entry":
        return with_another_entry(data, folder, rng)
    else:
        return rng.choice((b"", b"x", b"PK\x03\x04", data[::-1], b"\x80\x02."))
    return bytes(changed)


def with_another_entry(data: bytes, folder: Path, rng: random.Random) -> bytes:
    """A checkpoint that PyTorch saved again after a change, without the checksum of the old."""
    (folder / "old.zip").write_bytes(data)
    with zipfile.ZipFile(folder / "old.zip") as old, zipfile.ZipFile(folder / "new", "w") as new:
        names = old.namelist()
        chosen = rng.choice([name for name in names if "/data/" in name])
        new.comment = old.comment if rng.random() < 0.5 else b""
        for name in names:
            content = old.read(name)
            new.writestr(name, bytes(len(content)) if name == chosen else content)
    return (folder / "new").read_bytes()


def evaluated(run: Run) -> Outcome:
    """Evaluate a run; what came of it, and the message."""

    def use() -> str:
        gm.evaluate(run, 2)
        return "evaluated"

    return outcome(use, SECONDS, REFUSALS)


def fuzz(files: str, count: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Evaluate altered runs; returns the number of each outcome, and the bad ones."""
    runs = [
        gm.train(method, "hallway:num_envs=4", steps=60, runs=str(folder), name=f"run{i}",
                 progress=False)
        for i, method in enumerate(METHODS)
    ]  # fmt: skip
    found: Counter[str] = Counter()
    bad = []
    for number in range(count):
        rng = random.Random(f"{files} {seed} {number}")
        run = rng.choice(runs)
        path = run.last() if files == "checkpoints" else run.path / "config.yaml"
        data = path.read_bytes()
        if files == "checkpoints":
            change = altered(data, folder, rng)
        else:
            change = mutated(data.decode(), yaml.safe_dump, rng)
        path.write_bytes(change)
        came, text = evaluated(run)
        path.write_bytes(data)
        found[came] += 1
        noticed = files == "configurations" or change == data
        if came not in (("refused", "evaluated") if noticed else ("refused",)):
            bad.append(f"file {number} of {files}: {came}\n{text}")
    return found, bad


def in_a_folder(files: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Fuzz in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return fuzz(files, count, seed, Path(folder))


if __name__ == "__main__":
    report(__doc__, "files", ("configurations", "checkpoints"), in_a_folder, 250)

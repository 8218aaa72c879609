"""Speed of learners, training, simulators and the command, by area.

Each line is measured in a process of its own: milliseconds of a call, units and agents' steps per
second, shares of its parts, peak memory, and where an update is matrix products, the share that it
reaches of the rate of large matrix products, which is measured in the same process. All are medians
over rounds. With `--against` another code does the same work in turns, in its own interpreter; the
ratio is that of its time to ours, with its range over the rounds. On a machine that is shared, use
`--clock cpu`.

Examples:
  python scripts/benchmark.py                        # all areas
  python scripts/benchmark.py pic vpp --seconds 10
  python scripts/benchmark.py --quick                # small sizes, to see that all areas run
  python scripts/benchmark.py --against pic ~/PIC --peer-python ~/PIC/.venv/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import IO, NamedTuple

import torch
from benchmark_data import graphs, replay, start
from benchmark_peers import CLOCKS, PEERS, measure
from benchmark_simulators import envs, flatland, traffic
from benchmark_training import crowd, gnn_mappo
from benchmark_updates import mamba, ndq, pic, vpp
from benchmark_work import Line, Work, operations, product_rate

from graphmarl.experiment.allocator import keep_freed_memory

AREAS: dict[str, Callable[[bool], list[Line]]] = {
    "gnn-mappo": gnn_mappo,
    "pic": pic,
    "ndq": ndq,
    "mamba": mamba,
    "vpp": vpp,
    "crowd": crowd,
    "envs": envs,
    "start": start,
    "graphs": graphs,
    "replay": replay,
    "flatland": flatland,
    "traffic": traffic,
}
"""Lines of each area, in the order in which they are measured."""


class Options(NamedTuple):
    """How lines are measured.

    Args:
        seconds: time of each round; a call is made once at least.
        rounds: rounds, of which the medians are printed.
        threads: threads of PyTorch.
        clock: `wall`, or `cpu` for the time of the process.
        quick: small sizes.
        peer: name and folder of another code; None for none.
        python: interpreter of the other code.
    """

    seconds: float = 2.0
    rounds: int = 3
    threads: int = 1
    clock: str = "wall"
    quick: bool = False
    peer: tuple[str, str] | None = None
    python: str = sys.executable


Found = dict[str, float]


class Peer:
    """Another code in a process of its own, which measures when it is asked to.

    Args:
        line: the line whose work it does.
        given: options.
    """

    def __init__(self, line: Line, given: Options) -> None:
        assert given.peer is not None, "asked for"
        name, folder = given.peer
        sizes = {"sizes": line.sizes, "threads": given.threads, "clock": given.clock}
        script = str(Path(__file__).with_name("benchmark_peers.py"))
        words = [given.python, script, name, folder, json.dumps(sizes)]
        pipe = subprocess.PIPE
        quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=quiet)

    def measure(self, seconds: float) -> Found:
        """Seconds of a call, its parts and its units.

        Args:
            seconds: time of the round.

        Raises:
            RuntimeError: the other code has stopped.
        """
        asks, answers = self.process.stdin, self.process.stdout
        assert asks is not None and answers is not None, "opened as pipes"
        return json.loads(_answer(asks, answers, f"{seconds}\n"))

    def close(self) -> None:
        """End the process, which ends its own ones when there is nothing more to answer."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None, "opened as a pipe"
            pipe.close()
        self.process.wait()


def _answer(asks: IO[str], answers: IO[str], text: str) -> str:
    try:
        asks.write(text)
        asks.flush()
        line = answers.readline()
    except BrokenPipeError:
        line = ""
    if not line:
        raise RuntimeError("the other code has stopped; its output says why")
    return line


def measure_line(area: str, number: int, given: Options) -> str:
    """Measure a line; returns what is printed.

    Args:
        area: name of the area.
        number: number of the line in it.
        given: options.
    """
    keep_freed_memory()  # as `train` does
    torch.set_num_threads(given.threads)
    line, now = AREAS[area](given.quick)[number], CLOCKS[given.clock]
    rate = product_rate(now)
    peer = Peer(line, given) if given.peer else None
    work = line.make()
    work.clocked.now = now
    work.call()
    for timer in work.timers:
        timer.take()
    ours, theirs, spent = [], [], 0.0
    for _ in range(given.rounds):
        begin = time.perf_counter()
        ours.append(measure(work.call, given.seconds, given.clock))
        spent += time.perf_counter() - begin
        if peer is not None:
            theirs.append(peer.measure(given.seconds))
    if peer is not None:
        peer.close()
    parts = [f"{area}, {line.name}: {_speed(work, medians(ours))}", _shares(work, spent)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts += [f"peak {peak:,.0f} MiB", _products(work, medians(ours), rate)]
    parts += [f"{line.peer} {ratios(work, ours, theirs)}" if theirs else "", work.note]
    return "; ".join(part for part in parts if part)


def medians(rounds: Sequence[Found]) -> Found:
    """Medians of what was measured, by name.

    Args:
        rounds: measurements.
    """
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def _units(work: Work, found: Found) -> float:
    return found.get(work.unit, work.units)


def _speed(work: Work, found: Found) -> str:
    """Time of a call and its parts, and what is done in a second."""
    seconds, units = found[work.timed], _units(work, found)
    rate = units / seconds
    text = f"{1e3 * seconds:,.2f} ms, {rate:,.{0 if rate > 100 else 2}f} {work.unit}/s"
    if work.agent_steps:
        text += f", {rate * work.agent_steps:,.0f} agent-steps/s"
    for name, value in found.items():
        if name not in (work.timed, work.unit, "call"):
            text += f", {name} {1e3 * value:,.2f} ms"
    return text


def _shares(work: Work, spent: float) -> str:
    """Shares of the timed parts of the seconds that were spent."""
    seconds: Found = {}
    for timer in work.timers:
        seconds |= timer.take()
    if seconds:
        seconds["other"] = max(0.0, spent - sum(seconds.values()))
    total = sum(seconds.values())
    return ", ".join(f"{name} {value / total:.0%}" for name, value in seconds.items() if value)


def _products(work: Work, found: Found, rate: float) -> str:
    """Operations of an update, and the share of the rate of large products that it reaches."""
    if work.update is None or work.products is None:
        return ""
    count = operations(work.update)
    reached = count / found[work.products]
    return f"{count / 1e9:,.3g} GFLOP at {reached / rate:.0%} of {rate / 1e9:,.0f} GFLOP/s"


def ratios(work: Work, ours: Sequence[Found], theirs: Sequence[Found]) -> str:
    """Times of another code in milliseconds per call of ours, and as multiples of ours.

    Args:
        work: the work.
        ours: rounds of ours.
        theirs: rounds of the other code, in turns with ours.
    """
    texts = []
    for name in [name for name in theirs[0] if name in ours[0] and name != work.unit]:
        pairs = list(zip(ours, theirs, strict=True))
        times = [b[name] * _units(work, a) / _units(work, b) for a, b in pairs]
        each = sorted(time / a[name] for time, (a, _) in zip(times, pairs, strict=True))
        text = f"{1e3 * statistics.median(times):,.2f} ms, {statistics.median(each):.2f} times ours"
        text += f" ({each[0]:.2f} to {each[-1]:.2f})"
        texts.append(text if name == "call" else f"{name} {text}")
    return ", ".join(texts)


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """Arguments of the command.

    Args:
        words: the arguments; None for those of the process.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}")
    parser.add_argument("--seconds", type=float, default=2.0, help="time of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--lines", default="", metavar="TEXT", help="only lines that contain it")
    parser.add_argument("--against", nargs=2, metavar=("PEER", "PATH"), help="another code")
    parser.add_argument("--peer-python", default=sys.executable, help="its interpreter")
    given = parser.parse_args(words)
    unknown = [area for area in given.areas if area not in AREAS]
    if unknown:
        parser.error(f"area is {unknown[0]!r}; allowed are {', '.join(AREAS)}")
    if given.against and given.against[0] not in PEERS:
        parser.error(f"peer is {given.against[0]!r}; allowed are {', '.join(PEERS)}")
    if given.rounds < 1 or given.threads < 1 or not given.seconds >= 0:
        parser.error("allowed are rounds and threads of at least 1, and seconds of at least 0")
    return given


def main(words: Sequence[str] | None = None) -> None:
    """Measure the lines of the areas that are named, or of all.

    Args:
        words: the arguments; None for those of the process.
    """
    given = parsed(words)
    peer = tuple(given.against) if given.against else None
    names = {name: getattr(given, name) for name in Options._fields[:5]}
    options = Options(**names, peer=peer, python=given.peer_python)
    for area in given.areas or AREAS:
        for number, line in enumerate(AREAS[area](given.quick)):
            if given.lines not in line.name or (peer and line.peer != peer[0]):
                continue
            # A new process, so that peak memory and caches are those of the line.
            with ProcessPoolExecutor(1, get_context("spawn")) as processes:
                print(processes.submit(measure_line, area, number, options).result(), flush=True)


if __name__ == "__main__":
    main()

"""Single-copy engines stepped in this process or in worker processes, over shared arrays."""

from __future__ import annotations

import ctypes
import multiprocessing
import pickle
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graphmarl.envs.worker_signals import blocked_signals, ignore_signals
from graphmarl.ranges import PositiveInt
from graphmarl.step import Scene

Buffers = dict[str, NDArray[Any]]
Layout = Mapping[str, tuple[tuple[int, ...], str]]


@dataclass
class EngineStep:
    """Output arrays of one engine: views of its copy's rows in the batched buffers.

    Args:
        obs: observation of each slot, zeros for dead agents.
        alive: whether each slot holds a live agent.
        reward: reward of each slot for this step; zeros on the autoreset step are the caller's job.
        position: coordinates, where the environment has them.
        available: legal actions, where some are illegal.
        state: global state, where there is one.
        links: adjacency [sender, receiver], where the environment has edges of its own.
        info: named metrics, each an array without axes: `out.info["food"][...] = 3`.
    """

    obs: NDArray[Any]
    alive: NDArray[np.bool_]
    reward: NDArray[np.float32]
    position: NDArray[np.float32] | None = None
    available: NDArray[np.bool_] | None = None
    state: NDArray[np.float32] | None = None
    links: NDArray[np.bool_] | None = None
    info: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class SingleEngine(Protocol):
    """One copy of a task in numpy; its trajectory is a function of the seed and the actions."""

    def reset(self, seed: int, out: EngineStep) -> None:
        """Begin an episode and write its first observation; `seed` is below 2**63."""
        ...

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance by the actions of all slots; returns (terminated, truncated)."""
        ...

    def scene(self) -> Scene:
        """Objects to draw besides the agents."""
        ...

    def close(self) -> None:
        """Release the engine's resources."""
        ...


def episode_seed(seed: int, copy: int, episode: int) -> int:
    """Seed of one episode, derived from the run seed, the copy and the episode number only."""
    sequence = np.random.SeedSequence(seed, spawn_key=(copy, episode))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def allocate(layout: Layout, shared: bool) -> tuple[Any, Buffers]:
    """One memory block for all arrays of the layout, in shared memory if workers write it."""
    sizes = [int(np.dtype(kind).itemsize * np.prod(shape)) for shape, kind in layout.values()]
    total = sum(-(-size // 64) * 64 for size in sizes)
    context = multiprocessing.get_context("spawn")
    memory = context.RawArray(ctypes.c_uint8, total) if shared else np.zeros(total, np.uint8)
    return memory, carve(memory, layout)


def carve(memory: Any, layout: Layout) -> Buffers:
    """Arrays of the layout as cache-line-aligned views of one memory block."""
    buffers, start = {}, 0
    for name, (shape, kind) in layout.items():
        count = int(np.prod(shape))
        buffers[name] = np.frombuffer(memory, kind, count, start).reshape(shape)
        start += -(-buffers[name].nbytes // 64) * 64
    return buffers


class EngineGroup:
    """Engines of a range of copies, writing to their rows of the buffers.

    Args:
        make: function that builds one engine.
        buffers: arrays over all copies.
        copies: range of copies in this group.
        horizon: steps after which an episode is truncated.
    """

    def __init__(
        self, make: Callable[[], SingleEngine], buffers: Buffers, copies: range, horizon: int
    ) -> None:
        self.copies, self.horizon, self.buffers = copies, horizon, buffers
        self.engines = {copy: make() for copy in copies}
        self.outputs = {copy: self._output(copy) for copy in copies}
        self.seed = 0

    def _output(self, copy: int) -> EngineStep:
        rows = {name: array[copy, ...] for name, array in self.buffers.items()}
        info = {name[5:]: row for name, row in rows.items() if name.startswith("info.")}
        fields = ("obs", "alive", "reward", "position", "available", "state", "links")
        return EngineStep(**{name: rows.get(name) for name in fields}, info=info)  # type: ignore[arg-type]

    def _begin(self, copy: int, episode: int) -> None:
        buffers = self.buffers
        buffers["episode"][copy], buffers["time"][copy] = episode, 0
        buffers["terminated"][copy] = buffers["truncated"][copy] = False
        seed = episode_seed(self.seed, copy, episode)
        self.engines[copy].reset(seed, self.outputs[copy])
        buffers["reward"][copy] = 0

    def _advance(self, copy: int, action: NDArray[Any]) -> None:
        buffers = self.buffers
        terminated, truncated = self.engines[copy].step(action, self.outputs[copy])
        time = buffers["time"][copy] = buffers["time"][copy] + 1
        buffers["terminated"][copy] = terminated
        buffers["truncated"][copy] = not terminated and (truncated or time >= self.horizon)

    def reset(self, seed: int) -> None:
        """Begin episode 0 in every copy."""
        self.seed = seed
        for copy in self.copies:
            self._begin(copy, 0)

    def step(self) -> None:
        """Advance the copies by the actions in the buffers; ended copies start a new episode."""
        buffers = self.buffers
        ended = (buffers["terminated"] | buffers["truncated"]).tolist()
        for copy in self.copies:
            if ended[copy]:
                self._begin(copy, int(buffers["episode"][copy]) + 1)
            else:
                self._advance(copy, buffers["action"][copy])

    def replay(self, seed: int, episodes: Sequence[int], actions: Sequence[NDArray[Any]]) -> None:
        """Replay the current episode of every copy from its seed and its actions."""
        self.seed = seed
        for copy in self.copies:
            self._begin(copy, episodes[copy])
            for action in actions[copy]:
                self._advance(copy, action)

    def env_method(self, method: str, copies: Sequence[int]) -> list[Any]:
        """Results of calling an engine method on those of the given copies in this group."""
        return [getattr(self.engines[copy], method)() for copy in copies if copy in self.copies]

    def close(self) -> None:
        """Close the engines."""
        for engine in self.engines.values():
            engine.close()


def serve(
    connection: Connection,
    make: Callable[[], SingleEngine],
    memory: Any,
    layout: Layout,
    *share: Any,
) -> None:
    """Loop of a worker process: one command, one reply; ends when the parent exits.

    Signals are left to the parent: those of a terminal reach all its processes, and the parent
    saves a run, for which it needs its workers.
    """
    ignore_signals()
    served: EngineGroup | None = None
    while True:
        try:
            method, args = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            served = served or EngineGroup(make, carve(memory, layout), *share)
            reply = (None, getattr(served, method)(*args))
        except Exception as error:
            reply = (_portable(error), traceback.format_exc())
        try:
            connection.send(reply)
        except BrokenPipeError:
            return
        if method == "close":
            return


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class Workers:
    """Engine groups in worker processes, with the interface of one `EngineGroup`.

    Processes are spawned, so `make` must be picklable and a script needs the usual
    `if __name__ == "__main__"`. A worker ends when its pipe closes, so none outlives its parent.

    Args:
        number: worker processes.
        make: function that builds one engine.
        memory: shared memory block of the buffers.
        layout: shape and dtype of each buffer.
        copies: copies in total, B.
        horizon: steps after which an episode is truncated.
    """

    def __init__(
        self,
        number: int,
        make: Callable[[], SingleEngine],
        memory: Any,
        layout: Layout,
        copies: int,
        horizon: PositiveInt,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        bounds = [copies * worker // number for worker in range(number + 1)]
        self.links: list[Connection] = []
        self.processes: list[BaseProcess] = []
        for first, last in pairwise(bounds):
            here, there = context.Pipe()
            args = (there, make, memory, layout, range(first, last), horizon)
            process = context.Process(target=serve, args=args, daemon=True)
            with blocked_signals():
                process.start()
            there.close()
            self.links.append(here)
            self.processes.append(process)
        self._stop = weakref.finalize(self, _join, self.links, self.processes)

    def _call(self, method: str, *args: Any) -> list[Any]:
        for link in self.links:
            with suppress(BrokenPipeError):  # a dead worker is reported when its reply is missing
                link.send((method, args))
        replies = [self._reply(worker) for worker in range(len(self.links))]
        for error, text in replies:
            if error is not None:
                raise error from RuntimeError(text)
        return [answer for _, answer in replies]

    def _reply(self, worker: int) -> tuple[Exception | None, Any]:
        try:
            return self.links[worker].recv()
        except (EOFError, ConnectionResetError):
            process = self.processes[worker]
            process.join(1)
            return RuntimeError(f"worker {worker} has died (exit code {process.exitcode})"), ""

    def reset(self, seed: int) -> None:
        """Begin episode 0 in every copy."""
        self._call("reset", seed)

    def step(self) -> None:
        """Advance all copies by the actions in the buffers."""
        self._call("step")

    def replay(self, seed: int, episodes: Sequence[int], actions: Sequence[NDArray[Any]]) -> None:
        """Replay the current episode of every copy."""
        self._call("replay", seed, episodes, actions)

    def env_method(self, method: str, copies: Sequence[int]) -> list[Any]:
        """Results of calling an engine method, in the order of the copies."""
        return [answer for share in self._call("env_method", method, copies) for answer in share]

    def close(self) -> None:
        """Stop the processes and wait for them."""
        self._stop()


def _join(links: list[Connection], processes: list[BaseProcess]) -> None:
    for link in links:
        link.close()
    for process in processes:
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()

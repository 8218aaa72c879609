"""Replay buffer of trajectories with their agent graphs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import psutil
import torch
from jaxtyping import Int
from torch import Tensor

from graphmarl.agent_graph import Edges
from graphmarl.data.trajectory import Trajectory
from graphmarl.step import Spec

APART = ("spec", "edges", "memory", "last_value", "env_steps", "progress")
FIELDS = tuple(field.name for field in fields(Trajectory) if field.name not in APART)


class Replay:
    """Ring buffer of trajectories that stores every state and every edge once.

    The state after a transition is the next one in the buffer, so that its agent graph is the one
    of the episode. Trajectories have equal shapes; the oldest is overwritten. The newest state of
    each copy has no successor yet and is not sampled.

    Args:
        capacity: minimum number of steps over all environment copies that are kept, steps between
            episodes included.
        half: store observations in half precision.

    Raises:
        ValueError: the capacity is not positive, or `half` cannot hold an observation.
    """

    def __init__(self, capacity: int, half: bool = False) -> None:
        if capacity < 1:
            raise ValueError(f"buffer_size is {capacity}; allowed are 1 and more")
        self.capacity, self.half = capacity, half
        self.spec: Spec | None = None
        self.rings: dict[str, Tensor] = {}
        self.pages: list[tuple[np.ndarray, ...]] = []
        """Senders, receivers and features of the edges of each trajectory: slices of arrays are
        faster to copy than single edges."""
        self.length = 0
        self.added = 0
        self.episodes = torch.empty(0, 3, dtype=torch.long)
        """First step, copy and length of each episode that is stored whole."""

    @property
    def slots(self) -> int:
        """Capacity in steps of each copy."""
        return len(self.rings["alive"]) if self.rings else 0

    @property
    def oldest(self) -> int:
        """Number of the oldest stored step, counted from the beginning of the run."""
        return max(0, self.added - self.slots)

    def __len__(self) -> int:
        """Stored steps over all copies that have a successor."""
        return (self.added - 1 - self.oldest) * self.rings["alive"].shape[1] if self.rings else 0

    @property
    def num_bytes(self) -> int:
        """Size of the stored data in bytes."""
        rings = sum(ring[: self.added].nbytes for ring in self.rings.values())
        pages = sum(array.nbytes for page in self.pages for array in page)
        return rings + pages + self.episodes.nbytes

    def add(self, trajectory: Trajectory) -> None:
        """Store a trajectory; overwrites the oldest if the buffer is full.

        Args:
            trajectory: a trajectory of the shape of those before.

        Raises:
            ValueError: the trajectory has another shape.
        """
        values = self._values(trajectory)
        if not self.rings:
            self._allocate(trajectory, values)
        came = {name: tuple(value.shape[1:]) for name, value in values.items()}
        kept = {name: tuple(ring.shape[1:]) for name, ring in self.rings.items()}
        steps, page = trajectory.num_steps, _page(trajectory.edges)
        same = not self.pages or len(page) == len(self.pages[0])
        if came != kept or steps != self.length or not same:
            raise ValueError(
                f"this replay keeps {self.length} steps of {kept}; {steps} of {came} came"
                + ("" if same else ", and edges with features do not go with edges without")
            )
        halved = self.half and values["obs"].is_floating_point()
        if halved and not torch.isfinite(values["obs"].half()).all():
            raise ValueError("observations beyond 65,504 cannot be kept in half precision")
        self.spec, place = trajectory.spec, self.added % self.slots
        for name, value in values.items():
            self.rings[name][place : place + steps] = value
        self.pages[place // steps : place // steps + 1] = [page]
        ended = trajectory.valid & (trajectory.terminated | trajectory.truncated)
        step, copy = ended.nonzero().cpu().unbind(1)
        length = trajectory.time.cpu()[step, copy] + 1
        self.added += steps
        new = torch.stack([self.added - steps + step + 1 - length, copy, length], 1)
        known = torch.cat([self.episodes, new])
        self.episodes = known[known[:, 0] >= self.oldest]

    def _values(self, trajectory: Trajectory) -> dict[str, Tensor]:
        """The tensors to store; `span` is the range of the edges of each graph in its page."""
        named = {name: getattr(trajectory, name) for name in FIELDS}
        named |= {f"stored.{name}": value for name, value in named.pop("stored").items()}
        ptr = trajectory.edges.ptr
        named["span"] = torch.stack([ptr[:-1], ptr[1:]], 1).unflatten(
            0, (trajectory.num_steps, trajectory.num_envs)
        )
        return {name: value.cpu() for name, value in named.items() if value is not None}

    def _allocate(self, trajectory: Trajectory, values: Mapping[str, Tensor]) -> None:
        """Allocate memory for all steps, which the system provides as it is written to."""
        self.length = trajectory.num_steps
        pages = -(-self.capacity // (self.length * trajectory.num_envs)) + 1
        # Actions, times and positions in a page are small numbers.
        kinds = {name: value.dtype for name, value in values.items()}
        kinds = {name: torch.int32 if k == torch.long else k for name, k in kinds.items()}
        if self.half and values["obs"].is_floating_point():
            kinds["obs"] = torch.float16
        shapes = {n: (pages * self.length, *value.shape[1:]) for n, value in values.items()}
        size = sum(math.prod(shapes[name]) * kinds[name].itemsize for name in shapes)
        if trajectory.progress:
            # A run of fewer steps fills a part; at least every second step of it counts.
            run = 2 * trajectory.env_steps / trajectory.progress / trajectory.num_envs
            size = int(size * min(1.0, (run + self.length) / (pages * self.length)))
        check_memory(size, self.capacity)
        for name, shape in shapes.items():
            self.rings[name] = torch.empty(shape, dtype=kinds[name])

    def transitions(self, count: int) -> Trajectory:
        """Sample transitions with replacement, as two steps of `count` environments.

        Args:
            count: number of transitions.

        Raises:
            ValueError: there is no transition yet.
        """
        if not self.drawable:
            raise ValueError("the replay holds no transition yet")
        picked: list[Tensor] = []
        while sum(len(each) for each in picked) < count:
            step = torch.randint(self.oldest, self.added - 1, (2 * count,))
            copy = torch.randint(self.rings["valid"].shape[1], (2 * count,))
            good = self.rings["valid"][step % self.slots, copy]
            picked.append(torch.stack([step, copy], 1)[good])
        step, copy = torch.cat(picked)[:count].unbind(1)
        return self._gather(torch.stack([step, step + 1]), copy, torch.ones_like(step))

    @property
    def drawable(self) -> bool:
        """Whether a transition and its next state are stored."""
        if not len(self):
            return False
        valid = self.rings["valid"][: self.added].any(1)
        valid[(self.added - 1) % self.slots] = False
        return bool(valid.any())

    def ready(self) -> Int[Tensor, "episode 3"]:
        """First step, copy and length of each whole episode whose last state is stored."""
        return self.episodes[self.episodes[:, 0] + self.episodes[:, 2] < self.added]

    def whole_episodes(self, count: int) -> Trajectory:
        """Sample whole episodes with replacement, up to their last states.

        Shorter episodes are padded with steps without live agents.

        Args:
            count: number of episodes.

        Raises:
            ValueError: there is none yet.
        """
        ready = self.ready()
        if not len(ready):
            raise ValueError("the replay holds no whole episode yet")
        start, copy, length = ready[torch.randint(len(ready), (count,))].unbind(1)
        time = torch.arange(int(length.max()) + 1)[:, None]
        return self._gather(start + torch.minimum(time, length), copy, length)

    def sequences(self, count: int, length: int) -> Trajectory:
        """Sample sequences of states with replacement, which start anywhere.

        They may contain the end of an episode, after which `time` is 0 again.

        Args:
            count: number of sequences.
            length: states of each sequence.

        Raises:
            ValueError: fewer states are stored.
        """
        if self.added - self.oldest < length:
            raise ValueError(f"the replay holds no sequence of {length} states yet")
        first = torch.randint(self.oldest, self.added - length + 1, (count,))
        copy = torch.randint(self.rings["valid"].shape[1], (count,))
        time = torch.arange(length)[:, None]
        return self._gather(first + time, copy, torch.full_like(first, length - 1))

    def _gather(
        self, step: Int[Tensor, "time pick"], copy: Int[Tensor, " pick"], length: Tensor
    ) -> Trajectory:
        """Steps of some copies as a trajectory; steps after `length` are padding."""
        assert self.spec is not None, "something was added"
        slot, time = step % self.slots, torch.arange(len(step))[:, None]
        row = (slot * self.rings["alive"].shape[1] + copy).flatten()
        values: dict[str, Any] = {
            name: ring.flatten(0, 1)[row].unflatten(0, tuple(step.shape))
            for name, ring in self.rings.items()
        }
        values = {n: v.long() if v.dtype == torch.int32 else v for n, v in values.items()}
        values["alive"] &= (time <= length)[..., None]
        values["valid"] &= time < length
        span = values.pop("span") * (time <= length)[..., None]
        stored = {n[7:]: values.pop(n) for n in list(values) if n.startswith("stored.")}
        return Trajectory(
            spec=self.spec,
            edges=self._edges(slot // self.length, span),
            memory=torch.zeros(step.shape[1] * self.spec.num_agents, 0),
            stored=stored,
            **values,
        )

    def _edges(self, page: Int[Tensor, "time pick"], span: Int[Tensor, "time pick 2"]) -> Edges:
        """The edges of some ranges of the pages, one range for each graph."""
        assert self.spec is not None, "something was added"
        ptr = torch.zeros(page.numel() + 1, dtype=torch.long)
        torch.cumsum((span[..., 1] - span[..., 0]).flatten(), 0, out=ptr[1:])
        where = [
            (p, slice(*s))
            for p, s in zip(page.flatten().tolist(), span.flatten(0, 1).tolist(), strict=True)
        ]
        index = np.empty((2, int(ptr[-1])), np.int32)
        for side in range(2):
            np.concatenate([self.pages[p][side][part] for p, part in where], out=index[side])
        attr = None
        if len(self.pages[0]) == 3:
            attr = torch.from_numpy(np.concatenate([self.pages[p][2][part] for p, part in where]))
        return Edges(torch.from_numpy(index), ptr, self.spec.num_agents, attr)

    def state_dict(self) -> dict[str, Any]:
        """All stored data, as tensors and plain containers."""
        return {
            "added": self.added,
            "length": self.length,
            "slots": self.slots,
            "rings": {
                # Saving a view would save the whole memory behind it, so a part is copied.
                name: ring if self.added >= self.slots else ring[: self.added].clone()
                for name, ring in self.rings.items()
            },
            "pages": [[torch.from_numpy(array) for array in page] for page in self.pages],
            "episodes": self.episodes,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state; the spec comes with the next trajectory."""
        self.added, self.length = state["added"], state["length"]
        self.episodes = state["episodes"]
        self.pages = [tuple(array.numpy() for array in page) for page in state["pages"]]
        self.rings = {
            name: saved.new_empty(state["slots"], *saved.shape[1:])
            for name, saved in state["rings"].items()
        }
        for name, saved in state["rings"].items():
            self.rings[name][: len(saved)] = saved


def _page(edges: Edges) -> tuple[np.ndarray, ...]:
    """Edges as arrays."""
    parts = [*edges.index, *([] if edges.attr is None else [edges.attr])]
    return tuple(part.cpu().numpy().copy() for part in parts)


def check_memory(size: int, capacity: int) -> None:
    """Refuse a replay that does not fit into the memory that is available.

    Args:
        size: bytes of the replay.
        capacity: its steps.

    Raises:
        MemoryError: says what is needed, what there is and which options lower it.
    """
    there = psutil.virtual_memory().available
    if size > there:
        raise MemoryError(
            f"a replay of buffer_size = {capacity:,} steps takes {size / 2**30:,.1f} GiB; "
            f"{there / 2**30:,.1f} GiB are available. Lower buffer_size, or use half_precision"
        )

"""Replay buffer of trajectories with their agent graphs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from graphmarl.data.edge_pages import EdgePages
from graphmarl.data.memory import check_memory
from graphmarl.data.trajectory import Trajectory
from graphmarl.step import Spec

APART = ("spec", "edges", "memory", "last_value", "env_steps", "progress", "_whole")
FIELDS = tuple(field.name for field in fields(Trajectory) if field.name not in APART)


class Replay:
    """Ring buffer of trajectories that stores every state and every edge once.

    The state after a transition is the next one in the buffer, so that its agent graph is the one
    of the episode. Trajectories have equal shapes; the oldest is overwritten. The newest state of
    each copy has no successor yet and is not sampled.

    Everything is stored on the device of the trajectories, and drawn there. Random numbers, and the
    places of episodes and edges, stay on the CPU, so that the draws are the same on every device
    and none waits for it. A state that was saved on another device moves with the next trajectory.

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
        self.span = torch.empty(0, dtype=torch.long)
        """Range of the edges of each graph in its page."""
        self.valid: Bool[Tensor, "slot copy"] = torch.empty(0, 0, dtype=torch.bool)
        self.pages = EdgePages()
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
        rings = (*self.rings.values(), self.span, self.valid)
        stored = sum(ring[: self.added].nbytes for ring in rings)
        return stored + self.pages.num_bytes + self.episodes.nbytes

    def to(self, device: torch.device) -> None:
        """Move the stored trajectories to a device.

        Args:
            device: the device.
        """
        if self.pages.device != device:
            self.rings = {name: ring.to(device) for name, ring in self.rings.items()}
            self.pages = self.pages.to(device)

    def add(self, trajectory: Trajectory) -> None:
        """Store a trajectory; overwrites the oldest if the buffer is full.

        Args:
            trajectory: a trajectory of the shape of those before.

        Raises:
            ValueError: the trajectory has another shape.
        """
        self.to(trajectory.alive.device)
        values = self._values(trajectory)
        if not self.rings:
            self._allocate(trajectory, values)
        self._check_shape(trajectory, values)
        steps = trajectory.num_steps
        self.spec, place = trajectory.spec, self.added % self.slots
        for name, value in values.items():
            self.rings[name][place : place + steps] = value
        self.pages.put(place // steps, trajectory.edges)
        ptr, shape = trajectory.edges.ptr.cpu(), (steps, trajectory.num_envs)
        span = torch.stack([ptr[:-1], ptr[1:]], 1).unflatten(0, shape)
        self.span[place : place + steps] = span
        self.valid[place : place + steps] = trajectory.valid.cpu()
        ended = trajectory.valid & (trajectory.terminated | trajectory.truncated)
        step, copy = ended.cpu().nonzero().unbind(1)
        length = trajectory.time.cpu()[step, copy] + 1
        self.added += steps
        new = torch.stack([self.added - steps + step + 1 - length, copy, length], 1)
        known = torch.cat([self.episodes, new])
        self.episodes = known[known[:, 0] >= self.oldest]

    def _check_shape(self, trajectory: Trajectory, values: Mapping[str, Tensor]) -> None:
        """Refuse a trajectory of another shape than those before."""
        came = {name: tuple(value.shape[1:]) for name, value in values.items()}
        kept = {name: tuple(ring.shape[1:]) for name, ring in self.rings.items()}
        steps, same = trajectory.num_steps, self.pages.fits(trajectory.edges)
        if came != kept or steps != self.length or not same:
            raise ValueError(
                f"this replay keeps {self.length} steps of {kept}; {steps} of {came} came"
                + ("" if same else ", and edges with features do not go with edges without")
            )
        halved = self.half and values["obs"].is_floating_point()
        if halved and not torch.isfinite(values["obs"].half()).all():
            raise ValueError("observations beyond 65,504 cannot be kept in half precision")

    def _values(self, trajectory: Trajectory) -> dict[str, Tensor]:
        """The tensors to store."""
        named = {name: getattr(trajectory, name) for name in FIELDS}
        named |= {f"stored.{name}": value for name, value in named.pop("stored").items()}
        return {name: value for name, value in named.items() if value is not None}

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
        device = trajectory.alive.device
        check_memory(size, self.capacity, device)
        self.pages = EdgePages(device, pages)
        for name, shape in shapes.items():
            self.rings[name] = torch.empty(shape, dtype=kinds[name], device=device)
        self.span = torch.empty(*self.rings["valid"].shape, 2, dtype=torch.long)
        self.valid = torch.empty(self.rings["valid"].shape, dtype=torch.bool)

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
            copy = torch.randint(self.valid.shape[1], (2 * count,))
            good = self.valid[step % self.slots, copy]
            picked.append(torch.stack([step, copy], 1)[good])
        step, copy = torch.cat(picked)[:count].unbind(1)
        return self._gather(torch.stack([step, step + 1]), copy, torch.ones_like(step))

    @property
    def drawable(self) -> bool:
        """Whether a transition and its next state are stored."""
        if not len(self):
            return False
        valid = self.valid[: self.added].any(1)
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
        copy = torch.randint(self.valid.shape[1], (count,))
        time = torch.arange(length)[:, None]
        return self._gather(first + time, copy, torch.full_like(first, length - 1))

    def _gather(
        self, step: Int[Tensor, "time pick"], copy: Int[Tensor, " pick"], length: Tensor
    ) -> Trajectory:
        """Steps of some copies as a trajectory; steps after `length` are padding."""
        assert self.spec is not None, "something was added"
        slot, time = step % self.slots, torch.arange(len(step))[:, None]
        device, inside = self.pages.device, time <= length
        row = (slot * self.valid.shape[1] + copy).flatten().to(device)
        values: dict[str, Any] = {
            name: ring.flatten(0, 1)[row].unflatten(0, tuple(step.shape))
            for name, ring in self.rings.items()
        }
        values = {n: v.long() if v.dtype == torch.int32 else v for n, v in values.items()}
        values["alive"] &= inside.to(device)[..., None]
        values["valid"] &= (time < length).to(device)
        span = self.span[slot, copy] * inside[..., None]
        stored = {n[7:]: values.pop(n) for n in list(values) if n.startswith("stored.")}
        agents, page = self.spec.num_agents, slot // self.length
        return Trajectory(
            spec=self.spec,
            edges=self.pages.edges(page.flatten(), span.flatten(0, 1), agents),
            memory=torch.zeros(step.shape[1] * agents, 0, device=device),
            stored=stored,
            **values,
        )

    def state_dict(self) -> dict[str, Any]:
        """All stored data, as tensors and plain containers."""
        rings = {**self.rings, "span": self.span} if self.rings else {}
        return {
            "added": self.added,
            "length": self.length,
            "slots": self.slots,
            "rings": {
                # Saving a view would save the whole memory behind it, so a part is copied.
                name: ring if self.added >= self.slots else ring[: self.added].clone()
                for name, ring in rings.items()
            },
            "pages": self.pages.state_dict(),
            "episodes": self.episodes,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state; the spec comes with the next trajectory."""
        self.added, self.length = state["added"], state["length"]
        self.episodes = state["episodes"]
        self.pages = EdgePages()
        pages = state["slots"] // max(self.length, 1)
        newest = (self.added // max(self.length, 1) - 1) % max(pages, 1)
        self.pages.load_state_dict(state["pages"], newest)
        slots, saved = state["slots"], state["rings"]
        self.rings = {name: _restored(ring, slots) for name, ring in saved.items()}
        if not saved:
            return
        self.span, self.valid = self.rings.pop("span"), self.rings["valid"].clone()


def _restored(saved: Tensor, slots: int) -> Tensor:
    """A ring of so many slots whose first ones are saved."""
    ring = saved.new_empty(slots, *saved.shape[1:])
    ring[: len(saved)] = saved
    return ring

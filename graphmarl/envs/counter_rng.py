"""Counter-based random number generator (SplitMix64), without a state to save."""

from __future__ import annotations

from math import prod

import torch
from jaxtyping import Float, Int
from torch import Tensor

# SplitMix64's constants as signed 64-bit integers.
GOLDEN, FIRST, SECOND = (
    number - 2**64 for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
STEP_BITS, PHASE_BITS = 24, 22


def signed(number: int) -> int:
    """The lowest 64 bits of an integer as a signed int64."""
    return (number + 2**63) % 2**64 - 2**63


def mix(number: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """SplitMix64's finaliser: each bit of the result depends on each bit of the number."""
    # torch's right shift is arithmetic; the masks clear the sign bits.
    number = (number ^ ((number >> 30) & (2**34 - 1))) * FIRST
    number = (number ^ ((number >> 27) & (2**37 - 1))) * SECOND
    return number ^ ((number >> 31) & (2**33 - 1))


class CounterRNG:
    """Counter-based generator: draws are a hash of (seed, copy, episode, time, phase, count).

    Each episode of each copy is a stream of SplitMix64 (Steele, Lea and Flood, "Fast splittable
    pseudorandom number generators", OOPSLA 2014) with its own key, hashed from seed, copy and
    episode; number c of the stream is `mix(key + c * GOLDEN)`, so the stream has random access.

    Args:
        num_envs: copies, B.
        device: device of the numbers, which are the same on all devices.

    Attributes:
        root: hash of the seed and each copy.
    """

    root: Int[Tensor, " env"]

    def __init__(self, num_envs: int, device: str | torch.device = "cpu") -> None:
        self.num_envs, self.device = num_envs, torch.device(device)
        self._copies = torch.arange(1, num_envs + 1, device=self.device) * GOLDEN
        self._places = torch.empty(0, dtype=torch.long, device=self.device)
        self._key: Tensor | None = None

    def seed(self, seed: int) -> None:
        """Seed the generator and move to episode 0."""
        key = mix(torch.tensor(signed(seed + GOLDEN), device=self.device))
        self.root = mix(key + self._copies)
        self._time = self._episode = torch.zeros_like(self._copies)
        self._next, self._key = 0, None

    def begin(self, episode: Int[Tensor, " env"]) -> None:
        """Move to the given episode of each copy."""
        self._episode, self._key = episode, None

    def move(self, time: Int[Tensor, " env"], phase: int) -> None:
        """Move to the first draw of a phase, one of four, at the given time of each copy."""
        self._time, self._next = time, phase << PHASE_BITS

    def bits(self, *shape: int) -> Int[Tensor, "env ..."]:
        """64-bit random integers for each copy, `(B, *shape)`."""
        count = prod(shape)
        if count > len(self._places):
            self._places = torch.arange(count, device=self.device) * GOLDEN
        if self._key is None:
            self._key = mix(self.root + (self._episode + 1) * GOLDEN)
        start = self._key + self._time * signed(GOLDEN << STEP_BITS) + signed(self._next * GOLDEN)
        self._next += count
        assert self._next & (2**PHASE_BITS - 1), "a phase has fewer than 2**22 draws for each copy"
        drawn = mix(start.unsqueeze(1) + self._places[:count])
        return drawn.view(self.num_envs, *shape)

    def uniform(self, *shape: int) -> Float[Tensor, "env ..."]:
        """Uniform reals in [0, 1) for each copy, `(B, *shape)`, multiples of 2**-24."""
        return ((self.bits(*shape) >> 40) & (2**24 - 1)).to(torch.float32) * 2.0**-24

    def integers(
        self, low: int | Int[Tensor, "*low"], high: int | Int[Tensor, "*high"], *shape: int
    ) -> Int[Tensor, "env ..."]:
        """Integers from low to high - 1 for each copy, `(B, *shape)`; bounds may be tensors."""
        fraction = (self.bits(*shape) >> 33) & (2**31 - 1)
        return low + ((fraction * (high - low)) >> 31)

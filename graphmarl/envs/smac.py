"""StarCraft Multi-Agent Challenge (SMAC and SMACv2) in the real game."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from graphmarl.envs.smac_engine import INFO, SMACEngine, read_spec, start, unit_types
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import SingleEngine
from graphmarl.ranges import Copies, ImportName, NonNegativeInt
from graphmarl.step import Step

RESERVED = ("map_name", "seed", "continuing_episode")


class SMAC(Vector):
    """StarCraft Multi-Agent Challenge (Samvelyan et al. 2019), on any of its maps.

    Works with any class of SMAC's interface: SMAC's own, SMACv2's
    (`make` smacv2.env:StarCraft2Env), or one around another simulator. The package and the game are
    installed by the user; the constructor starts the game once to read shapes and units, and closes
    it. Every copy has its own process and game.

    Observations, state, actions (0 no-op, 1 stop, 2 to 5 north, south, east, west, from 6 on attack
    or heal), and rewards are SMAC's; the reward of a step is divided equally among the agents alive
    before it, so that their sum is SMAC's. The step limit truncates, as does a crash of the game,
    which SMAC restarts (the last observation is repeated, with reward 0). `links` join live agents
    in sight of each other. Metrics: `win`, the same as `battle_won`; `dead_allies`, `dead_enemies`,
    `crashed`; and `team_return`, the sum of SMAC's rewards in this episode.

    A game is seeded when it starts and its episodes follow one another: `reset` starts new games,
    so that the same seed gives the same episodes. A resumed run continues with new games, whose
    episodes differ from those of an uninterrupted run. With `relaunch` it continues exactly, but
    every episode waits for the game to start.

    Args:
        map_name: SMAC's name of the map.
        num_envs: copies, B.
        make: environment class, as `module:Class`.
        options: further arguments of that class, such as difficulty.
        kinds: use unit types as agent kinds; off where teams are resampled in each episode.
        relaunch: start a new game for each episode.
        workers: worker processes; None is one per copy, 0 none.

    Raises:
        ImportError: the game's package is missing; the message names what to install.
        ValueError: an option that is set by this class, or a map unknown to the game.

    Shapes:
        obs (B, N, size) with the parts move, enemies, allies, own and, if SMAC is set to add it,
        time; position (B, N, 2) where units have one.
    """

    def __init__(
        self,
        map_name: str = "3m",
        num_envs: Copies = 4,
        make: ImportName = "smac.env:StarCraft2Env",
        options: Mapping[str, Any] | None = None,
        kinds: bool = True,
        relaunch: bool = False,
        workers: NonNegativeInt | None = None,
    ) -> None:
        given = dict(options or {})
        if taken := [name for name in RESERVED if name in given]:
            raise ValueError(f"options has {', '.join(taken)}, which this environment sets")
        self._make, self.relaunch = partial(start, make, map_name, given), relaunch
        try:
            probe = self._make(0)
        except KeyError as error:
            if error.args == (map_name,):
                text = f"map_name is {map_name!r}, which {make} does not know"
                raise ValueError(text) from error
            given = ", ".join(options or {}) or "none"
            raise ValueError(
                f"{make} raised KeyError {error}; is an option missing? Those given are {given}"
            ) from error
        try:
            probe.reset()
            spec = read_spec(probe, kinds)
            self._types = unit_types(probe, spec.num_agents) if kinds else None
            linked = hasattr(probe, "get_visibility_matrix")
        finally:
            probe.close()
        processes = num_envs if workers is None else workers
        super().__init__(spec, num_envs, processes, INFO, has_links=linked)

    def engine_maker(self) -> Callable[[], SingleEngine]:
        """One copy of the game."""
        return partial(SMACEngine, self._make, self._types, self.relaunch)

    def reset(self, seed: int) -> Step:
        """Begin episode 0 of this seed in every copy, with new games."""
        self._forget()
        return super().reset(seed)

    def state_dict(self) -> dict[str, Any]:
        """With `relaunch`, the data to replay the episodes; otherwise the last observation."""
        state = super().state_dict()
        if self.relaunch:
            return state
        last = {name: torch.from_numpy(array.copy()) for name, array in self._buffers.items()}
        return state | {"action": [actions[:0] for actions in state["action"]], "last": last}

    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Restore a saved state; without `relaunch`, all episodes are truncated there."""
        self._forget()
        step = super().load_state_dict(state)
        if self.relaunch:
            return step
        for name, value in state["last"].items():
            self._buffers[name][...] = value.numpy()
        self._buffers["truncated"] |= ~self._buffers["terminated"]
        return self._current()

    def _forget(self) -> None:
        if self._pool is not None:
            self._pool.env_method("forget", range(self.num_envs))

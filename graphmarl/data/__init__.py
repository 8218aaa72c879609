"""Experience: acting, collection, storage and sampling."""

from graphmarl.data.acting import (
    PolicyRunner,
    RandomPolicy,
    Transition,
    first_episodes,
    random_action,
)
from graphmarl.data.collector import Collector
from graphmarl.data.random_episodes import RandomEpisodes
from graphmarl.data.replay import Replay
from graphmarl.data.timer import Timer
from graphmarl.data.trajectory import Trajectory

__all__ = [
    "Collector",
    "PolicyRunner",
    "RandomEpisodes",
    "RandomPolicy",
    "Replay",
    "Timer",
    "Trajectory",
    "Transition",
    "first_episodes",
    "random_action",
]

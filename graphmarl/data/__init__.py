"""Experience: how it is collected, kept and handed to a learner."""

from graphmarl.data.collector import Collector
from graphmarl.data.random_episodes import RandomEpisodes, random_action
from graphmarl.data.replay import Replay
from graphmarl.data.timer import Timer
from graphmarl.data.trajectory import Trajectory

__all__ = ["Collector", "RandomEpisodes", "Replay", "Timer", "Trajectory", "random_action"]

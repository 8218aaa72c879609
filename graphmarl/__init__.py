"""Multi-agent reinforcement learning as message passing on dynamic agent graphs."""

__version__ = "0.1.0"

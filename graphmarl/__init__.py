"""Multi-agent reinforcement learning as message passing on dynamic agent graphs.

Attributes are imported when they are first used, so that `import graphmarl` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphmarl.envs import ENVS as ENVS
    from graphmarl.envs import make_env as make_env
    from graphmarl.experiment.ablate import ablate as ablate
    from graphmarl.experiment.evaluate import evaluate as evaluate
    from graphmarl.experiment.inspection import inspect as inspect
    from graphmarl.experiment.train import resume as resume
    from graphmarl.experiment.train import train as train
    from graphmarl.experiment.tune import tune as tune
    from graphmarl.graphs import GRAPHS as GRAPHS
    from graphmarl.graphs import make_graph as make_graph
    from graphmarl.methods import METHODS as METHODS
    from graphmarl.results.run import Run as Run
    from graphmarl.results.run import load as load

_HOME = {
    "train": "graphmarl.experiment.train",
    "resume": "graphmarl.experiment.train",
    "evaluate": "graphmarl.experiment.evaluate",
    "ablate": "graphmarl.experiment.ablate",
    "tune": "graphmarl.experiment.tune",
    "inspect": "graphmarl.experiment.inspection",
    "load": "graphmarl.results.run",
    "Run": "graphmarl.results.run",
    "make_env": "graphmarl.envs",
    "make_graph": "graphmarl.graphs",
    "METHODS": "graphmarl.methods",
    "ENVS": "graphmarl.envs",
    "GRAPHS": "graphmarl.graphs",
}
__all__ = [
    "train",
    "resume",
    "evaluate",
    "ablate",
    "tune",
    "inspect",
    "load",
    "Run",
    "make_env",
    "make_graph",
    "METHODS",
    "ENVS",
    "GRAPHS",
]


def __getattr__(name: str) -> Any:
    """Import an attribute when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("graphmarl")
    if name not in _HOME:
        raise AttributeError(f"module 'graphmarl' has no attribute {name!r}")
    from graphmarl.resolver import quick_import

    value = getattr(quick_import(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All attributes, for completion."""
    return sorted([*globals(), *__all__, "__version__"])

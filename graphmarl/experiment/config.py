"""From the configuration of a run to environment, graph builder and learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

import torch

from graphmarl.checks import check_option
from graphmarl.envs import find_env, make_env
from graphmarl.experiment.finite import OnNaN
from graphmarl.experiment.trust import with_names
from graphmarl.functional.ranks import rank, rank_seed
from graphmarl.graphs import GraphBuilder, make_graph, typed_graph
from graphmarl.learners import Learner
from graphmarl.methods import find_method
from graphmarl.ranges import (
    Copies,
    Device,
    FiniteFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Range,
    Seed,
    Threads,
)
from graphmarl.resolver import (
    construct,
    defaults_of,
    hint,
    split_name,
    typed,
    with_absolute_files,
)
from graphmarl.step import Environment, Spec
from graphmarl.texts import shown

Precision = Literal["32-true", "bf16-mixed"]
"""Precision of the networks: single, or bfloat16 where autocast allows it."""
Devices = Annotated[int, Range(low=1, high=64)]
"""Number of devices, with a process each."""
Mode = Literal["max", "min"]
"""Whether a larger or a smaller value of a metric is better."""
SIGNS: dict[Mode, float] = {"max": 1.0, "min": -1.0}
"""Factors with which larger is better."""

# A name, a name with options (`knn:k=3`), or a mapping of `name` and options.
Named = str | Mapping[str, Any]


class Values(NamedTuple):
    """Values of a configuration beside method, environment and graph; see `train`."""

    steps: PositiveInt
    seed: Seed
    checkpoint_every: PositiveInt = 5_000
    device: Device = "cpu"
    devices: Devices = 1
    precision: Precision = "32-true"
    compile: bool = False
    threads: Threads | None = None
    on_nan: OnNaN = "stop"
    evaluate_every: NonNegativeInt = 0
    evaluate_episodes: Copies = 32
    evaluate_greedy: bool = True
    monitor: str = "return"
    mode: Mode = "max"
    target: FiniteFloat | None = None
    hours: PositiveFloat | None = None
    logger: str = "csv"


class Config:
    """Resolves the names of a configuration once, and builds the parts of a run.

    An environment with an option `device` is on the device of the networks, unless it is given
    another one; engines without it are on the CPU.

    Args:
        config: the arguments of `train`.

    Raises:
        ValueError: a name or option that is not allowed.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        config = checked_config(config)
        self.seed: int = config["seed"]
        self.method, self.method_options = split_name(config["method"], "method")
        self.env, self.env_options = split_name(config["env"], "environment")
        if config["devices"] > 1 and ":" in config["device"]:
            raise ValueError(f"device is {config['device']!r}; allowed with devices are cpu, cuda")
        if config["target"] is not None and not config["evaluate_every"]:
            raise ValueError("a target is compared with evaluations; set evaluate_every as well")
        self._learner, env = find_method(self.method), find_env(self.env)
        learner = self._learner
        self.method_options = defaults_of(learner, 1) | typed(learner, self.method_options)
        self.method_options = with_absolute_files(learner, self.method_options, 1)
        placed = {"device": config["device"]} if "device" in defaults_of(env) else {}
        self.env_options = defaults_of(env) | placed | typed(env, self.env_options)
        self.env_options = with_names(env, with_absolute_files(env, self.env_options))
        graph = config["graph"] or learner.graph_for(self.method_options)
        sends = getattr(self._learner, "sends_messages", False)
        if config["graph"] is None and graph == "none" and sends:
            raise ValueError(f"{self.method} sends messages and has no default graph; name a graph")
        self.graph, options = split_name(graph, "graph")
        self.graph_options = typed_graph(self.graph, options)
        self.builder()
        # With every default written out, a later change of a default cannot change this run.
        self.config = {
            **config,
            "method": {"name": self.method} | self.method_options,
            "env": {"name": self.env} | self.env_options,
            "graph": {"name": self.graph} | self.graph_options,
        }

    def environment(self, **changes: Any) -> Environment:
        """A new environment.

        Args:
            changes: options that differ from the configuration.
        """
        return make_env(self.env, **(self.env_options | changes))

    def own_copies(self) -> Environment:
        """A new environment with the copies of this process, of those of all devices.

        Raises:
            ValueError: the copies cannot be divided evenly among the devices.
        """
        devices = self.config["devices"]
        if devices == 1:
            return self.environment()
        copies = self.env_options["num_envs"]
        if copies % devices:
            raise ValueError(
                f"num_envs is {copies}; allowed are multiples of {devices}, of devices"
            )
        options: dict[str, Any] = {"num_envs": copies // devices}
        if self.env_options.get("device") == "cuda":
            options["device"] = f"cuda:{rank()}"
        return self.environment(**options)

    def builder(self) -> GraphBuilder:
        """A new graph builder, seeded."""
        builder = make_graph(self.graph, **self.graph_options)
        builder.seed(rank_seed(self.seed))
        return builder

    def learner(self, spec: Spec) -> Learner:
        """A new learner; its initial weights depend on the seed.

        Args:
            spec: shapes of the environment.
        """
        torch.manual_seed(self.seed)
        made: Learner
        made = construct("method", self.method, self._learner, self.method_options, spec)
        if self.graph_options.get("delay") and made.network.rounds and made.memory_size:
            raise ValueError(f"{self.method} has a memory; allowed is none on a graph with delay")
        return made


def on_device(config: Mapping[str, Any], device: str) -> dict[str, Any]:
    """A configuration with networks, replay and environment on another device.

    Args:
        config: a configuration.
        device: the device.
    """
    name, options = split_name(config["env"], "environment")
    moved = {"device": device} if "device" in options else {}
    return {**config, "env": {"name": name} | options | moved, "device": device}


def checked_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with all its values, each of its type.

    Args:
        config: as it was given, or as a file has it.

    Raises:
        ValueError: a value is missing, unknown or not allowed.
    """
    parts = ("method", "env", "graph")
    known = (*parts, *Values._fields)
    unknown = [name for name in config if name not in known]
    if unknown:
        text = f"a configuration has no value {unknown[0]!r}; it has {', '.join(known)}"
        raise ValueError(text + hint(unknown[0], known))
    for name in (*parts[:2], "steps", "seed"):
        if name not in config:
            raise ValueError(f"the configuration lacks {name!r}")
    for name in parts:
        value = config.get(name)
        if not isinstance(value, (str, Mapping)) and (name != "graph" or value is not None):
            raise ValueError(
                f"{name} is {shown(value)}; allowed are a name, or a mapping with name"
            )
    values: dict[str, Any] = {"graph": None, **Values._field_defaults, **config}
    for name, kind in get_type_hints(Values, include_extras=True).items():
        check_option("", name, values[name], kind)
    return values

"""From the configuration of a run to its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from graphmarl.envs import ENVS, make_env
from graphmarl.graphs import GraphBuilder, make_graph
from graphmarl.learners import Learner
from graphmarl.methods import METHODS
from graphmarl.resolver import construct, defaults_of, lookup, split_name
from graphmarl.step import Environment, Spec

Named = str | Mapping[str, Any]
"""A name, or a mapping of `name` and options."""


class Config:
    """Makes the parts of a run from its configuration.

    Args:
        config: what `train` was called with.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.seed: int = config["seed"]
        self.method, self.method_options = split_name(config["method"], "method")
        self.env, self.env_options = split_name(config["env"], "environment")
        method = lookup("method", self.method, METHODS)
        self.method_options = defaults_of(method, 1) | self.method_options
        self.env_options = defaults_of(lookup("environment", self.env, ENVS)) | self.env_options
        graph = method.default_graph if config["graph"] is None else config["graph"]
        self.graph, self.graph_options = split_name(graph, "graph")
        self.builder()
        # With every default written out, a later change of a default cannot change this run.
        self.config = {
            **config,
            "method": {"name": self.method} | self.method_options,
            "env": {"name": self.env} | self.env_options,
            "graph": {"name": self.graph} | self.graph_options,
        }

    def environment(self, **changes: Any) -> Environment:
        """A new environment, with some options changed."""
        return make_env(self.env, **(self.env_options | changes))

    def builder(self) -> GraphBuilder:
        """A new graph builder, seeded."""
        builder = make_graph(self.graph, **self.graph_options)
        builder.seed(self.seed)
        return builder

    def learner(self, spec: Spec) -> Learner:
        """A new learner; its weights depend on the seed."""
        torch.manual_seed(self.seed)
        kind = lookup("method", self.method, METHODS)
        return construct("method", self.method, kind, self.method_options, spec)

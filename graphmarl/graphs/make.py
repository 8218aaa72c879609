"""Construction of graph builders by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphmarl.graphs import GRAPHS, WRAPPER_ARGUMENTS, WRAPPERS
from graphmarl.graphs.base import GraphBuilder
from graphmarl.resolver import construct, joined, lookup, split_name, typed


def make_graph(graph: str | GraphBuilder, **options: Any) -> GraphBuilder:
    """Construct a graph builder by its name in `GRAPHS`: `make_graph("knn", k=3, refresh=5)`.

    Args:
        graph: a name, a name with options (`knn:k=3,refresh=5`), or a builder, which is returned
            unchanged.
        options: arguments of the builder, and for any builder `shuffle` (random partners with the
            same degrees), `refresh` (rebuild every n steps), `delay` (use the edges of n steps
            ago) and `drop` (probability that an edge is dropped, drawn anew in each step, also
            from a stale graph).

    Raises:
        ValueError: an unknown name or option, or a value of the wrong type.
    """
    if isinstance(graph, GraphBuilder):
        if options:
            raise ValueError(
                f"{graph!r} has its options already; {', '.join(options)} would change nothing"
            )
        return graph
    name, inner = split_name(graph, "graph")
    options = joined(inner, options)
    kind = find_graph(name)
    own = {key: value for key, value in options.items() if key not in WRAPPERS}
    builder = construct("graph", name, kind, own, others=tuple(WRAPPERS))
    for option, argument in WRAPPER_ARGUMENTS.items():
        if option in options:
            given = {argument: options[option]}
            builder = construct(option, name, WRAPPERS[option], given, builder)
    return builder


def typed_graph(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a graph in which texts as typed are values of their types.

    Args:
        name: name of the builder.
        options: its options, and those of the wrappers.
    """
    found = typed(find_graph(name), {k: v for k, v in options.items() if k not in WRAPPERS})
    for option, argument in WRAPPER_ARGUMENTS.items():
        if option in options:
            found[option] = typed(WRAPPERS[option], {argument: options[option]})[argument]
    return found


def find_graph(name: str) -> type[GraphBuilder]:
    """The class of a graph builder.

    Args:
        name: a name in `GRAPHS`, or `module:Class` for one of your own.

    Raises:
        ValueError: an unknown name, or a class that is no graph builder.
    """
    return lookup("graph", name, GRAPHS, GraphBuilder)

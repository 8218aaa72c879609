"""From the words of a command line to a graph builder."""

from __future__ import annotations

import difflib
import inspect
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

from graphmarl.graphs.base import GraphBuilder
from graphmarl.graphs.direction import Directional
from graphmarl.graphs.distance import KNN, Radius
from graphmarl.graphs.topology import Complete, Links, NoEdges, Random
from graphmarl.graphs.wrappers import DropEdges, Refresh

GRAPHS: dict[str, type[GraphBuilder]] = {
    "knn": KNN,
    "radius": Radius,
    "directional": Directional,
    "complete": Complete,
    "none": NoEdges,
    "random": Random,
    "links": Links,
}


def make_graph(graph: str | GraphBuilder, **options: Any) -> GraphBuilder:
    """A builder by its name in `GRAPHS`: `make_graph("knn", k=3, refresh=5)`.

    Args:
        graph: a name, a name with options (`knn:k=3,refresh=5`), or a builder, which is returned
            unchanged.
        options: arguments of the builder, and for any builder `refresh` (rebuild every n steps)
            and `drop` (probability that an edge is lost). Links fail anew in each step, also those
            of a stale graph.

    Raises:
        ValueError: an unknown name or option, or a value of the wrong kind.
    """
    if isinstance(graph, GraphBuilder):
        if options:
            raise ValueError(
                f"{graph!r} has its options already; {', '.join(options)} would change nothing"
            )
        return graph
    name, _, text = graph.strip().partition(":")
    options = _merged(_parsed(text), options)
    if name not in GRAPHS:
        raise ValueError(f"unknown graph {name!r}{_closest(name, GRAPHS)}; {_choices(GRAPHS)}")
    wraps = {"refresh": (Refresh, "every"), "drop": (DropEdges, "p")}
    own = {key: value for key, value in options.items() if key not in wraps}
    builder = _built(GRAPHS[name], own, name, tuple(wraps))
    for option, (wrapper, argument) in wraps.items():
        if option in options:
            value = _converted(options[option], get_type_hints(wrapper.__init__)[argument], option)
            builder = wrapper(builder, value)
    return builder


def _parsed(text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option; write name=value, as in knn:k=3")
        options = _merged(options, {key.strip(): value.strip()})
    return options


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    twice = first.keys() & second.keys()
    if twice:
        raise ValueError(f"option {', '.join(sorted(twice))} is given twice")
    return {**first, **second}


def _built(
    kind: type[GraphBuilder], options: dict[str, Any], name: str, common: tuple[str, ...]
) -> GraphBuilder:
    """Calls the constructor with values of the types that it asks for."""
    plain = kind.__init__ is object.__init__
    parameters = {} if plain else dict(inspect.signature(kind).parameters)
    hints = {} if plain else get_type_hints(kind.__init__)
    for option in options:
        if option not in parameters:
            known = [*parameters, *common]
            raise ValueError(
                f"{name} has no option {option!r}{_closest(option, known)}; {_choices(known)}"
            )
    for option, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and option not in options:
            raise ValueError(f"{name} needs the option {option!r}, as in {name}:{option}=1")
    return kind(**{key: _converted(value, hints[key], key) for key, value in options.items()})


def _converted(value: Any, hint: Any, option: str) -> Any:
    """A value as the type hint wants it; texts are read, other values must fit."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if type(None) in kinds and (value is None or str(value).lower() == "none"):
        return None
    for kind in kinds:
        if kind in (int, float):
            try:
                number = float(value)
                return int(value) if kind is int and number == int(number) else kind(value)
            except (TypeError, ValueError, OverflowError):
                continue
        elif kind is not type(None):
            return value
    names = " or ".join("None" if k is type(None) else k.__name__ for k in kinds)
    raise ValueError(f"option {option} is {value!r}; it takes {names}")


def _closest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _choices(known: Any) -> str:
    return f"choose from {', '.join(known)}"

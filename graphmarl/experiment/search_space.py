"""Search spaces: ranges and lists of typed options, as `method.learning_rate=1e-4..1e-2:log`."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from graphmarl.checks import check_option
from graphmarl.envs import find_env
from graphmarl.experiment.sweep import PARTS, Cell, combined, written
from graphmarl.graphs import WRAPPER_ARGUMENTS, WRAPPERS, find_graph
from graphmarl.methods import find_method
from graphmarl.ranges import unwrapped
from graphmarl.resolver import hint, hints_of, split_name
from graphmarl.texts import Text, from_text

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

RANGE = re.compile(r"(?P<low>[^,:]+?)\.\.(?P<high>[^,:]+)(?P<log>:log)?")
FORM = "part.option=low..high, part.option=low..high:log or part.option=value,value"


@dataclass(frozen=True)
class Axis:
    """What an option may be: numbers between two bounds, or one of some values.

    Args:
        low: smallest number.
        high: largest number.
        log: whether numbers are drawn on a logarithmic scale.
        values: the values as they are typed; empty for a range.
    """

    low: float = 0
    high: float = 0
    log: bool = False
    values: tuple[str, ...] = ()

    def distribution(self) -> BaseDistribution:
        """The distribution of Optuna."""
        from optuna import distributions

        if self.values:
            return distributions.CategoricalDistribution(self.values)
        if isinstance(self.low, int) and isinstance(self.high, int):
            return distributions.IntDistribution(self.low, self.high, log=self.log)
        return distributions.FloatDistribution(self.low, self.high, log=self.log)

    def examples(self) -> list[Any]:
        """Both bounds, or all values."""
        return list(map(Text, self.values)) if self.values else [self.low, self.high]


@dataclass(frozen=True)
class SearchSpace:
    """A method, an environment and a graph, and which of their options are searched.

    Args:
        method: the method, with options.
        env: the environment, with options.
        graph: the graph builder, with options; None for the method's own.
        axes: what each option may be, by `part.option`.
    """

    method: str
    env: str
    graph: str | None
    axes: Mapping[str, Axis]

    def cell(self, name: str, choice: Mapping[str, Any]) -> Cell:
        """The combination of some values.

        Args:
            name: name of its runs.
            choice: a value of each option, by `part.option`.
        """
        graph = self.graph
        if graph is None:
            method, options = split_name(self.method, "method")
            given = {k[7:]: v for k, v in choice.items() if k.startswith("method.")}
            graph, own = split_name(find_method(method).graph_for(options | given), "graph")
            graph = written(graph, {k: v for k, v in own.items() if f"graph.{k}" not in choice})
        parts = (self.method, self.env, graph)
        made = combined(parts, parts, choice)
        return Cell(name, made.method, made.env, made.graph)

    def check(self) -> None:
        """Build environment, graph and learner with all bounds and values, a few at a time.

        Raises:
            ValueError: a combination that is not allowed.
        """
        examples = {key: axis.examples() for key, axis in self.axes.items()}
        for i in range(max(map(len, examples.values()))):
            # The second combination has all upper bounds, and the last values are repeated.
            choice = {key: values[min(i, len(values) - 1)] for key, values in examples.items()}
            self.cell("trial", choice).check()


def search_space(method: str, env: str, graph: str | None, vary: Sequence[str]) -> SearchSpace:
    """Read a search space; every bound and value is checked by the type of its option.

    Args:
        method: the method, with options.
        env: the environment, with options.
        graph: the graph builder, with options; None for the method's own.
        vary: `part.option=low..high`, with `:log` for a logarithmic scale, or
            `part.option=value,value`, for an option of a `method`, `env` or `graph`.

    Raises:
        ValueError: not of that form, an option that comes twice, or a bound or value that is not
            allowed.
    """
    own = find_method(split_name(method, "method")[0]).graph_for(split_name(method, "method")[1])
    names = {"method": method, "env": env, "graph": own if graph is None else graph}
    axes: dict[str, Axis] = {}
    for text in vary:
        key, _, words = text.partition("=")
        part, _, option = key.partition(".")
        if part not in PARTS or not option or not all(words.split(",")):
            raise ValueError(f"cannot vary {text!r}; write {FORM} where part is {', '.join(PARTS)}")
        if key in axes:
            raise ValueError(f"{key} is varied twice")
        name, given = split_name(names[part], part)
        if option in given and (part != "graph" or graph is not None):
            raise ValueError(f"{key} is varied, and has the value {given[option]} in {names[part]}")
        axes[key] = _axis(key, words, option_type(part, name, option))
    if not axes:
        raise ValueError(f"nothing is varied; write {FORM}")
    space = SearchSpace(method, env, graph, axes)
    space.check()
    return space


def option_type(part: str, name: str, option: str) -> Any:
    """The annotated type of an option.

    Args:
        part: `method`, `env` or `graph`.
        name: which one.
        option: the option.

    Raises:
        ValueError: there is no such option; the message names those there are.
    """
    known = option_types(part, name)
    if option not in known:
        text = f"{part} {name!r} has no option {option!r}; its options are {', '.join(known)}"
        raise ValueError(text + hint(option, known))
    return known[option]


def option_types(part: str, name: str) -> dict[str, Any]:
    """The annotated types of all options.

    Args:
        part: `method`, `env` or `graph`.
        name: which one.
    """
    if part == "method":
        return dict(list(hints_of(find_method(name)).items())[1:])
    if part == "env":
        return dict(hints_of(find_env(name)))
    arguments = WRAPPER_ARGUMENTS.items()
    wrapped = {option: hints_of(WRAPPERS[option])[argument] for option, argument in arguments}
    return {**hints_of(find_graph(name)), **wrapped}


def _axis(key: str, words: str, kind: Any) -> Axis:
    """A range or a list, checked by the type of the option."""
    if ".." not in words:
        values = tuple(words.split(","))
        for each in values:
            check_option("", key, from_text(Text(each), kind), kind)
        if len(set(values)) < len(values):
            raise ValueError(f"{key} has a value twice in {words}")
        return Axis(values=values)
    found = RANGE.fullmatch(words)
    if not found:
        raise ValueError(f"cannot vary {key}={words}; write {FORM}")
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    plain = [unwrapped(member)[0] for member in members]
    if float not in plain and int not in plain:
        raise ValueError(f"{key} is no number; write its values as {key}=value,value")
    bounds = []
    for word in (found["low"], found["high"]):
        number = from_text(Text(word), kind)
        check_option("", key, number, kind)
        if not isinstance(number, (int, float)) or isinstance(number, bool):
            raise ValueError(f"{key} has the bound {word}; allowed are numbers")
        bounds.append(float(number) if float in plain else number)
    low, high = bounds
    if not low < high:
        raise ValueError(f"{key} is varied from {low} to {high}; the first must be smaller")
    if found["log"] and low <= 0:
        raise ValueError(f"{key} is varied from {low}; a logarithmic scale needs a positive bound")
    return Axis(low, high, bool(found["log"]))

"""Checks of options by their annotated types, with one wording for what is refused."""

from __future__ import annotations

import functools
import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from graphmarl.ranges import MOST, Range, unwrapped
from graphmarl.texts import allowed, shown

P = ParamSpec("P")
T = TypeVar("T")


class Checked:
    """Base of the classes that can be named: options are checked when an object is constructed.

    The constructor of each subclass checks the options that it declares, by their annotated types.
    A value of the wrong type, not finite or out of range is a `ValueError` that says which option
    of what, what came and what is allowed.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _checked_init(vars(cls)["__init__"])


def _checked_init(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def checked_init(self: Any, /, *args: Any, **kwargs: Any) -> None:
        check_arguments(type(self).__name__, init, (self, *args), kwargs)
        init(self, *args, **kwargs)

    return checked_init


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator of a function whose arguments are checked by their annotated types.

    Args:
        function: the function.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        check_arguments("", function, args, kwargs)
        return function(*args, **kwargs)

    return call


def check_arguments(
    what: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Check the arguments of a call by the annotated types of the function.

    Args:
        what: owner of the options, for messages.
        function: what is called.
        args: positional arguments.
        kwargs: arguments by name.

    Raises:
        ValueError: says which option of what, what came and what is allowed.
    """
    names, hints = _signature(function)
    for name, value in (*zip(names, args, strict=False), *kwargs.items()):
        if name in hints:
            check_option(what, name, value, hints[name])


def check_fields(instance: Any) -> None:
    """Check the fields of a dataclass by their annotated types.

    Args:
        instance: the instance.

    Raises:
        ValueError: says which field of what, what came and what is allowed.
    """
    for name, hint in get_type_hints(type(instance), include_extras=True).items():
        check_option(type(instance).__name__, name, getattr(instance, name), hint)


@functools.cache
def _signature(function: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the positional parameters, and the checkable types of all named ones."""
    parameters = inspect.signature(function).parameters.values()
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):  # a type that is imported for type checkers only
        hints = {}
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = {p.name for p in parameters if p.kind not in variable}
    return (
        tuple(p.name for p in parameters if p.kind in positional),
        {name: hint for name, hint in hints.items() if name in named},
    )


def check_option(what: str, name: str, value: object, hint: Any) -> None:
    """Check one option by its annotated type.

    Args:
        what: owner of the option, for messages.
        name: the option.
        value: what came.
        hint: its type, with the range of a number.

    Raises:
        ValueError: says which option of what, what came and what is allowed.
    """
    if not fits(value, hint):
        owner = f"{what}: " if what else ""
        raise ValueError(f"{owner}{name} is {shown(value)}; allowed are {allowed(hint)}")


def fits(value: object, hint: Any) -> bool:
    """Whether a value has a type and is in its range; numbers are finite, and plain Python ones.

    Args:
        value: what came.
        hint: a type; one that is not about plain values allows everything.
    """
    kind, bounds = unwrapped(hint)
    if kind is None or kind is type(None):
        return value is None
    if get_origin(kind) in (Union, types.UnionType):
        return any(fits(value, member) for member in get_args(kind))
    if get_origin(kind) is Literal:
        return any(type(value) is type(each) and value == each for each in get_args(kind))
    if kind is bool:
        return type(value) is bool
    if kind is int:
        return type(value) is int and value in (bounds or Range(high=MOST, low=-MOST))
    if kind is float:
        return _is_number(value) and value in (bounds or Range())  # type: ignore[operator]
    if kind is str:
        return type(value) is str and (bounds is None or value in bounds)
    if get_origin(kind) in (tuple, list, Sequence):
        return _sequence_fits(value, kind)
    if get_origin(kind) in (dict, Mapping):
        names, each = get_args(kind)
        return isinstance(value, Mapping) and all(
            # A key from the command line is of a subclass of `str`.
            (isinstance(key, str) if names is str else fits(key, names)) and fits(entry, each)
            for key, entry in value.items()
        )
    if isinstance(kind, type) and kind.__module__.startswith(__name__.partition(".")[0]):
        return isinstance(value, kind)
    return True


def _is_number(value: Any) -> bool:
    """Whether a value is a plain, finite number that a float can hold."""
    if type(value) is int:
        return abs(value) < 2**1000
    return type(value) is float and math.isfinite(value)


def _sequence_fits(value: Any, kind: Any) -> bool:
    if not isinstance(value, (list, tuple)):
        return False
    members = get_args(kind)
    if get_origin(kind) is tuple and Ellipsis not in members:
        return len(value) == len(members) and all(map(fits, value, members))
    return all(fits(each, members[0]) for each in value)


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Refuse a value that is not one of a few, which depend on other options or tables.

    Args:
        name: the option.
        value: what came.
        choices: what may come.

    Raises:
        ValueError: says what came and what is allowed.
    """
    choices = tuple(choices)
    if not any(type(value) is type(each) and value == each for each in choices):
        raise ValueError(f"{name} is {shown(value)}; allowed are {', '.join(map(str, choices))}")


def check_between(low: float, high: float, /, **options: float | None) -> None:
    """Refuse numbers outside a closed interval that depends on other options.

    Args:
        low: the smallest number that is allowed.
        high: the largest one.
        options: numbers by the names of their options; None stands for one that is left out.

    Raises:
        ValueError: says which number came and what is allowed.
    """
    for name, value in options.items():
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} is {shown(value)}; allowed are {low} to {high}")


def bounded_or_default(name: str, value: int | None, low: int, high: int, default: int) -> int:
    """The value of an option that may be left out, within bounds that depend on other options.

    Args:
        name: the option.
        value: what came; None takes the default.
        low: the smallest number that is allowed.
        high: the largest one.
        default: what is taken without it.

    Raises:
        ValueError: says what came and what is allowed.
    """
    number = default if value is None else value
    check_between(low, high, **{name: number})
    return number

"""From the names and options that a person types to objects."""

from __future__ import annotations

import difflib
import importlib
import inspect
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def lookup(what: str, name: str, table: Mapping[str, type[T]]) -> type[T]:
    """The class of a name in a table, or of `module:Class` outside the library.

    Raises:
        ValueError: no such name; says what there is.
    """
    if name in table:
        return table[name]
    if ":" in name:
        module, _, attribute = name.partition(":")
        if module in table:
            raise ValueError(f"{attribute!r} is no option; write name=value, as in knn:k=3")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{what} {name!r} cannot be imported: {error}") from error
    close = difflib.get_close_matches(name, table, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"no {what} is called {name!r}; there are {', '.join(sorted(table))}{hint}")


def options_of(cls: type) -> dict[str, inspect.Parameter]:
    """The options of a constructor, with those that it passes on to its base class."""
    options: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        # What a class passes on by keyword is keyword-only in its base; the rest it fills itself.
        kinds = {inspect.Parameter.KEYWORD_ONLY}
        if not options:
            kinds.add(inspect.Parameter.POSITIONAL_OR_KEYWORD)
        options |= {p.name: p for p in parameters if p.kind in kinds and p.name not in options}
        if all(p.kind != p.VAR_KEYWORD for p in parameters):
            break
    return options


def defaults_of(cls: type, given: int = 0) -> dict[str, Any]:
    """The defaults of a constructor's options.

    Args:
        cls: the class.
        given: how many first arguments are not for a person to set.
    """
    options = list(options_of(cls).values())[given:]
    return {option.name: option.default for option in options if option.default is not option.empty}


def construct(
    what: str,
    name: str,
    cls: type[T],
    options: Mapping[str, Any],
    *given: Any,
    others: Sequence[str] = (),
) -> T:
    """Make an object of a class from named options; texts are read as the type hints ask.

    Args:
        what: kind of thing, for messages.
        name: its name, for messages.
        cls: its class.
        options: arguments by name.
        given: the first arguments, which are not for a person to set.
        others: options that are allowed but handled elsewhere, for messages.

    Raises:
        ValueError: an option that the constructor does not have, one that it needs and did not
            get, or a text that is no such value.
    """
    known = dict(list(options_of(cls).items())[len(given) :])
    for option in options:
        if option not in known:
            there = ", ".join([*known, *others])
            raise ValueError(f"{what} {name!r} has no option {option!r}; its options are {there}")
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise ValueError(f"{what} {name!r} needs the option {option!r}")
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base) and base.__module__.startswith(cls.__module__.split(".")[0]):
            hints |= get_type_hints(base.__init__)
    return cls(
        *given,
        **{key: _converted(value, hints.get(key, Any), key) for key, value in options.items()},
    )


def _converted(value: Any, hint: Any, option: str) -> Any:
    """A number as the type hint wants it, or one of the values that it names."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if type(None) in kinds and value is None:
        return None
    for kind in kinds:
        if get_origin(kind) is Literal:
            if value in get_args(kind):
                return value
        elif kind in (int, float):
            with suppress(TypeError, ValueError, OverflowError):
                number = float(value)
                if kind is float or number == int(number):
                    return kind(value)
        elif kind is not type(None):
            return value
    allowed = [get_args(k) if get_origin(k) is Literal else (k,) for k in kinds]
    names = " or ".join(_said(k) for group in allowed for k in group)
    raise ValueError(f"option {option} is {value!r}; it takes {names}")


def _said(kind: Any) -> str:
    """A type, or a value that is allowed, for messages."""
    if kind is type(None):
        return "None"
    return kind.__name__ if isinstance(kind, type) else repr(kind)


def split_name(value: str | Mapping[str, Any], what: str) -> tuple[str, dict[str, Any]]:
    """A name and its options.

    Args:
        value: a name (`knn`), a name with options (`knn:k=3,refresh=5`), or a mapping of `name` and
            options.
        what: kind of thing, for messages.

    Raises:
        ValueError: a mapping without a name, or an option without a value.
    """
    if not isinstance(value, str):
        options = dict(value)
        if "name" not in options:
            raise ValueError(f"{what} {options} has no 'name'")
        name, inner = split_name(options.pop("name"), what)
        return name, joined(inner, options)
    head, _, text = value.strip().rpartition(":") if "=" in value else (value.strip(), "", "")
    options = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, argument = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option; write name=value, as in knn:k=3")
        options = joined(options, {key.strip(): _literal(argument.strip())})
    return head, options


def _literal(text: str) -> Any:
    """The number or truth value that a text writes, or the text."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both groups of options.

    Raises:
        ValueError: an option that is in both.
    """
    twice = first.keys() & second.keys()
    if twice:
        raise ValueError(f"option {', '.join(sorted(twice))} is given twice")
    return {**first, **second}

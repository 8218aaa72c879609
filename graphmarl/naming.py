"""From the names and options that a person types to objects."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

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
        named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        options = {p.name: p for p in named} | options
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


def construct(what: str, name: str, cls: type[T], options: Mapping[str, Any], *given: Any) -> T:
    """Make an object of a class from named options.

    Args:
        what: kind of thing, for messages.
        name: its name, for messages.
        cls: its class.
        options: arguments by name.
        given: the first arguments, which are not for a person to set.

    Raises:
        ValueError: an option that the constructor does not have; says which it has.
    """
    known = list(options_of(cls))[len(given) :]
    for option in options:
        if option not in known:
            raise ValueError(
                f"{what} {name!r} has no option {option!r}; its options are {', '.join(known)}"
            )
    return cls(*given, **options)


def split_name(value: str | Mapping[str, Any], what: str) -> tuple[str, dict[str, Any]]:
    """A name and its options, from a name alone or from {"name": ..., option: ...}.

    Raises:
        ValueError: a mapping without a name.
    """
    if isinstance(value, str):
        return value, {}
    options = dict(value)
    if "name" not in options:
        raise ValueError(f"{what} {options} has no 'name'")
    return options.pop("name"), options

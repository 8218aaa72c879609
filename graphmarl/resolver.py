"""Names and options, as they are typed, to objects."""

from __future__ import annotations

import difflib
import importlib
import inspect
import types
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def lookup(
    what: str,
    name: str,
    table: Mapping[str, type[T]],
    base: type[T] | None = None,
    advice: str = "",
) -> type[T]:
    """The class of a name in a table, or of `module:Class` outside the library.

    Args:
        what: kind of thing, for messages.
        name: the name.
        table: classes by name.
        base: class that a class from outside the library must derive from.
        advice: end of the message if it does not.

    Raises:
        ValueError: no such name, or a class of another kind; the message names what there is.
    """
    if name in table:
        return table[name]
    if ":" in name:
        module, _, attribute = name.partition(":")
        if module in table:
            raise ValueError(f"{attribute!r} is no option; write name=value, as in knn:k=3")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{what} {name!r} cannot be imported: {error}") from error
        if base is not None and not (isinstance(found, type) and issubclass(found, base)):
            kind = "class" if isinstance(found, type) else type(found).__name__
            raise ValueError(
                f"{what} {name!r} is a {kind} that does not derive from "
                f"{base.__module__}.{base.__qualname__}{advice}"
            )
        return found
    raise ValueError(
        f"no {what} is called {name!r}; there are {', '.join(sorted(table))}{hint(name, table)}"
    )


def hint(name: str, allowed: Iterable[str]) -> str:
    """The nearest of the allowed names, as the end of a message; empty if none is near.

    Args:
        name: an unknown name.
        allowed: the known ones.
    """
    known = list(allowed)
    initials = [each for each in known if name == "".join(w[0] for w in each.split("_") if w)]
    contains = [each for each in known if len(name) > 2 and name in each.split("_")]
    close = initials or difflib.get_close_matches(name, known, 1) or contains
    return f"; did you mean {close[0]!r}?" if close else ""


def options_of(cls: type) -> dict[str, inspect.Parameter]:
    """The options of a constructor, with those that it passes on to its base class.

    Args:
        cls: the class.
    """
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
        given: number of first arguments that are no options.
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
    """Construct an object from named options, converted by the type hints of its constructor.

    Args:
        what: kind of thing, for messages.
        name: its name, for messages.
        cls: its class.
        options: arguments by name.
        given: the first arguments, which are no options.
        others: further options, handled elsewhere, for messages.

    Raises:
        ValueError: an unknown option, a missing one, or a value of the wrong type.
    """
    known = dict(list(options_of(cls).items())[len(given) :])
    for option in options:
        if option not in known:
            there = ", ".join([*known, *others])
            near = hint(option, [*known, *others])
            raise ValueError(
                f"{what} {name!r} has no option {option!r}; its options are {there}{near}"
            )
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
    """A number of the type of the hint, or one of the values of a `Literal`."""
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
    names = " or ".join(_typename(k) for group in allowed for k in group)
    raise ValueError(f"option {option} is {value!r}; it takes {names}")


def _typename(kind: Any) -> str:
    """A type or an allowed value, for messages."""
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
        ValueError: no name, or an option without a value.
    """
    if not isinstance(value, str):
        options = dict(value)
        if "name" not in options:
            raise ValueError(f"{what} {options} has no 'name'")
        name, inner = split_name(options.pop("name"), what)
        return name, joined(inner, options)
    head, _, text = value.strip().rpartition(":") if "=" in value else (value.strip(), "", "")
    if not head:
        raise ValueError(f"{value!r} names no {what}; write NAME:{value or 'option=value'}")
    options = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, argument = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option; write name=value, as in knn:k=3")
        options = joined(options, {key.strip(): _literal(argument.strip())})
    return head, options


def _literal(text: str) -> Any:
    """The number, boolean or None that a text stands for, or the text."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both groups of options.

    Args:
        first: options.
        second: further options.

    Raises:
        ValueError: an option that is in both.
    """
    twice = first.keys() & second.keys()
    if twice:
        raise ValueError(f"option {', '.join(sorted(twice))} is given twice")
    return {**first, **second}

"""Names and options, as they are typed, to objects."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from graphmarl.checks import check_option
from graphmarl.ranges import FILE, marked
from graphmarl.texts import Text, from_text, shown

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
        found = imported(what, name)
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


def imported(what: str, name: str) -> Any:
    """What a name `module:attribute` stands for.

    Args:
        what: kind of thing, for messages.
        name: the name.

    Raises:
        ValueError: it is no such name, or cannot be imported.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(f"{what} is {name!r}; write it as 'package.module:function'")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever the module raises while it is imported
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{what} {name!r} cannot be imported: {reason}") from error


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
    """Construct an object from named options, checked by the annotated types of its constructor.

    Args:
        what: kind of thing, for messages.
        name: its name, for messages.
        cls: its class.
        options: arguments by name.
        given: the first arguments, which are no options.
        others: further options, handled elsewhere, for messages.

    Raises:
        ValueError: an unknown option, a missing one, or a value of the wrong type or out of range.
    """
    known = dict(list(options_of(cls).items())[len(given) :])
    for option in options:
        if option not in known:
            there = ", ".join([*known, *others])
            near = hint(option, [*known, *others])
            near += getattr(cls, "others_with", lambda _: "")(option)
            raise ValueError(
                f"{what} {name!r} has no option {option!r}; its options are {there}{near}"
            )
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise ValueError(f"{what} {name!r} needs the option {option!r}")
    values = typed(cls, options, len(given))
    hints = hints_of(cls)
    # The constructor would refuse them too, but by the name of its class, which nobody typed.
    for key, value in values.items():
        check_option(f"{what} {name!r}", key, value, hints.get(key, Any))
    return cls(*given, **values)


@functools.cache
def hints_of(cls: type) -> Mapping[str, Any]:
    """The annotated types of a constructor's options, with those of its base classes.

    Args:
        cls: the class.
    """
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base) and base is not object:
            with suppress(NameError, TypeError):  # a type that is imported for type checkers only
                hints |= get_type_hints(base.__init__, include_extras=True)
    return MappingProxyType({name: hints.get(name, Any) for name in options_of(cls)})


def typed(cls: type, options: Mapping[str, Any], given: int = 0) -> dict[str, Any]:
    """Options in which texts as typed are values of the types of the constructor.

    Args:
        cls: the class.
        options: arguments by name; those of type `Text` are converted.
        given: number of first arguments that are no options.
    """
    hints = dict(list(hints_of(cls).items())[given:])
    return {
        name: from_text(value, hints.get(name, Any)) if isinstance(value, Text) else value
        for name, value in options.items()
    }


def with_absolute_files(cls: type, options: Mapping[str, Any], given: int = 0) -> dict[str, Any]:
    """Options in which the paths of existing files are absolute, in those of type `FileName`.

    Args:
        cls: the class.
        options: arguments by name.
        given: number of first arguments that are no options.
    """
    files = [name for name, kind in list(hints_of(cls).items())[given:] if marked(kind, FILE)]
    return {
        name: _absolute(value) if name in files and isinstance(value, str) else value
        for name, value in options.items()
    }


def _absolute(name: str) -> str:
    """The absolute path of a file, or the name unchanged if there is no such file."""
    with suppress(OSError, ValueError):  # a name that no file can have
        return str(Path(name).absolute()) if Path(name).is_file() else name
    return name


def split_name(value: object, what: str) -> tuple[str, dict[str, Any]]:
    """A name and its options.

    Args:
        value: a name (`knn`), a name with options (`knn:k=3,refresh=5`), or a mapping of `name` and
            options.
        what: kind of thing, for messages.

    Raises:
        ValueError: no name, or an option without a value.
    """
    if not isinstance(value, (str, Mapping)):
        raise ValueError(f"{what} is {shown(value)}; allowed are a name, or a mapping with name")
    if not isinstance(value, str):
        options = dict(value)
        if "name" not in options:
            raise ValueError(f"{what} {options} has no 'name'")
        name, inner = split_name(options.pop("name"), what)
        return name, joined(inner, options)
    head, text = value.strip(), ""
    if "=" in head:
        # The name ends before the first option; colons may stand in both.
        first, _, _ = head.partition("=")
        name = first.rpartition(":")[0]
        head, text = name, head[len(name) :].removeprefix(":")
    if not head:
        raise ValueError(f"{value!r} names no {what}; write NAME:{value or 'option=value'}")
    options = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, argument = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option; write name=value, as in knn:k=3")
        options = joined(options, {key.strip(): Text(argument.strip())})
    return head, options


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

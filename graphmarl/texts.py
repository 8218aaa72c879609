"""Options as text: values as they are typed, and types and values as messages show them."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, Union, get_args, get_origin

import yaml

from graphmarl.ranges import MOST, unwrapped


class Text(str):
    """A value as it is typed on a command line or in a name with options."""

    __slots__ = ()


WHOLE = re.compile(r"[+-]?\d[\d_]*(?:[eE]\+?\d{1,3})?")
WORDS: dict[str, bool | None] = {"true": True, "yes": True, "on": True}
WORDS |= {"false": False, "no": False, "off": False, "none": None, "null": None}


def from_text(text: Text, hint: Any) -> Any:
    """The value of a type that a text stands for; the text itself if it stands for none.

    Whole numbers may be typed as `300_000` or `1e5`, truth values as true and false, yes and no or
    on and off.

    Args:
        text: as typed.
        hint: the type of the option.
    """
    kind, _ = unwrapped(hint)
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (hint,)
    plain = [unwrapped(member)[0] for member in members]
    word = text.strip().lower()
    for member in sorted(plain, key=lambda member: member is str):
        if get_origin(member) is Literal:
            found = [each for each in get_args(member) if str(each).lower() == word]
            if found:
                return found[0]
        elif member in (None, type(None), bool):
            expected = bool if member is bool else type(None)
            if word in WORDS and type(WORDS[word]) is expected:
                return WORDS[word]
        elif member in (int, float):
            number = _number(word)
            if type(number) is int or (member is float and number is not None):
                return number
        elif member is str:
            return str(text)
        elif member is Any or get_origin(member) in CONTAINERS:
            return _plain(text)
    return str(text)


CONTAINERS = (list, tuple, dict, Sequence, Mapping)


def _number(text: str) -> int | float | None:
    """The number that a text stands for."""
    if WHOLE.fullmatch(text):
        with suppress(ValueError, OverflowError):  # more digits than Python converts
            return int(text) if "e" not in text else int(float(text.replace("_", "")))
    with suppress(ValueError):
        return float(text)
    return None


def _plain(text: str) -> Any:
    """The number, truth value, None, list or mapping that a text stands for, or the text."""
    word = text.strip().lower()
    if word in WORDS:
        return WORDS[word]
    number = _number(word)
    if number is not None:
        return number
    if text.strip()[:1] in ("[", "{"):
        with suppress(yaml.YAMLError, RecursionError):
            return yaml.safe_load(text)
    return str(text)


def allowed(hint: Any) -> str:
    """What an option of a type may be, in words.

    Args:
        hint: its type.
    """
    kind, bounds = unwrapped(hint)
    if kind is None or kind is type(None):
        return "None"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(allowed(member) for member in get_args(kind))
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    if kind is str and bounds is not None:
        return str(bounds)
    if kind in (int, float):
        words = "whole numbers" if kind is int else "numbers"
        text = "" if bounds is None else str(bounds).removesuffix(f" to {MOST:,}")
        return f"{words} {text}" if text else f"finite {words}"
    if get_origin(kind) in (tuple, list, Sequence):
        return f"lists of {allowed(get_args(kind)[0])}"
    if get_origin(kind) in (dict, Mapping):
        return "mappings"
    return {bool: "true and false", str: "text"}.get(kind, getattr(kind, "__name__", str(kind)))


def shown(value: object) -> str:
    """A value, for messages: short, and with its type if it is no plain value.

    Args:
        value: what came.
    """
    if type(value) is int and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    text = " ".join(repr(value).split())
    text = text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
    plain = (bool, int, float, str, list, tuple, dict, type(None))
    return text if type(value) in plain else f"{text} ({type(value).__name__})"

"""Checks of options: one wording for every value that is refused."""

from __future__ import annotations

from collections.abc import Iterable


def check_choice(name: str, value: object, allowed: Iterable[object]) -> None:
    """Refuse a value that is not one of a few.

    Args:
        name: the option.
        value: what came.
        allowed: what may come.

    Raises:
        ValueError: says what came and what is allowed.
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; allowed are {', '.join(map(str, allowed))}")


def check_at_least(least: float, /, **options: float | None) -> None:
    """Refuse numbers below a bound; None stands for an option that is left out.

    Args:
        least: the smallest number that is allowed.
        options: numbers by the names of their options.

    Raises:
        ValueError: says which number came and what is allowed.
    """
    for name, value in options.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name} is {value}; allowed are {least} and more")


def check_positive(**options: float | None) -> None:
    """Refuse numbers that are not greater than 0; None stands for an option that is left out.

    Args:
        options: numbers by the names of their options.

    Raises:
        ValueError: says which number came and what is allowed.
    """
    for name, value in options.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}; allowed are numbers greater than 0")


def check_between(low: float, high: float, /, **options: float | None) -> None:
    """Refuse numbers outside a closed interval; None stands for an option that is left out.

    Args:
        low: the smallest number that is allowed.
        high: the largest one.
        options: numbers by the names of their options.

    Raises:
        ValueError: says which number came and what is allowed.
    """
    for name, value in options.items():
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} is {value}; allowed are {low} to {high}")


def bounded_or_default(name: str, value: int | None, low: int, high: int, default: int) -> int:
    """The value of an option that may be left out.

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

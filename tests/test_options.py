"""Options are converted once, checked in one place, and every one of them declares its range."""

import inspect
import math
import re
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest

from graphmarl.checks import Checked, checked, fits
from graphmarl.cli import main
from graphmarl.envs import ENVS
from graphmarl.graphs import GRAPHS, WRAPPERS
from graphmarl.methods import METHODS
from graphmarl.nn import CUTS
from graphmarl.ranges import NonNegativeFloat, PositiveFloat, PositiveInt, Range, UnitInterval
from graphmarl.resolver import construct, hints_of, split_name
from graphmarl.texts import Text, allowed, from_text

NAMED: dict[str, type] = {**METHODS, **ENVS, **GRAPHS, **CUTS}
NAMED |= {wrapper.__name__: wrapper for wrapper in WRAPPERS.values()}


def members(hint: Any) -> list[Any]:
    if get_origin(hint) is Union or type(hint).__name__ == "UnionType":
        return [each for member in get_args(hint) for each in members(member)]
    return [hint]


@pytest.mark.parametrize("name", NAMED)
def test_every_number_declares_its_range(name):
    for option, hint in hints_of(NAMED[name]).items():
        assert hint is not inspect.Parameter.empty, option
        for member in members(hint):
            assert member not in (int, float), f"{option} of {name} has no range"


@pytest.mark.parametrize("name", NAMED)
def test_defaults_are_in_the_ranges(name):
    from graphmarl.resolver import defaults_of

    hints = hints_of(NAMED[name])
    for option, default in defaults_of(NAMED[name]).items():
        assert fits(default, hints[option]), f"{option} of {name}: {default!r}"


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("300_000", PositiveInt, 300_000),
        ("1e5", PositiveInt, 100_000),
        ("1e5", str, "1e5"),
        ("1e-3", PositiveFloat, 1e-3),
        ("2", PositiveFloat, 2),
        ("no", bool, False),
        ("YES", bool, True),
        ("off", bool, False),
        ("none", PositiveInt | None, None),
        ("none", str, "none"),
        ("24", Literal[24, 48], 24),
        ("up", Literal["up", "down"], "up"),
        ("4x4", list[int] | str | int, "4x4"),
        ("4", list[int] | str | int, 4),
        ("[4, 4]", list[int] | str | int, [4, 4]),
        ("{a: 1}", dict[str, Any], {"a": 1}),
        ("high", PositiveFloat, "high"),
    ],
)
def test_a_text_becomes_the_value_of_its_type(text, hint, value):
    found = from_text(Text(text), hint)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (True, PositiveInt),
        (1, bool),
        ("yes", bool),
        (math.nan, UnitInterval),
        (math.inf, PositiveFloat),
        (-math.inf, float),
        (10**400, float),
        (10**10, PositiveInt),
        (2.0, PositiveInt),
        (0, PositiveFloat),
        (-0.1, NonNegativeFloat),
        (1.0000001, UnitInterval),
        ("1", PositiveInt),
        (1, str),
        ([1, 0], list[PositiveInt]),
        ([1], str),
        (None, PositiveInt),
        (True, Literal[1]),
        ({1: 2}, dict[str, Any]),
    ],
)
def test_what_is_no_value_of_a_type_is_refused(value, hint):
    assert not fits(value, hint)
    with pytest.raises(ValueError, match="allowed are"):
        take(hint, value)


def take(hint: Any, value: object) -> None:
    def call(option: Any) -> None: ...

    call.__annotations__ = {"option": hint}
    checked(call)(value)


class Options(Checked):
    def __init__(self, rate: PositiveFloat = 0.1, *, words: bool = False, **more: int) -> None:
        self.rate, self.words, self.more = rate, words, more


class More(Options):
    def __init__(self, half: UnitInterval = 0.5, **base: Any) -> None:
        super().__init__(**base)
        self.half = half


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": -1}, "^More: rate is -1; allowed are numbers above 0$"),
        ({"half": 2}, "^More: half is 2; allowed are numbers from 0 to 1$"),
        ({"words": "no"}, "^More: words is 'no'; allowed are true and false$"),
    ],
)
def test_a_constructor_checks_its_own_options_and_those_of_its_bases(options, message):
    assert More(half=0, rate=1, words=True).half == 0
    with pytest.raises(ValueError, match=message):
        More(**options)


@pytest.mark.parametrize(
    ("text", "words"),
    [("a:words=no", False), ("a:words=on", True)],
)
def test_truth_values_in_words_are_what_they_say(text, words):
    name, options = split_name(text, "thing")
    assert construct("thing", name, More, options).words is words


def test_a_message_names_option_owner_value_and_range():
    with pytest.raises(ValueError, match=r"^thing 'a': half is '2'; allowed are numbers from 0"):
        construct("thing", "a", More, {"half": "2"})
    few: Any = Annotated[int, Range(low=2, high=9)]
    assert allowed(few | None) == "whole numbers from 2 to 9 or None"
    assert allowed(Annotated[float, Range(above=0, below=1)]) == "numbers above 0 below 1"


def test_help_shows_ranges_and_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--method", "vpp", "--env", "navigation", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "discount. (numbers from 0 to 1; default 0.95)" in text
    assert re.search(r"--graph\.refresh REFRESH [^()]*\(whole numbers from 1\)", text)


@pytest.mark.parametrize("method", ["vpp", "ip", "dgn", "neurcomm"])
def test_methods_whose_own_graph_has_options_have_a_help(method, capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", "--method", method, "--env", "navigation", "--help"])
    assert end.value.code == 0
    assert "--graph.k" in capsys.readouterr().out

"""Parsers of the commands: options of classes and functions, numbers, and unknown options."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, get_type_hints

from docstring_parser import parse as docstring
from jsonargparse import ArgumentParser, DefaultHelpFormatter

from graphmarl.envs import ENVS, find_env
from graphmarl.experiment.train import train
from graphmarl.graphs import GRAPHS, WRAPPERS, find_graph
from graphmarl.methods import METHODS, find_method
from graphmarl.resolver import hint


class Part(NamedTuple):
    """A part of a run that the command line names.

    Args:
        title: its name in messages.
        table: classes by name.
        find: the class of a name.
    """

    title: str
    table: Mapping[str, type]
    find: Callable[[str], type]


PARTS = {
    "method": Part("method", METHODS, find_method),
    "env": Part("environment", ENVS, find_env),
    "graph": Part("graph", GRAPHS, find_graph),
}
EVALUATE = "episodes to evaluate after training; writes evaluation.csv"
TEXTS = ("--name", "--runs", "--config", "--resume")
WHOLE = re.compile(r"[+-]?\d[\d_]*(?:\.\d+)?(?:[eE]\+?\d+)?")


class Help(argparse.RawDescriptionHelpFormatter, DefaultHelpFormatter):
    """Keeps the line breaks of the examples."""


class Words(argparse.ArgumentParser):
    """Raises an error of the command line instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """An error of the command line."""
        raise ValueError(message)


def new_parser(command: str, description: str, examples: Sequence[str] = ()) -> ArgumentParser:
    """A parser of one command.

    Args:
        command: the command, with its first arguments.
        description: what the command does.
        examples: command lines, without `graphmarl`.
    """
    return ArgumentParser(
        f"graphmarl {command}",
        description=description,
        epilog=epilog(examples),
        formatter_class=Help,
        exit_on_error=False,
        default_env=False,
    )


def epilog(examples: Sequence[str]) -> str:
    """Examples, one a line.

    Args:
        examples: command lines, without `graphmarl`.
    """
    return "\n".join(["examples:", *(f"  graphmarl {line}" for line in examples)])


def parse(parser: ArgumentParser, words: Sequence[str]) -> dict[str, Any]:
    """The options that were given, without defaults.

    Args:
        parser: knows the options.
        words: the command line.

    Raises:
        ValueError: an unknown option or a value of the wrong type.
    """
    known = [name for action in parser._actions for name in action.option_strings]
    for word in words:
        name = word.partition("=")[0]
        if re.match(r"--[A-Za-z]", name) and name not in known:
            raise ValueError(_unknown(name, known))
    try:
        return parser.parse_args(whole_numbers(words), defaults=False).as_dict()
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error


def _unknown(name: str, known: Sequence[str]) -> str:
    """An unknown option, with the known ones of the same group."""
    group, dot, option = name.removeprefix("--").rpartition(".")
    group += dot
    same = [n.removeprefix(f"--{group}") for n in known if n.startswith(f"--{group}")]
    same = [n for n in same if "." not in n and n not in ("help", "-h")]
    if not same and group:
        # `evaluate` takes a whole graph, but single options of the environment of the run.
        part = group.removesuffix(".")
        form = f"'{{{option}: ...}}'" if part == "env" else f"NAME:{option}=..."
        return f"no option is called {name}; write --{part} {form}"
    near = hint(option, same).replace("mean '", f"mean '--{group}")
    return f"no option is called {name}{near}; there are {', '.join(f'--{group}{n}' for n in same)}"


def whole_numbers(words: Sequence[str]) -> list[str]:
    """Command-line words in which whole numbers such as `300_000` and `1e5` are plain digits.

    Args:
        words: the command line.
    """

    def plain(text: str) -> str:
        if not WHOLE.fullmatch(text) or text.isdigit():
            return text
        number = float(text.replace("_", ""))
        return str(int(number)) if number.is_integer() and "." not in text else text

    found: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if (found and found[-1] in TEXTS) or name in TEXTS:
            found.append(word)
        elif word.startswith("--") and equals:
            found.append(f"{name}={plain(value)}")
        else:
            found.append(plain(word))
    return found


def train_parser(names: dict[str, str]) -> ArgumentParser:
    """A parser with the options of `train` and of a method, an environment and a graph.

    Args:
        names: names of the parts, by `method`, `env` and `graph`.
    """
    parser = new_parser(
        "train [--config FILE | --resume RUN]",
        "Train a method in an environment on an agent graph.",
        [
            "train --method nvif_ppo --env gather --graph knn --graph.k 8 --steps 80_000",
            "train --method qmix --env skirmish --env.map 3m --method.learning_rate 1e-3",
            "train --resume runs/NAME",
            "train --config runs/NAME/config.yaml --seed 1",
        ],
    )
    parser.add_function_arguments(train, skip=set(PARTS))
    parser.add_argument("--evaluate", type=int, help=EVALUATE)
    for part, (_, _, find) in PARTS.items():
        parser.add_class_arguments(find(names[part]), part, skip={"spec"}, fail_untyped=False)
        if part == "graph":
            for option, (wrapper, argument) in WRAPPERS.items():
                kind = get_type_hints(wrapper.__init__)[argument]
                texts = {p.arg_name: p.description for p in docstring(wrapper.__doc__ or "").params}
                parser.add_argument(f"--graph.{option}", type=kind, help=texts[argument])
    for action in parser._actions:
        # A required option may be in the file or in the name; the constructor asks for it.
        action.required = False
        if action.dest in PARTS:
            # The name was taken from the command line before; this entry is for the help alone.
            action.help = f"one of {', '.join(PARTS[action.dest].table)}, or module:Class"
            action.metavar = "NAME"
    return parser


def first_sentence(entry: Any) -> str:
    """First line of the documentation of a class.

    Args:
        entry: the class.
    """
    return (inspect.getdoc(entry) or "").splitlines()[0]

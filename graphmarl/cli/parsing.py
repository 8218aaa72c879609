"""Parsers of the commands: options of classes and functions, and unknown options."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn, get_type_hints

from docstring_parser import parse as docstring

from graphmarl.checks import check_option
from graphmarl.envs import ENVS
from graphmarl.graphs import GRAPHS
from graphmarl.methods import METHODS
from graphmarl.resolver import Registry, hints_of, options_of
from graphmarl.resolver import hint as nearest
from graphmarl.texts import Text, allowed, from_text


class Part(NamedTuple):
    """A part of a run that the command line names.

    Args:
        title: its name in messages.
        table: classes by name.
    """

    title: str
    table: Registry[type[Any]]


PARTS = {
    "method": Part("method", METHODS),
    "env": Part("environment", ENVS),
    "graph": Part("graph", GRAPHS),
}
SLURM = "options of sbatch as submitit names them, as in partition=gpu time=60"


class Parser(argparse.ArgumentParser):
    """Raises an error of the command line instead of ending the process.

    Args:
        command: the command, with its first arguments.
        description: what the command does.
        examples: command lines, without `graphmarl`.
    """

    def __init__(self, command: str, description: str, examples: Sequence[str] = ()) -> None:
        super().__init__(
            f"graphmarl {command.split()[0]}",
            usage=f"graphmarl {command} [OPTIONS]",
            description=description,
            epilog="\n".join(["examples:", *(f"  graphmarl {line}" for line in examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.hints: dict[str, Any] = {}
        self.groups: dict[str, Any] = {}

    def error(self, message: str) -> NoReturn:
        """An error of the command line."""
        raise ValueError(message)

    def add_options(
        self, target: Callable[..., Any], part: str = "", skip: Iterable[str] = ()
    ) -> None:
        """Add the options of a class or function; their values stay as they are typed.

        Args:
            target: the class or function.
            part: part of the run that the options belong to; empty for the command itself.
            skip: options to leave out.
        """
        if isinstance(target, type):
            parameters, hints, docs = options_of(target), hints_of(target), target.__mro__
        else:
            parameters = dict(inspect.signature(target).parameters)
            hints, docs = get_type_hints(target, include_extras=True), (target,)
        texts: dict[str, str] = {}
        for each in reversed(docs):
            found = docstring(inspect.cleandoc(each.__doc__ or "")).params
            texts |= {
                name.strip(): " ".join((param.description or "").split())
                for param in found
                for name in param.arg_name.split(",")
            }
        for name, parameter in parameters.items():
            if name not in skip:
                whole = f"{part}.{name}" if part else name
                default = None if parameter.default is parameter.empty else parameter.default
                self.add_option(whole, hints.get(name, Any), texts.get(name, ""), default)

    def add_option(self, name: str, hint: Any, text: str, default: Any = None) -> None:
        """Add one option, whose value is converted and checked by its annotated type.

        Args:
            name: the option; one of a part, as in `method.gamma`, stays as it is typed.
            hint: its type.
            text: what it is.
            default: what holds without it, for the help.
        """
        self.hints[name] = hint
        part = name.rpartition(".")[0]
        if part and part not in self.groups:
            self.groups[part] = self.add_argument_group(f"options of the {PARTS[part].title}")
        words = allowed(hint) + ("" if default is None else f"; default {default}")
        self.groups.get(part, self).add_argument(
            f"--{name}",
            type=Text,
            default=argparse.SUPPRESS,
            metavar=name.rpartition(".")[2].upper(),
            help=f"{text} ({words})".strip().replace("%", "%%"),
        )


def parse(parser: Parser, words: Sequence[str]) -> dict[str, Any]:
    """The options that were given, without defaults; those of a part in a mapping of their own.

    Args:
        parser: knows the options.
        words: the command line.

    Raises:
        ValueError: an unknown option, or a value that is not allowed.
    """
    known = [name for action in parser._actions for name in action.option_strings]
    for word in words:
        name = word.partition("=")[0]
        if re.match(r"--[A-Za-z]", name) and name not in known:
            raise ValueError(_unknown(name, known))
    given: dict[str, Any] = {}
    for name, value in vars(parser.parse_args(words)).items():
        part, dot, option = name.partition(".")
        if dot:
            given.setdefault(part, {})[option] = value
        elif name in parser.hints and name not in ("method", "graph"):
            given[name] = from_text(value, parser.hints[name])
            check_option("", name, given[name], parser.hints[name])
        else:
            given[name] = str(value) if isinstance(value, str) else value
    return given


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
    near = nearest(option, same).replace("mean '", f"mean '--{group}")
    if group == "method.":
        from graphmarl.methods import Method  # here, as it imports PyTorch

        near += Method.others_with(option)
    return f"no option is called {name}{near}; there are {', '.join(f'--{group}{n}' for n in same)}"

"""The command `train`: from names and options, a file, or the checkpoint of a run."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from typing import Any

from docstring_parser import parse as docstring

from graphmarl.cli.parsing import PARTS, Parser, parse
from graphmarl.envs import find_env
from graphmarl.experiment.evaluate import save_evaluation
from graphmarl.experiment.presets import with_preset
from graphmarl.experiment.train import resume, train
from graphmarl.experiment.trust import check_trust
from graphmarl.graphs import WRAPPER_ARGUMENTS, WRAPPERS, find_graph
from graphmarl.methods import find_method
from graphmarl.ranges import Copies
from graphmarl.resolver import hints_of, split_name
from graphmarl.results.run import Run, read_config
from graphmarl.texts import Text, from_text

FIND: dict[str, Callable[[str], type]] = {
    "method": find_method,
    "env": find_env,
    "graph": find_graph,
}
"""The class of a name, for each part."""
LOGGER = "csv, which every run has, and tensorboard, wandb or mlflow, as in csv,tensorboard"
EVALUATE = "episodes to evaluate after training; writes evaluation.csv"


def train_command(words: list[str]) -> None:
    """Train from names and options, from a file, or from the last checkpoint of a run."""
    first = argparse.ArgumentParser("graphmarl train", add_help=False, allow_abbrev=False)
    first.error = Parser.error.__get__(first)  # type: ignore[method-assign]
    for name in ("resume", "config", "preset", *PARTS):
        first.add_argument(f"--{name}")
    chosen, rest = first.parse_known_args(words)
    begun = chosen.resume is not None
    given = _resumed(vars(chosen), rest) if begun else _configuration(vars(chosen), rest)
    episodes = given.pop("evaluate", None)
    run: Run = resume(chosen.resume, **given) if begun else train(**given)
    if episodes is not None:
        save_evaluation(run, episodes)
    print(run.ended(), file=sys.stderr)
    print(run.path)


def _resumed(chosen: dict[str, str | None], rest: list[str]) -> dict[str, Any]:
    """The arguments of `resume`; options that it would ignore are refused."""
    parser = Parser("train --resume RUN", (resume.__doc__ or "").splitlines()[0])
    parser.add_options(resume, skip=("path", "callbacks", "logger"))
    parser.add_option("logger", str, LOGGER)
    parser.add_option("evaluate", Copies, EVALUATE)
    others = ("config", "preset", *PARTS)
    ignored = [f"--{name}" for name in others if chosen[name] is not None]
    ignored += [word for word in rest if word.removeprefix("--").partition(".")[0] in PARTS]
    if ignored:
        raise ValueError(f"--resume continues a run as it was configured; it takes no {ignored[0]}")
    if not chosen["resume"]:
        raise ValueError("--resume is empty; it takes a run folder")
    return parse(parser, rest)


def _configuration(chosen: dict[str, str | None], rest: list[str]) -> dict[str, Any]:
    """The arguments of `train`: of a file or preset, changed by those of the command line."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--trust", default="false")
    trust, rest = first.parse_known_args(rest)
    config: dict[str, Any] = {}
    if chosen["config"] is not None:
        if chosen["preset"] is not None:
            raise ValueError("--config and --preset both name what is trained; give one of them")
        config = read_config(chosen["config"])
        if from_text(Text(trust.trust), bool) is not True:
            check_trust(config, chosen["config"])
    preset = chosen["preset"] or config.pop("preset", None)
    # A part that is named on the command line replaces that of the file.
    named_parts: dict[str, Any] = {part: chosen[part] or config.pop(part, None) for part in PARTS}
    values = with_preset(preset, **named_parts)
    config = {"steps": values["steps"]} | config
    parts: dict[str, tuple[str, dict[str, Any]]] = {}
    for part in PARTS:
        value = values[part]
        parts[part] = ("", {}) if value is None else split_name(value, PARTS[part].title)
    learner, named = find_method(parts["method"][0]), bool(parts["graph"][0])
    if not named:
        parts["graph"] = split_name(learner.graph_for(parts["method"][1]), "graph")
    given = parse(train_parser({part: name for part, (name, _) in parts.items()}), rest)
    if not named:
        options = {**parts["method"][1], **given.get("method", {})}
        parts["graph"] = split_name(learner.graph_for(options), "graph")
    for part, (name, options) in parts.items():
        config[part] = {"name": name, **options, **given.pop(part, {})}
    known = inspect.signature(train).parameters
    if unknown := [name for name in config if name not in known]:
        raise ValueError(f"{chosen['config']} has {unknown[0]!r}; allowed are {', '.join(known)}")
    return config | given


def train_parser(names: dict[str, str]) -> Parser:
    """A parser with the options of `train` and of a method, an environment and a graph.

    Args:
        names: names of the parts, by `method`, `env` and `graph`.
    """
    parser = Parser(
        "train [--config FILE | --resume RUN]",
        "Train a method in an environment on an agent graph.",
        [
            "train --method nvif_ppo --env gather --graph knn --graph.k 8 --steps 80_000",
            "train --method qmix --env skirmish --env.map 3m --method.learning_rate 1e-3",
            "train --resume runs/NAME",
            "train --config runs/NAME/config.yaml --seed 1",
        ],
    )
    for part, (_, table) in PARTS.items():
        # Taken from the command line before; these entries are for the help alone.
        text = f"one of {', '.join(table)}, or module:Class"
        parser.add_argument(f"--{part}", metavar="NAME", default=argparse.SUPPRESS, help=text)
    parser.add_options(train, skip=(*PARTS, "callbacks", "logger"))
    parser.add_option("logger", str, LOGGER, "csv")
    parser.add_option("evaluate", Copies, EVALUATE)
    # Taken from the command line before, as the names are.
    parser.add_option("trust", bool, "import code that the file of --config names", False)
    for part, find in FIND.items():
        parser.add_options(find(names[part]), part, skip=("spec",))
    for option, argument in WRAPPER_ARGUMENTS.items():
        wrapper = WRAPPERS[option]
        texts = {p.arg_name: p.description for p in docstring(wrapper.__doc__ or "").params}
        parser.add_option(f"graph.{option}", hints_of(wrapper)[argument], texts[argument] or "")
    return parser

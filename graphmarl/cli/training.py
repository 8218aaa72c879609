"""The command `train`: from names and options, a file, or the checkpoint of a run."""

from __future__ import annotations

import argparse
import inspect
import sys
from typing import Any

from graphmarl.cli.parsing import EVALUATE, LOGGER, PARTS, Parser, parse, train_parser
from graphmarl.experiment.evaluate import save_evaluation
from graphmarl.experiment.presets import with_preset
from graphmarl.experiment.train import resume, train
from graphmarl.experiment.trust import check_trust
from graphmarl.methods import find_method
from graphmarl.ranges import Copies
from graphmarl.resolver import split_name
from graphmarl.results.run import Run, read_config
from graphmarl.texts import Text, from_text


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

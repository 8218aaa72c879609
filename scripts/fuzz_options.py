"""Fuzz test of options: every option of every method, environment, graph and cut.

Each value is plain or hostile, inside or outside of the declared range, as a value or as text. It
must be refused with one line, or construct an object; a value outside of its range that constructs
is a silent acceptance. Every 20th method that is constructed is trained for two updates.

Examples:
  python scripts/fuzz_options.py --count 10000
  python scripts/fuzz_options.py --count 500 --seed 1
"""

import argparse
import math
import random
import time
import types
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from fuzzing import outcome

from graphmarl.checks import fits
from graphmarl.data import Collector
from graphmarl.envs import ENVS
from graphmarl.experiment.config import Config
from graphmarl.experiment.policies import make_cut
from graphmarl.graphs import GRAPHS, WRAPPER_ARGUMENTS, WRAPPERS, make_graph
from graphmarl.methods import METHODS
from graphmarl.nn import CUTS
from graphmarl.ranges import unwrapped
from graphmarl.resolver import hints_of, options_of
from graphmarl.texts import Text, from_text

SECONDS = 60
REFUSALS = (ValueError, ImportError, OSError, MemoryError)
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 2.5, -0.5, 1e-12, 1e30, 10**10, -(10**10), 10**400),
    *(math.nan, math.inf, -math.inf, "", "no", "yes", "abc", "1", "none", "os:system", "\x00"),
    *([], [1], [0], {}, {"a": 1}, (1, 2), b"1", object(), len, np.float64(0.5), np.int64(1)),
)
TEXTS = (
    "no",
    "yes",
    "true",
    "none",
    "0",
    "1",
    "-1",
    "2.5",
    "nan",
    "inf",
    "1e400",
    "abc",
    "",
    "[1]",
)
SMALL = {"num_envs": 2, "rollout_length": 4, "batch_size": 2, "learning_starts": 4, "hidden": 8}
SMALL |= {"recurrent": 8, "episodes": 2, "code_epochs": 1, "flow_epochs": 1, "train_interval": 4}
SMALL |= {"model_gradient_steps": 1, "policy_gradient_steps": 1, "sequence_length": 3}
SKIPPED = {"smac": "needs a game", "pettingzoo": "needs a function", "flatland": "is slow to load"}


def inside(hint: Any, rng: random.Random) -> Any:
    """A value of a type and in its range, small enough to be constructed quickly."""
    kind, bounds = unwrapped(hint)
    if get_origin(kind) in (Union, types.UnionType):
        return inside(rng.choice(get_args(kind)), rng)
    if get_origin(kind) is Literal:
        return rng.choice(get_args(kind))
    if kind is bool:
        return rng.random() < 0.5
    if kind in (int, float) and bounds is not None:
        low = bounds.low if bounds.low is not None else bounds.above
        low = -2 if low is None else low
        ends = [each for each in (bounds.high, bounds.below) if each is not None]
        high = min(low + 4, *ends) if ends else low + 4
        number = rng.uniform(low, high) if kind is float else rng.randint(int(low), int(high))
        return number if number in bounds else kind(low + 1)
    return None


def cases(rng: random.Random) -> tuple[str, str, str, Any, Any]:
    """Part, name, option, its type and a value."""
    tables: dict[str, Mapping[str, type]] = {
        "method": METHODS,
        "env": {name: cls for name, cls in ENVS.items() if name not in SKIPPED},
        "graph": GRAPHS,
        "cut": CUTS,
    }
    part = rng.choices(list(tables), (6, 4, 1, 1))[0]
    name = rng.choice(list(tables[part]))
    cls = tables[part][name]
    hints = {k: hint for k, hint in hints_of(cls).items() if k != "spec"}
    if part == "graph":
        hints |= {o: hints_of(WRAPPERS[o])[a] for o, a in WRAPPER_ARGUMENTS.items()}
    if not hints:
        return cases(rng)
    option = rng.choice(list(hints))
    kind = rng.random()
    if kind < 0.4:
        value = inside(hints[option], rng)
    elif kind < 0.8:
        value = rng.choice(HOSTILE)
    else:
        value = Text(rng.choice(TEXTS))
    return part, name, option, hints[option], value


def build(part: str, name: str, option: str, value: Any, train: bool) -> None:
    """Construct what an option belongs to, and train a method if asked."""
    if part == "cut":
        first = next(iter(options_of(CUTS[name])))
        options = {first: 1, option: value}
        make_cut(f"{name}=" + ",".join(str(options.pop(k)) for k in [first]) + "".join(
            f",{key}={each}" for key, each in options.items()))  # fmt: skip
        return
    if part == "graph":
        make_graph(name, **({"r": 1.0} if name == "radius" else {}) | {option: value})
        return
    env = name if part == "env" else ("navigation" if name in CONTINUOUS else "hallway")
    env = "sensor" if name.startswith("nvif") else env
    config: dict[str, Any] = {
        "method": {"name": name} if part == "method" else {"name": "ippo"},
        "env": {"name": env},
        "graph": "complete",
        "steps": 8,
        "seed": 0,
    }
    for each in ("method", "env"):
        known = hints_of((METHODS if each == "method" else ENVS)[config[each]["name"]])
        fit = {k: v for k, v in SMALL.items() if k in known and fits(v, known[k])}
        config[each] |= fit
    config[part][option] = value
    plan = Config(config)
    with closing(plan.environment()) as environment:
        learner = plan.learner(environment.spec) if part == "method" else None
        if part == "env":
            environment.reset(0)
        if train and learner is not None:
            length = min(learner.rollout_length, 8)
            data = Collector(environment, plan.builder(), learner, 8, length, 0)
            next(iter(data))


CONTINUOUS = ("vpp", "ip", "maddpg", "maddpgs", "pic")


def tried(case: tuple[str, str, str, Any], train: bool, good: bool) -> str:
    """Build what a case describes, which only a value in its range should allow."""
    build(*case, train)
    return "constructed" if good else "silent acceptance"


def fuzz(count: int, seed: int, report: Callable[[str], Any] = print) -> Counter[str]:
    """Try values of random options; returns the counts by outcome.

    Args:
        count: number of values.
        seed: seed of the values.
        report: called with each failure.
    """
    rng, counts = random.Random(seed), Counter[str]()
    for number in range(count):
        part, name, option, hint, value = cases(rng)
        meant = from_text(value, hint) if isinstance(value, Text) else value
        good = part == "cut" or fits(meant, hint)
        use = partial(tried, (part, name, option, value), number % 20 == 0, good)
        made, said = outcome(use, SECONDS, REFUSALS)
        counts[made] += 1
        if made not in ("refused", "constructed"):
            report(f"{made}: {part} {name} {option}={value!r}\n{said[-600:]}")
    return counts


def main() -> None:
    """Fuzz, and print the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="number of values")
    parser.add_argument("--seed", type=int, default=0, help="seed of the values")
    given, begun = parser.parse_args(), time.monotonic()
    counts = fuzz(given.count, given.seed)
    numbers = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    print(f"{given.count} values in {time.monotonic() - begun:.0f} s: {numbers}")


if __name__ == "__main__":
    main()

"""The command `tune`: a search of options by Optuna."""

from __future__ import annotations

from graphmarl.cli.parsing import SLURM, Parser, parse
from graphmarl.experiment.tune import tune

TEXT = """Search options of a method, an environment and a graph by Optuna. The same command again
continues interrupted trials; with more --trials it goes on."""


def tune_command(words: list[str]) -> None:
    """Search options; prints the best trial and its command."""
    lines = "method.learning_rate=1e-4..1e-2:log method.hidden=32,64,128"
    examples = [
        f"tune --name rate --method dgn --env navigation --vary {lines}",
        "tune --name size --method dgn --env gather --vary method.layers=1..3 --trials 9 --jobs 2",
    ]
    parser = Parser("tune", TEXT, examples)
    parser.add_argument("--vary", nargs="+", required=True, metavar="PART.OPTION=RANGE")
    parser.add_options(tune, skip=("vary", "slurm"))
    parser.add_argument("--slurm", nargs="+", metavar="NAME=VALUE", help=SLURM, default=())
    given = parse(parser, words)
    for name in ("name", "method", "env"):
        if name not in given:
            raise ValueError(f"the following arguments are required: --{name}")
    tune(**given)

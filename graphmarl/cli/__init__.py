"""The command line: `graphmarl train | evaluate | ablate | tune | report | ...`."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from graphmarl.resolver import Registry, hint

USAGE = """usage: graphmarl COMMAND [OPTIONS]

commands:
  train      train a method in an environment on an agent graph
  evaluate   evaluate a trained policy on new episodes
  ablate     train a grid of methods, graphs and options with several seeds
  tune       search options of a method, environment and graph by Optuna
  report     print the table of an ablation and plot its results again
  messages   plot the return of a run against the percentage of message bits cut
  animate    animate an episode of a run with its agent graph and attention
  inspect    tables and graphs of what a policy sends and computes
  methods    list the methods and what they support
  envs       list the environments
  graphs     list the graph builders
  presets    list the settings that are known to learn, and their commands
  info       print versions of packages, devices and threads

options:
  -h, --help     show this message
  --version      print the version of graphmarl

examples:
  graphmarl train --preset navigation --method dgn
  graphmarl train --method vpp --env navigation --graph knn --graph.k 4 --steps 300_000
  graphmarl train --method dgn --env gather --help
  graphmarl evaluate runs/NAME --episodes 20 --graph complete
  graphmarl ablate --name graphs --method dgn --env gather --graphs knn:k=3 complete none

`graphmarl train --method METHOD --env ENV --graph GRAPH --help` lists the options of all three.
"""

COMMANDS: Registry[Callable[[list[str]], int | None]] = Registry(
    __name__,
    {
        "train": "training:train_command",
        "evaluate": "commands:evaluate_command",
        "ablate": "ablation:ablate_command",
        "tune": "tuning:tune_command",
        "report": "ablation:report_command",
        "messages": "commands:messages_command",
        "animate": "commands:animate_command",
        "inspect": "commands:inspect_command",
        "methods": "listing:methods_command",
        "envs": "listing:envs_command",
        "graphs": "listing:graphs_command",
        "presets": "commands:presets_command",
        "info": "commands:info_command",
    },
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. A user's mistake is one line, not a traceback.

    Args:
        arguments: the command line; that of this process without it.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command in ("", "-h", "--help"):
        print(USAGE, end="")
        return 0
    if command == "--version":
        from importlib.metadata import version

        print(f"graphmarl {version('graphmarl')}")
        return 0
    if command not in COMMANDS:
        allowed = f"there are {', '.join(COMMANDS)}{hint(command, COMMANDS)}"
        print(f"graphmarl: no command is called {command!r}; {allowed}", file=sys.stderr)
        return 2
    call = COMMANDS[command]
    if arguments is None:
        # What was imported is kept, so that no later collection looks through it, nor the last one.
        gc.freeze()
    return _run(command, call, rest)


def _run(command: str, call: Callable[[list[str]], int | None], words: list[str]) -> int:
    """Run a command; its warnings and a user's mistakes are one line each."""
    from graphmarl.experiment.interrupts import Terminated

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"graphmarl {command}: warning: {message}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            return call(words) or 0
    except KeyboardInterrupt as error:
        text = str(error) or "interrupted; saved files are complete"
        print(f"graphmarl {command}: {text}", file=sys.stderr)
        return 130
    except Terminated as error:
        print(f"graphmarl {command}: {error}", file=sys.stderr)
        return error.status
    except (FloatingPointError, MemoryError) as error:
        print(f"graphmarl {command}: {error or 'out of memory'}", file=sys.stderr)
        return 1
    except (ValueError, OSError, ImportError) as error:
        print(f"graphmarl {command}: {error}", file=sys.stderr)
        return 2

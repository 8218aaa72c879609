"""Code from outside the library that a configuration names: refused unless it is trusted."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphmarl.envs import ENVS
from graphmarl.graphs import GRAPHS
from graphmarl.methods import METHODS
from graphmarl.ranges import CODE, marked
from graphmarl.resolver import hints_of, options_of, split_name
from graphmarl.results.run import Run

TABLES: dict[str, Mapping[str, type]] = {"method": METHODS, "env": ENVS, "graph": GRAPHS}


def foreign_names(config: Mapping[str, Any]) -> list[str]:
    """Names of classes and functions from outside the library, whose import would run their code.

    Args:
        config: a configuration with `method`, `env` and `graph`.
    """
    found = []
    for part, table in TABLES.items():
        if config.get(part) is None:
            continue
        name, options = split_name(config[part], part)
        if name not in table:
            found += [name] if ":" in name else []
            continue
        known = options_of(table[name])
        for option, hint in hints_of(table[name]).items():
            value = options.get(option)
            if marked(hint, CODE) and isinstance(value, str) and value != known[option].default:
                found.append(value)
    return found


def check_trust(config: Mapping[str, Any], path: str | Path) -> None:
    """Refuse a configuration that names code from outside the library.

    Args:
        config: a configuration.
        path: its file or run folder.

    Raises:
        ValueError: says which code it is and how to allow it.
    """
    found = foreign_names(config)
    if found:
        raise ValueError(
            f"{path} names {', '.join(found)} from outside graphmarl, whose code would run; "
            "allow it by --trust true (trust=True) if you know where it is from"
        )


def with_names(cls: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in which functions stand as `module:function`, which a run folder can keep.

    Args:
        cls: the class whose options they are.
        options: arguments by name.

    Raises:
        ValueError: a function that cannot be imported by its name.
    """
    hints = hints_of(cls)
    return {
        name: _name_of(name, value)
        if callable(value) and not isinstance(value, str) and marked(hints.get(name), CODE)
        else value
        for name, value in options.items()
    }


def _name_of(option: str, function: Any) -> str:
    """`module:function`, if that names the function."""
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    if module and getattr(sys.modules.get(module), name, None) is function:
        return f"{module}:{name}"
    raise ValueError(
        f"{option} is {function!r}, which has no name at the top of a module, where a run could "
        "find it again; write it there, or as 'module:function'"
    )


def trusted_config(run: Run, trust: bool) -> dict[str, Any]:
    """The configuration of a run, if the code that it names is trusted.

    Args:
        run: the run folder.
        trust: allow code from outside the library.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: it names code that is not trusted.
    """
    config = run.config()
    if not (run.trust or trust):
        check_trust(config, run.path)
    return config

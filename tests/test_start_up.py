"""What a command imports: the listings no PyTorch, `train` only what it uses."""

import gc
import inspect
import subprocess
import sys
import types
from collections.abc import Mapping
from typing import Any

import pytest

import graphmarl.envs
import graphmarl.graphs
import graphmarl.methods
from graphmarl.cli import main
from graphmarl.envs import ENVS
from graphmarl.graphs import GRAPHS, WRAPPER_ARGUMENTS, WRAPPERS
from graphmarl.learners import Learner
from graphmarl.methods import METHODS
from graphmarl.methods.table import COLUMNS
from graphmarl.resolver import (
    Declaration,
    Registry,
    lazy_attributes,
    options_of,
    quick_import,
)

HEAVY = ("torch", "lightning", "torch_geometric", "numpy", "pandas", "scipy", "matplotlib")
REGISTRIES: list[Registry[Any]] = [METHODS, ENVS, GRAPHS, WRAPPERS]
NAMES = [(table, name) for table in REGISTRIES for name in table]
SECONDS = 0.3
"""CPU time of a listing."""


def first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").splitlines()[0]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("command", ["--version", "--help", "methods", "envs", "graphs"])
def test_a_listing_imports_no_heavy_package_and_says_what_the_classes_say(command, capsys):
    end = f"print([n for n in {HEAVY} if n in sys.modules], time.process_time())"
    said = python(f"import sys, time; from graphmarl.cli import main; main(['{command}']); {end}")
    printed, _, last = said.rstrip().rpartition("\n")
    names, _, seconds = last.rpartition(" ")
    assert names == "[]"
    assert float(seconds) < SECONDS
    assert main([command]) == 0
    assert capsys.readouterr().out.rstrip() == printed
    tables: dict[str, list[Registry[Any]]] = {
        "methods": [METHODS],
        "envs": [ENVS],
        "graphs": [GRAPHS, WRAPPERS],
    }
    lines = printed.splitlines()
    for table in tables.get(command, []):
        for name, cls in table.items():
            start = f"--graph.{name} " if table is WRAPPERS else f"{name} "
            found = [line for line in lines if line.startswith(start)]
            assert len(found) == 1 and found[0].endswith("  " + first_line(cls))


@pytest.mark.parametrize(("table", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_declaration_is_what_the_class_says(table, name):
    found, cls = table.declared(name), table[name]
    assert found.summary == first_line(cls)
    assert found.options == set(options_of(cls))
    for attribute in COLUMNS if table is METHODS else ():
        assert found.get(attribute, "") == getattr(cls, attribute, "")


SOURCES = {
    "__init__.py": "from shapes.bases import Top",
    "bases.py": 'class Top:\n  "Top."\n  one: int = 1\n  two = "2"\n  three = len("3")',
    "left.py": "from shapes import Top\nclass Left(Top):\n  def __init__(self, a, *, b, **c): 0",
    "own.py": """
import shapes.bases
from shapes.bases import Top as Above
from shapes.left import Left
class Right(Above):
  one = 3
  def __init__(self, d, *, e): 0
class Own(Left, Right, Mapping[str, int]):
  five: int
""",
}


def test_a_declaration_follows_base_classes_and_reads_literals_only(tmp_path, monkeypatch):
    for file, text in SOURCES.items():
        (tmp_path / file).write_text(text)
    package = types.ModuleType("shapes")
    package.__file__ = str(tmp_path / "__init__.py")
    monkeypatch.setitem(sys.modules, "shapes", package)
    own = Declaration("shapes.own", "Own")
    # `one` is of Right, as the common base class comes after both.
    assert (own.summary, own.get("one", 0), own.get("two", 0)) == ("Top.", 3, "2")
    assert own.get("five", 5) == 5
    # `d` is positional in Right, so that Left does not pass it on by name.
    assert own.options == {"a", "b", "e"}
    with pytest.raises(ValueError, match="malformed node"):
        own.get("three", 0)
    with pytest.raises(ValueError, match="shapes.own has no class 'Nobody'"):
        Declaration("shapes.own", "Nobody")


ONE_PROCESS = """
import sys
def has(name): return name in sys.modules
from graphmarl.methods import METHODS
ndq = "graphmarl.methods.ndq"
print(has(ndq), "ndq" in METHODS, has(ndq), METHODS["iql"] is not None, has(ndq))
cls = METHODS["ndq"]
from graphmarl.methods import NDQ
print(has(ndq), cls is NDQ)
from graphmarl.cli import COMMANDS
train = COMMANDS["train"]
words = "--method iql --env sensor --steps 1 --name / --progress false".split()
try: train(words)
except ValueError: pass
print(*(n for n in sys.modules if n.startswith("graphmarl.")))
import graphmarl.experiment.ablate, graphmarl.cli.commands
print(*(n for n in ("rliable", "arch", "statsmodels") if has(n)))
"""


def test_what_is_imported_when():
    looked_up, found, trained, reported = python(ONE_PROCESS).split("\n")[:4]
    assert looked_up.split() == ["False", "True", "False", "True", "False"]
    assert found.split() == ["True", "True"]
    # Training imports the method and the environment that are named.
    names = set(trained.split())
    assert {"graphmarl.methods.iql", "graphmarl.envs.didactic.sensor"} <= names
    others = ("methods.mamba", "methods.vpp", "envs.skirmish", "envs.traffic", "envs.particle")
    assert not names & {f"graphmarl.{other}" for other in others}
    # Reports import rliable when they are written.
    assert not reported


def test_a_registry_is_a_mapping():
    assert isinstance(METHODS, Mapping) and len(METHODS) == len(list(METHODS))
    assert all(issubclass(cls, Learner) for cls in METHODS.values())
    assert {**METHODS} == dict(METHODS) == (METHODS | {})
    assert set(WRAPPERS) == set(WRAPPER_ARGUMENTS)
    assert all(WRAPPER_ARGUMENTS[name] in options_of(cls) for name, cls in WRAPPERS.items())
    with pytest.raises(KeyError, match="nobody"):
        METHODS["nobody"]


@pytest.mark.parametrize("package", [graphmarl.methods, graphmarl.envs, graphmarl.graphs])
def test_a_package_has_the_names_that_it_lists_and_no_other(package):
    for name in {*getattr(package, "__all__", []), *dir(package)}:
        assert getattr(package, name) is not None or name.startswith("__")
    with pytest.raises(AttributeError, match=f"{package.__name__!r} has no attribute 'Nobody'"):
        package.Nobody  # noqa: B018


def test_an_import_leaves_the_garbage_collector_as_it_was():
    assert gc.isenabled() and quick_import("graphmarl").__name__ == "graphmarl" and gc.isenabled()
    with pytest.raises(ModuleNotFoundError):
        quick_import("graphmarl.nowhere")
    assert gc.isenabled()
    gc.disable()
    try:
        quick_import("graphmarl")
        assert not gc.isenabled()
    finally:
        gc.enable()
    get, names = lazy_attributes("graphmarl.resolver", {"Range": "graphmarl.ranges"})
    assert get("Range").__name__ == "Range" and "Range" in names()

"""The documentation: complete, in agreement with the signatures, and without broken references."""

import builtins
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "graphmarl").rglob("*.py")
    if path.name != "__main__.py"
)
# Classes of other libraries and of the engines' files that docstrings name.
OTHERS = {"Data", "MessagePassing", "Generator", "Trainer", "LightningModule", "None", "True"}
OTHERS |= {
    "RailEnv",
    "ImportError",
    "ValueError",
    "DataLoader",
    "Tensor",
    "BaseTransform",
    "KeyError",
}

# Methods that PyTorch Geometric writes for each message-passing layer.
GENERATED = {"propagate", "collect", "edge_updater"}


def public(name: str) -> list[tuple[str, object]]:
    """Classes, functions and methods that a module defines, by their full names."""
    module = importlib.import_module(name)
    found: list[tuple[str, object]] = []
    for each, value in vars(module).items():
        if each.startswith("_") or getattr(value, "__module__", "") != name:
            continue
        if inspect.isclass(value):
            found.append((f"{name}.{each}", value))
            methods = [(k, v) for k, v in vars(value).items() if k[0] != "_" and k not in GENERATED]
            found += [(f"{name}.{each}.{k}", v) for k, v in methods if inspect.isfunction(v)]
        elif inspect.isfunction(value):
            found.append((f"{name}.{each}", value))
    return found


def documented(text: str) -> list[str] | None:
    """Names under `Args:`, or None without such a section."""
    found = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", inspect.cleandoc(text), re.MULTILINE)
    if not found:
        return None
    names = re.findall(r"^ {4}(\w+(?:, \w+)*): ", found[1], re.MULTILINE)
    return [name for group in names for name in group.split(", ")]


def parameters(value: object) -> list[str]:
    """Names of the parameters, without `self` and `cls`."""
    if inspect.isclass(value) and not hasattr(value, "_fields"):
        return list(inspect.signature(value.__init__).parameters)[1:]
    names = list(inspect.signature(value).parameters)  # type: ignore[arg-type]
    return names[1:] if names and names[0] == "self" else names


def test_public_names_are_documented_as_their_signatures():
    wrong = [name for name in MODULES if not importlib.import_module(name).__doc__]
    for full, value in [each for name in MODULES for each in public(name)]:
        text = getattr(value, "__doc__", None)
        if not text:
            wrong.append(f"{full} has no docstring")
            continue
        names = documented(text)
        if names is not None and names != parameters(value):
            wrong.append(f"{full} documents {names}, its parameters are {parameters(value)}")
    assert not wrong, "\n".join(wrong)


def test_references_to_classes_are_to_classes_that_exist():
    known = OTHERS | {full.rpartition(".")[2] for module in MODULES for full, _ in public(module)}
    known |= {each for module in MODULES for each in vars(sys.modules[module])} | set(dir(builtins))
    for name in MODULES:
        source = Path(sys.modules[name].__file__ or "").read_text()
        named = set(re.findall(r"(?<!`)`([A-Z][a-z]+(?:[A-Z]\w*)+)`(?!`)", source))
        assert named <= known, (name, sorted(named - known))


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="the site needs pip install '.[docs]'")
    command = [sys.executable, ROOT / "scripts" / "docs.py", "--out", tmp_path / "site"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "0 warnings" in done.stdout, done.stderr
    pages = {path.name for path in (tmp_path / "site" / "html" / "api").glob("*.html")}
    assert pages == {f"{name}.html" for name in MODULES}
    index = (tmp_path / "site" / "html" / "index.html").read_text()
    assert "<h1>graphmarl" in index and "agent_graph" in index

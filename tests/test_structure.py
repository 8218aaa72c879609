"""Who may import whom, and how large things may be."""

import ast
import builtins
import dis
import importlib
import re
import types
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "graphmarl"
ARROWS: dict[str, set[str]] = {
    "ranges": set(),
    "texts": {"ranges"},
    "checks": {"ranges", "texts"},
    "step": {"checks", "ranges"},
    "functional": set(),
    "results": set(),
    "resolver": {"checks", "ranges", "texts"},
    "agent_graph": {"step", "functional"},
    "envs": {"step", "checks", "ranges", "resolver"},
    "graphs": {"step", "agent_graph", "functional", "checks", "ranges", "resolver"},
    "nn": {"functional", "checks", "ranges"},
    "data": {"step", "agent_graph", "functional"},
    "learners": {"step", "agent_graph", "checks", "ranges", "functional", "graphs", "nn", "data"},
    "methods": {
        "step",
        "agent_graph",
        "checks",
        "ranges",
        "functional",
        "resolver",
        "graphs",
        "nn",
        "data",
        "learners",
    },
    "visualization": {"step", "agent_graph", "checks", "ranges", "results"},
}
LOWER = set(ARROWS)
ARROWS["experiment"] = LOWER
ARROWS["cli"] = LOWER | {"experiment"}
ROOMS_AT_MOST = 20


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("graphmarl."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "graphmarl":
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found.update(parts[1] for parts in names if parts[0] == "graphmarl" and len(parts) > 1)
    return found


def test_imports_follow_the_arrows():
    wrong = []
    for path in files():
        here = room(path)
        if here not in ("__init__", "__main__"):
            other = imported(path) - ARROWS[here] - {here}
            wrong += [f"{path.relative_to(SOURCE)} imports {name}" for name in sorted(other)]
    assert not wrong, wrong


def test_the_top_of_the_package_is_one_short_listing():
    entries = [path for path in SOURCE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= ROOMS_AT_MOST
    assert {room(path) for path in files()} - {"__init__", "__main__"} <= set(ARROWS)


def codes(code: types.CodeType) -> list[types.CodeType]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return [code, *(found for each in inner for found in codes(each))]


def test_every_global_name_is_defined():
    # Annotations are strings of shapes, so that neither ruff nor the type checker looks for these.
    for path in files():
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name.endswith("__main__"):
            continue
        known = set(vars(importlib.import_module(name))) | set(dir(builtins))
        used = {
            each.argval
            for code in codes(compile(path.read_text(), str(path), "exec"))
            for each in dis.get_instructions(code)
            if each.opname == "LOAD_GLOBAL"
        }
        assert used <= known, (name, sorted(used - known))


def test_shared_code_names_no_method_and_no_environment():
    from graphmarl.envs import ENVS
    from graphmarl.methods import METHODS

    names = "|".join([*METHODS, *ENVS])
    quoted = re.compile(rf"""(==|!=|\bin\b)\s*["'({{\[]*["']({names})["']""")
    for path in files():
        if room(path) not in ("methods", "envs") and not path.name.startswith("suite"):
            assert not quoted.search(path.read_text()), path


def test_files_and_functions_stay_small():
    for path in files():
        text = path.read_text()
        assert text.count("\n") <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                size = (node.end_lineno or 0) - node.lineno + 1
                docstring = ast.get_docstring(node) or ""
                assert size - docstring.count("\n") <= 40, f"{path}:{node.lineno} {node.name}"

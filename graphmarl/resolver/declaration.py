"""What classes declare, read from their source without importing them."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_Found = tuple[str, ast.ClassDef]


class Declaration:
    """Documentation, class attributes and options of a class, read from source files.

    Base classes are followed within the package of the class.

    Args:
        module: full name of a module that defines or imports the class.
        name: name of the class.

    Raises:
        ValueError: the module has no such class.
    """

    def __init__(self, module: str, name: str) -> None:
        found = _find(module, name)
        if found is None:
            raise ValueError(f"{module} has no class {name!r}")
        lines = list(_bases(*found))
        # A base class that several classes share comes after all of them, as in Python.
        last = {node: place for place, node in enumerate(lines)}
        self._classes = [node for place, node in enumerate(lines) if last[node] == place]

    @property
    def summary(self) -> str:
        """First line of the documentation, of a base class where the class has none."""
        texts = (ast.get_docstring(node) for node in self._classes)
        return next((text for text in texts if text), "").partition("\n")[0]

    @property
    def options(self) -> set[str]:
        """Names of the constructor's options, with those that it passes on to its base class."""
        names: set[str] = set()
        for node in self._classes:
            init = next((each for each in node.body if _is_constructor(each)), None)
            if isinstance(init, ast.FunctionDef):
                given = init.args.kwonlyargs if names else init.args.args[1:] + init.args.kwonlyargs
                names |= {each.arg for each in given}
                if init.args.kwarg is None:
                    break
        return names

    def get(self, attribute: str, default: Any) -> Any:
        """Value of a class attribute, which must be a literal.

        Args:
            attribute: name of the attribute.
            default: what it is where no class sets it.
        """
        for node in self._classes:
            for each in node.body:
                targets = each.targets if isinstance(each, ast.Assign) else []
                targets = [each.target] if isinstance(each, ast.AnnAssign) else targets
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                value = getattr(each, "value", None)
                if attribute in names and value is not None:
                    return ast.literal_eval(value)
        return default


def _is_constructor(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _bases(module: str, node: ast.ClassDef) -> Iterator[ast.ClassDef]:
    """The class and its base classes, depth first."""
    yield node
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        found = _find(module, base.id) if isinstance(base, ast.Name) else None
        if found is not None:
            yield from _bases(*found)


def _find(module: str, name: str) -> _Found | None:
    """Module and definition of a class; None for one outside the package."""
    classes, imports = _names(module)
    if name in classes:
        return module, classes[name]
    if name not in imports:
        return None
    origin, original = imports[name]
    return _find(origin, original) if origin.split(".")[0] == module.split(".")[0] else None


@functools.cache
def _names(module: str) -> tuple[dict[str, ast.ClassDef], dict[str, tuple[str, str]]]:
    """Classes that a module defines, and the module and name of what it imports."""
    classes, imports = {}, {}
    for node in ast.walk(ast.parse(_path(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            classes[node.name] = node
        elif isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                imports[each.asname or each.name] = (node.module, each.name)
    return classes, imports


def _path(module: str) -> Path:
    """Source file of a module of a package that is imported, which the module need not be."""
    top, *parts = module.split(".")
    root = Path(sys.modules[top].__file__ or "")
    path = root.parent.joinpath(*parts) if parts else root
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

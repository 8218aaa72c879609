"""Imports at first use: attributes of packages, and tables of classes by name."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from graphmarl.resolver.declaration import Declaration

T = TypeVar("T")


def quick_import(module: str) -> ModuleType:
    """Import a module without garbage collections, which take a third of the time of an import.

    Args:
        module: its full name.
    """
    if not gc.isenabled():
        return import_module(module)
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.enable()


def lazy_attributes(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose attributes are imported at first use.

    Args:
        package: name of the package.
        modules: full name of the module of each attribute.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(quick_import(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return get, names


class Registry(Mapping[str, T]):
    """Read-only table by name, whose entries are imported at first use.

    Args:
        package: name of the package of all entries.
        entries: `module:attribute` by name, with the module relative to the package.
    """

    def __init__(self, package: str, entries: Mapping[str, str]) -> None:
        self._entries = {name: f"{package}.{entry}" for name, entry in entries.items()}

    def __getitem__(self, name: str) -> T:
        module, _, attribute = self._entries[name].partition(":")
        return getattr(quick_import(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._entries)})"

    @property
    def modules(self) -> dict[str, str]:
        """Full name of the module of each attribute that is an entry."""
        pairs = (entry.split(":") for entry in self._entries.values())
        return {attribute: module for module, attribute in pairs}

    def declared(self, name: str) -> Declaration:
        """What the class of a name declares, read from its source without importing it.

        Args:
            name: the name.
        """
        return Declaration(*self._entries[name].split(":"))

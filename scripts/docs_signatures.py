"""Signatures and numbers with a range in the site of the API reference; an extension of Sphinx."""

import functools
import importlib
import inspect
import re
from collections.abc import Iterable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from docutils.nodes import document, paragraph
from sphinx.application import Sphinx

from graphmarl.ranges import Range, unwrapped
from graphmarl.texts import allowed

PARAMETER = re.compile(r":param (\w+):")


def has_range(hint: Any) -> bool:
    """Whether a type, or a member of a union, is a number with a range.

    Args:
        hint: the type.
    """
    members = (hint,) if get_origin(hint) is Annotated else get_args(hint)
    return any(isinstance(unwrapped(member)[1], Range) for member in members)


def aliases(modules: Iterable[str]) -> dict[str, str]:
    """Full names of the annotated types of some modules, by name, which signatures show.

    Args:
        modules: names of the modules.
    """
    return {
        name: f"{module}.{name}"
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if (get_origin(value) is Annotated or has_range(value))
        and re.search(rf"^{name} = ", _source(module), re.MULTILINE)
    }


@functools.cache
def _source(module: str) -> str:
    return inspect.getsource(importlib.import_module(module))


def readable(
    _: Sphinx,
    __: str,
    ___: str,
    ____: object,
    _____: object,
    arguments: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Write types with ranges, and defaults of dataclasses, as Sphinx can parse them."""
    return _plain(arguments), _plain(returned)


def _plain(text: str | None) -> str | None:
    short = re.sub(r"TypeAliasForwardRef\('([\w.]+)'\)", r"~\1", text or "")
    # Ranges without a name: parameters say them in words.
    short = re.sub(r"~?\btyping\.Annotated\[(\w+), [^\[\]]*\]", r"\1", short)
    return short.replace("<factory>", "...") or None


def ranges(_: Sphinx, what: str, __: str, value: Any, ___: object, lines: list[str]) -> None:
    """Say which numbers are allowed, in the words of `--help`."""
    if what == "data" and has_range(value):
        lines += ["", f"Allowed are {allowed(value)}.", ""]
    if what not in ("class", "function", "method"):
        return
    own = isinstance(value, type) and value.__init__ is not object.__init__
    try:
        hints = get_type_hints(value.__init__ if own else value, include_extras=True)
    except (NameError, TypeError):  # a type that is imported for type checkers only
        return
    for i in reversed(range(len(lines))):
        found = PARAMETER.match(lines[i])
        if found and has_range(hints.get(found[1])):
            lines.insert(i, f":type {found[1]}: *{allowed(hints[found[1]])}*")


def without_metadata(_: Sphinx, tree: document) -> None:
    """Leave out the metadata of annotated types, which `ranges` says in words."""
    for each in list(tree.findall(paragraph)):
        if re.match(r"alias of .*\bAnnotated\[", each.astext()):
            each.parent.remove(each)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the functions of this file.

    Args:
        app: the application.
    """
    app.connect("autodoc-process-signature", readable)
    app.connect("autodoc-process-docstring", ranges)
    app.connect("doctree-read", without_metadata)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

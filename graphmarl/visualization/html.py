"""Pages that hold all that they need: no request leaves them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib import import_module
from importlib.resources import files
from typing import Any

# The browser refuses every request of the page, whatever a script asks for.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
SCRIPTS = tuple(
    f"viewer{part}.js" for part in ("_data", "_draw", "_text", "_controls", "_hover", "")
)


def asset(name: str) -> str:
    """Text of a file of this package.

    Args:
        name: the file.
    """
    return files("graphmarl.visualization").joinpath(name).read_text(encoding="utf-8")


def plotly_script() -> str:
    """The text of plotly.js, from the installed package.

    Raises:
        ImportError: names the extra that is not installed.
    """
    try:
        offline = import_module("plotly.offline")
    except ImportError as error:
        text = "interactive graphs need pip install 'graphmarl[inspect]'"
        raise ImportError(text) from error
    return offline.get_plotlyjs()


def as_json(value: Any) -> str:
    """JSON that may stand in a script of a page.

    Args:
        value: plain containers and numbers.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def viewer_scripts() -> list[str]:
    """Scripts of the interactive graph: plotly.js, and our own in a scope of their own."""
    own = "\n".join(asset(name) for name in SCRIPTS)
    return [plotly_script(), f'(function () {{\n"use strict";\n{own}\n}})();']


def document(title: str, body: str, scripts: Sequence[str] = ()) -> str:
    """A page.

    Args:
        title: its title.
        body: markup.
        scripts: scripts that run after the body was read.
    """
    tags = "\n".join(f"<script>{script}</script>" for script in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{asset('page.css')}</style>\n</head>\n"
        f"<body>\n{body}\n{tags}\n</body>\n</html>\n"
    )

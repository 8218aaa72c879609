"""The page of a run: facts, figures, tables and interactive graphs in one file."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from graphmarl.visualization.html import document, viewer_scripts
from graphmarl.visualization.viewer import Viewer


@dataclass(frozen=True)
class Lines:
    """Lines of text as they are typed, such as commands.

    Args:
        text: the lines.
    """

    text: str


@dataclass(frozen=True)
class Folded:
    """Content that is shown when its title is opened.

    Args:
        title: its title.
        content: figures as the text of an SVG, tables, lines and interactive graphs.
    """

    title: str
    content: Sequence[str | pd.DataFrame | Viewer | Lines]


Content = str | pd.DataFrame | Viewer | Lines | Folded


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Args:
        heading: its heading.
        text: paragraphs, with empty lines between them.
        content: figures as the text of an SVG, tables, lines, interactive graphs, and what is
            folded, in their order.
    """

    heading: str
    text: str = ""
    content: Sequence[Content] = ()


def page_html(
    title: str, sections: Sequence[Section], facts: Mapping[str, object] | None = None
) -> str:
    """A page that holds all that it needs; plotly.js is in it once if a section has a graph.

    Args:
        title: heading and title of the page.
        sections: the sections.
        facts: names and values that are listed under the heading.

    Raises:
        ValueError: a section holds something else.
    """
    body = [f"<h1>{escape(title)}</h1>"]
    if facts:
        pairs = [
            f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items()
        ]
        body.append(f"<dl>{''.join(pairs)}</dl>")
    body += [_section(each) for each in sections]
    graphs = any(isinstance(each, Viewer) for section in sections for each in section.content)
    main = "\n".join(body)
    return document(title, f"<main>\n{main}\n</main>", viewer_scripts() if graphs else ())


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.heading)}</h2>"]
    paragraphs = re.split(r"\n\s*\n", section.text.strip())
    parts += [f"<p>{escape(each)}</p>" for each in paragraphs if each]
    parts += [_content(each, section.heading) for each in section.content]
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _content(content: Any, heading: str) -> str:
    if isinstance(content, Viewer):
        return content.fragment()
    if isinstance(content, pd.DataFrame):
        return table_html(content, heading)
    if isinstance(content, Lines):
        return f'<pre tabindex="0">{escape(content.text)}</pre>'
    if isinstance(content, Folded):
        inner = "\n".join(_content(each, content.title) for each in content.content)
        return f"<details><summary>{escape(content.title)}</summary>\n{inner}\n</details>"
    if isinstance(content, str) and re.search(r"<svg[\s>]", content[:2000]):
        return figure_html(content, heading)
    came = type(content).__name__ if not isinstance(content, str) else "a text without <svg>"
    raise ValueError(
        f"section {heading!r} holds {came}; allowed are texts of SVG, DataFrame, Viewer, Lines "
        "and Folded"
    )


def figure_html(svg: str, name: str) -> str:
    """A figure as an image, which keeps its names and scripts apart from those of the page.

    Args:
        svg: the text of an SVG.
        name: what it shows, for those who cannot see it.
    """
    data = b64encode(svg.encode("utf-8")).decode("ascii")
    return f'<img class="figure" alt="{escape(name)}" src="data:image/svg+xml;base64,{data}">'


def table_html(table: pd.DataFrame, name: str) -> str:
    """A table that scrolls in itself where it is wider than the page.

    Args:
        table: the table; its index is shown if it has names or labels.
        name: what it is, for those who cannot see it.
    """
    labelled = not isinstance(table.index, pd.RangeIndex) or table.index.name is not None
    markup = table.to_html(
        index=labelled, border=0, na_rep="", float_format=lambda value: f"{value:.4g}"
    )
    words = [False] * labelled + [_has_words(table.iloc[:, k]) for k in range(table.shape[1])]

    def row(found: re.Match[str]) -> str:
        places = iter(words)
        return re.sub(
            r"<(t[dh])>",
            lambda cell: f'<{cell[1]} class="words">' if next(places, False) else cell[0],
            found[0],
        )

    markup = re.sub(r"<tr.*?</tr>", row, markup, flags=re.DOTALL)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(name)}">{markup}</div>'
    )


def _has_words(column: pd.Series) -> bool:
    """Whether a column holds texts that are not numbers, which stand on the left."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    return any(
        not re.match(r"[-+]?\d[\d,]*(\.\d+)?( [\[(]|$)", str(each)) for each in column if each
    )

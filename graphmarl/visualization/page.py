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

Content = str | pd.DataFrame | Viewer


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Args:
        heading: its heading.
        text: paragraphs, with empty lines between them.
        content: figures as the text of an SVG, tables and interactive graphs, in their order.
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
        ValueError: a section holds something else than figures, tables and graphs.
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
    if isinstance(content, str) and re.search(r"<svg[\s>]", content[:2000]):
        return figure_html(content, heading)
    came = type(content).__name__ if not isinstance(content, str) else "a text without <svg>"
    raise ValueError(
        f"section {heading!r} holds {came}; allowed are texts of SVG, DataFrame and Viewer"
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
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(name)}">{markup}</div>'
    )

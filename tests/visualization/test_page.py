"""Pages of a run: everything is escaped, shown, and asked for nowhere."""

import html
import re
from typing import Any

import pandas as pd
import pytest

from graphmarl.visualization.html import as_json, plotly_script
from graphmarl.visualization.page import Section, page_html
from graphmarl.visualization.viewer import viewer

WILD = "<b>&\"'"
SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><path d="M0,0"/></svg>'


def graph() -> Any:
    agents = pd.DataFrame({"episode": 0, "time": 0, "agent": [0, 1]})
    edge = {"episode": 0, "time": 0, "layer": "a", "round": 0, "sender": [0], "receiver": [1]}
    return viewer(agents, pd.DataFrame(edge))


def test_every_text_is_escaped():
    table = pd.DataFrame({WILD: [WILD]})
    page = page_html(WILD, [Section(WILD, WILD, [table, SVG])], {WILD: WILD})
    assert "<b>" not in page
    # Title, heading, name and value of a fact, heading of the section, paragraph.
    assert page.count(html.escape(WILD)) >= 6


def test_paragraphs_and_facts_are_elements():
    page = page_html("run", [Section("One", "a\nb\n\nc")], {"steps": 4000})
    assert "<p>a\nb</p>\n<p>c</p>" in page and "<dt>steps</dt><dd>4000</dd>" in page
    assert "plotly" not in page, "a page without a graph does not need it"


def test_contents_keep_their_order():
    table = pd.DataFrame({"a": [0.123456, float("nan")]})
    page = page_html("run", [Section("One", "", [table, SVG, table])])
    kinds = re.findall(r'class="(table|figure)"', page)
    assert kinds == ["table", "figure", "table"]
    assert "<td>0.1235</td>" in page and "<td></td>" in page, "four digits; nothing for NaN"
    assert "<th></th>" not in page, "the numbers of the rows are no labels"


def test_labels_of_rows_are_shown():
    table = pd.DataFrame.from_dict({"row": {"a": 1}}, orient="index")
    page = page_html("run", [Section("One", "", [table])])
    assert "<th>row</th>" in page


def test_plotly_is_there_once_for_two_graphs():
    pytest.importorskip("plotly", reason="needs pip install 'graphmarl[inspect]'")
    page = page_html("run", [Section("One", "", [graph()]), Section("Two", "", [graph()])])
    assert page.count(plotly_script()) == 1 and page.count('class="viewer"') == 2
    assert not re.search(r"https?://", page.replace(plotly_script(), ""))


@pytest.mark.parametrize(("content", "came"), [("words", "a text without <svg>"), (3, "int")])
def test_other_contents_are_refused(content, came):
    section = Section("One")
    object.__setattr__(section, "content", [content])
    with pytest.raises(ValueError, match=f"section 'One' holds {came}; allowed are texts of SVG"):
        page_html("run", [section])


def test_numbers_that_are_not_finite_are_no_json():
    assert as_json({"a": "</script>"}) == '{"a":"\\u003c/script>"}'
    with pytest.raises(ValueError):
        as_json([float("nan")])

"""Transfer as sections of a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from graphmarl.results.comparison import Comparison
from graphmarl.results.figures import svg_of
from graphmarl.results.transfer import read_transfer, transfer_texts
from graphmarl.results.transfer_plots import draw_transfer_curve, draw_transfer_matrix
from graphmarl.visualization.page import Section


def transfers_of(found: Comparison) -> dict[str, pd.DataFrame]:
    """The evaluations at other settings, by the name of the folder.

    Args:
        found: the comparison.
    """
    folders = dict.fromkeys(cell.folder for cell in found.cells)
    tables = {folder.resolve().name: read_transfer(folder) for folder in folders}
    return {name: table for name, table in tables.items() if len(table)}


def transfer_sections(found: Comparison) -> Iterator[Section]:
    """For each option that was changed after training a table, a matrix and curves.

    Args:
        found: the comparison.
    """
    tables = transfers_of(found)
    for folder, table in tables.items():
        for changed in dict.fromkeys(str(each) for each in table["changed"].tolist()):
            metric = found.metric()
            metric = metric if metric in table else "return"
            content: list[Any] = [transfer_texts(table, changed, metric)]
            content.append(svg_of(draw_transfer_matrix(table, changed, metric)))
            curve = draw_transfer_curve(table, changed, metric)
            content += [svg_of(curve)] if curve is not None else []
            text = (
                f"Trained runs, evaluated at other values of {changed} with the greedy policy: "
                f"mean {metric} with 95 % intervals over seeds. Rows say what was trained, columns "
                "where it was evaluated."
            )
            where = f" ({folder})" if len(tables) > 1 else ""
            yield Section(f"Transfer: {changed}{where}", text, content)

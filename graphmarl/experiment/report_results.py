"""Results and comparisons as sections of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from graphmarl.methods import find_method
from graphmarl.results.cells import CellResult, twins
from graphmarl.results.comparison import Comparison
from graphmarl.results.comparison_plots import (
    draw_aggregates,
    draw_curves,
    draw_finals,
    draw_improvement,
    draw_joint_curves,
    draw_profiles,
)
from graphmarl.results.figures import svg_of
from graphmarl.results.stats import REPETITIONS, estimates
from graphmarl.results.tables import presented, table, with_intervals
from graphmarl.visualization.page import Section

INTERVALS = (
    "Brackets are 95 % intervals over seeds by rliable's stratified bootstrap "
    f"({REPETITIONS:,} samples). IQM is the interquartile mean, the mean of the middle half of the "
    "seeds; with fewer than four seeds it is the mean. Each seed counts as one run: the mean over "
    "its evaluation episodes is one number."
)


def results_sections(found: Comparison) -> Iterator[Section]:
    """For each environment the table, the learning curves and the final results.

    Args:
        found: the comparison.
    """
    evaluated = found.source == "evaluation"
    which = f"{found.policy} evaluations during training" if evaluated else "episodes of training"
    text = (
        f"{INTERVALS}\n\nLearning curves are interquartile means over seeds of {which}, where all "
        "seeds have values; bands and bars are 95 % intervals, dots single seeds."
    )
    for environment in found.environments:
        cells = found.of(environment)
        rows = described(table(cells), cells).assign(cell=[cell.algorithm for cell in cells])
        texts = presented(rows)
        first = ["cell", found.metric(environment), "iqm"]
        # On a narrow screen the rest is scrolled to.
        texts = texts[
            [name for name in first if name in texts] + [n for n in texts if n not in first]
        ]
        content: list[Any] = [texts]
        content += [svg_of(draw_curves(found, environment))]
        content += [svg_of(draw_finals(found, environment))]
        several = len(found.environments) > 1
        heading = f"Results: {environment}" if several else "Results"
        # The column is last, where it may have to be scrolled to.
        pairs = zip(texts["cell"], texts["note"], strict=True) if "note" in texts else ()
        notes = "; ".join(f"{name}: {note}" for name, note in pairs if note)
        yield Section(heading, f"{text}\n\n{notes}", content)
        text = ""


def described(rows: pd.DataFrame, cells: Sequence[CellResult]) -> pd.DataFrame:
    """A table whose notes say where results are the same since a method reads no edges.

    Args:
        rows: of `table`.
        cells: its cells.
    """
    if "note" not in rows:
        return rows
    same = twins(cells)
    notes = []
    for cell, note in zip(cells, rows["note"], strict=True):
        deaf = f"{cell.folder}/{cell.name}" in same and not reads_edges(cell.options["method"])
        notes.append(f"{note}: {cell.options['method']} reads no edges" if deaf else note)
    return rows.assign(note=notes)


def reads_edges(method: str) -> bool:
    """Whether information travels along the edges; assumed of code from outside the library.

    Args:
        method: its name.
    """
    return ":" in method or bool(getattr(find_method(method), "sends_messages", True))


def comparison_sections(found: Comparison) -> Iterator[Section]:
    """Aggregates over environments, performance profiles and probabilities of improvement.

    Args:
        found: the comparison.
    """
    if len(found.scores) < 2:
        return
    left = f"Left out: {'; '.join(found.left_out)}." if found.left_out else ""
    if found.normalised:
        ends = [
            "{}: 0 is {:.4g}, 1 is {:.4g}".format(each, *found.ends(each))
            for each in found.environments
        ]
        text = (
            "Scores are normalised in each environment, by the lowest and highest result of any "
            "run on this page unless a range was given, and are not clipped. "
            f"{'; '.join(ends)}. The optimality gap is the mean of what lacks to 1. {left}"
        )
        curves = draw_joint_curves(found)
        content: list[Any] = [aggregate_table(found), svg_of(draw_aggregates(found))]
        content += [svg_of(curves)] if curves is not None else []
        yield Section("All environments", text, content)
    text = (
        "The share of runs whose score is above a value, with 95 % intervals: a curve that is "
        "above another everywhere is better everywhere."
    )
    yield Section("Performance profiles", text, [svg_of(draw_profiles(found))])
    text = (
        f"The probability that a run of {found.best}, which has the highest interquartile mean, is "
        "better than a run of another algorithm (Mann-Whitney), with its 95 % interval. One half "
        "is no difference."
    )
    yield Section("Probability of improvement", text, [svg_of(draw_improvement(found))])


def aggregate_table(found: Comparison) -> pd.DataFrame:
    """Aggregates of rliable over all environments as texts.

    Args:
        found: the comparison.
    """
    numbers = estimates(found.scores, gamma=1.0)
    texts = pd.DataFrame({"algorithm": numbers.index})
    for name in ("iqm", "mean", "median", "optimality_gap"):
        three = (numbers[f"{name}{end}"].tolist() for end in ("", "_low", "_high"))
        texts[name.replace("_", " ")] = with_intervals(*three)
    return texts

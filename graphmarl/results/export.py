"""Tables for papers, and results in the format of marl-eval."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from graphmarl.results.comparison import Comparison
from graphmarl.results.markdown import markdown
from graphmarl.results.tables import SENT, presented

MINUS = "\N{MINUS SIGN}"


def as_csv(found: pd.DataFrame) -> str:
    """A table as CSV, with six digits; nothing for what is missing.

    Args:
        found: of `table`.
    """
    return found.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def as_markdown(found: pd.DataFrame) -> str:
    """A table as Markdown, with intervals in the column of their statistic.

    Args:
        found: of `table`.
    """
    texts = presented(found)
    cells = [[word.replace("|", "\\|") for word in row] for row in texts.to_numpy().tolist()]
    return "\n".join(markdown([str(name) for name in texts.columns], cells)) + "\n"


def as_latex(found: pd.DataFrame) -> str:
    """A table as LaTeX, for a document that uses the package booktabs; without speed and minutes.

    Args:
        found: of `table`.
    """
    texts = presented(found).drop(columns=["steps_per_second", "minutes"])
    numbers = ("seeds", "unfinished", "env_steps", *SENT)
    places = ["r" if name in numbers else "l" for name in texts.columns]
    metric = str(found.columns[list(found.columns).index("low") - 1])
    for name in (metric, "iqm"):
        texts[name] = [str(text).replace("-", MINUS) for text in texts[name]]
    text = texts.to_latex(index=False, escape=True, column_format="".join(places))
    return "% \\usepackage{booktabs}\n" + text.replace(MINUS, "$-$")


def marl_eval(found: Comparison) -> dict[str, Any]:
    """Results as marl-eval reads them: environment, task, algorithm, run, step, metric.

    Each `step_N` has the environment steps as `step_count`, and the metric at a point of the
    learning curve; `absolute_metrics` has the evaluation at the end. Lists have one number, the
    mean over episodes. marl-eval wants equally many runs and steps of all: of each environment the
    steps are those that all curves have in common.

    Args:
        found: the comparison.
    """
    text: dict[str, Any] = {}
    for environment in found.environments:
        of = [(cell, curve) for cell, curve in found.curves if cell.environment == environment]
        done = [(cell, curve) for cell, curve in of if cell.returns]
        curves = [curve for _, curve in done if curve is not None]
        steps = np.zeros(0)
        if curves and len(curves) == len(done):
            start, end = max(c.steps[0] for c in curves), min(c.steps[-1] for c in curves)
            same = all(np.array_equal(c.steps, curves[0].steps) for c in curves)
            grid = curves[0].steps if same else np.linspace(start, end, len(curves[0].steps))
            # Steps are whole numbers there.
            steps = np.unique(np.round(grid)) if start <= end else steps
        name = next((cell.options["env"] for cell, _ in of if "env" in cell.options), environment)
        tasks = text.setdefault(name, {})
        for cell, curve in done:
            runs = tasks.setdefault(environment, {}).setdefault(
                cell.algorithm.replace(",", " "), {}
            )
            for seed, value in zip(cell.seeds, cell.returns, strict=True):
                points = {}
                if curve is not None and seed in curve.seeds:
                    row = curve.values[curve.seeds.index(seed)]
                    for number, step in enumerate(steps):
                        at = float(np.interp(step, curve.steps, row))
                        points[f"step_{number}"] = {"step_count": int(step), cell.metric: [at]}
                runs[f"seed_{seed}"] = points | {"absolute_metrics": {cell.metric: [float(value)]}}
    return text


def as_marl_eval(found: Comparison) -> str:
    """Results as the text of marl-eval's JSON.

    Args:
        found: the comparison.
    """
    return json.dumps(marl_eval(found), indent=1, allow_nan=False) + "\n"

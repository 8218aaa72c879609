"""Markdown of the claims of the papers, and of the tasks with known best returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphmarl.results.claims import (
    Claim,
    Estimate,
    Finding,
    contrast_text,
    findings,
    read_claims,
    verdict,
)
from graphmarl.results.markdown import markdown
from graphmarl.results.measured import Result, measured
from graphmarl.results.stats import interquartile_mean, iqm_over_seeds
from graphmarl.results.tables import read_rows

GRAPHS = ("links", "none", "shuffled")
BEST, MISSED = "best_communication.csv", "missed_communication.csv"
CONVERGED = 0.02
"""Share of its best return, or of 1, that a row may miss."""
CONTROL = "no-graph control"
"""Source of the claims that a method is better on its graph than without edges."""


def claim_lines(folder: Path) -> list[str]:
    """A table of the verdicts, and one of the numbers of each claim that was measured.

    Args:
        folder: holds `claims.csv` and the measured tables.
    """
    claims = read_claims(folder)
    results = {family: measured(folder, family) for family in {each.family for each in claims}}
    found = {claim.name: findings(claim, results[claim.family]) for claim in claims}
    head = ["claim", "paper", "statement", "verdict", "cause, and how it was tested"]
    rows = [_verdict_row(claim, found[claim.name]) for claim in claims]
    lines = [*markdown(head, rows), ""]
    numbers = [row for claim in claims for row in _number_rows(claim, found[claim.name])]
    head = ["claim", "task", "contrast", "better", "worse", "answer", "env steps", "code"]
    return [*lines, *markdown(head, numbers)]


def _verdict_row(claim: Claim, found: Sequence[Finding]) -> list[str]:
    cause = " ".join(text for text in (claim.cause, claim.evidence) if text)
    source = f"{claim.paper}, {claim.source}"
    return [claim.name, source, claim.statement, verdict(found), cause]


def _number_rows(claim: Claim, found: Sequence[Finding]) -> list[list[str]]:
    """One row for each contrast of which both sides were measured."""
    rows = []
    for each in found:
        if each.better is None or each.worse is None:
            continue
        sides = [side for side in (each.better, each.worse) if side.seeds]
        steps = " / ".join(dict.fromkeys(f"{side.env_steps:,}" for side in sides))
        code = ", ".join(dict.fromkeys(commit for side in sides for commit in side.commits))
        numbers = [str(each.better), str(each.worse), each.answer, steps, code]
        rows.append([claim.name, each.task, contrast_text(each.contrast), *numbers])
    return rows


def graph_lines(folder: Path) -> list[str]:
    """A table of the methods on their graph beside the same methods without edges.

    Args:
        folder: holds `claims.csv` and the measured tables.
    """
    head = ["paper", "task", "row", "its graph", "no edges", "shuffled edges"]
    rows = []
    for claim in read_claims(folder):
        found = findings(claim, measured(folder, claim.family)) if claim.source == CONTROL else []
        for task in dict.fromkeys(each.task for each in found):
            here = {each.contrast.worse.row: each for each in found if each.task == task}
            row = next(iter(here.values())).contrast.better.row
            controls = [here.get(f"{row}-{each}") for each in GRAPHS[1:]]
            known = [each for each in controls if each and each.better and each.worse]
            if known:
                cells = [
                    f"{each.worse}, {each.answer}" if each and each.worse else ""
                    for each in controls
                ]
                rows.append([claim.paper, task, row, str(known[0].better), *cells])
    return markdown(head, rows)


def communication_lines(folder: Path) -> list[str]:
    """A table for each relay task: the best return, and each method by its edges.

    Args:
        folder: holds `measured_communication.csv` and `best_communication.csv`.
    """
    best = {(row["task"], row["row"]): row["best"] for row in read_rows(folder / BEST)}
    results = [each for each in measured(folder, "communication") if each.policy == "greedy"]
    lines = []
    for task in dict.fromkeys(each.task for each in results):
        here = [each for each in results if each.task == task]
        names = dict.fromkeys(_of(each)[0] for each in here)
        cells = [
            [name, best[task, name], *(_cell(here, name, graph) for graph in GRAPHS)]
            for name in names
        ]
        steps = max(each.env_steps for each in here)
        table = markdown(["method", "best", *GRAPHS], cells)
        lines += [f"**{task}**, {steps:,} env steps", "", *table, ""]
    return lines


def missed(folder: Path) -> dict[tuple[str, str], Estimate]:
    """What rows on their graph and without edges reach, where it is less than their best return.

    Args:
        folder: as for `communication_lines`.

    Returns:
        estimates by task and row.
    """
    best = {(r["task"], r["row"]): float(r["best"]) for r in read_rows(folder / BEST)}
    found: dict[tuple[str, str], list[Result]] = {}
    for each in measured(folder, "communication"):
        if each.policy == "greedy" and (each.task, each.row) in best:
            found.setdefault((each.task, each.row), []).append(each)
    return {
        key: _estimated(results)
        for key, results in found.items()
        if best[key] - interquartile_mean(_returns(results)) > CONVERGED * max(1, abs(best[key]))
    }


def missed_causes(folder: Path) -> dict[tuple[str, str], str]:
    """Why rows miss their best return, by task and row.

    Args:
        folder: holds `missed_communication.csv`.
    """
    causes = read_rows(folder / MISSED)
    return {(each["task"], row): each["cause"] for each in causes for row in each["rows"].split()}


def missed_lines(folder: Path) -> list[str]:
    """A table of the rows that miss their best return, with the causes.

    Args:
        folder: as for `communication_lines`, with `missed_communication.csv`.
    """
    best = {(r["task"], r["row"]): r["best"] for r in read_rows(folder / BEST)}
    causes = missed_causes(folder)
    rows = [
        [*key, best[key], str(each), causes.get(key, "")] for key, each in missed(folder).items()
    ]
    return markdown(["task", "row", "best", "reached", "cause"], rows)


def _of(result: Result) -> tuple[str, str]:
    """Method and graph of a row, which is called METHOD, METHOD-none or METHOD-shuffled."""
    name, _, graph = result.row.rpartition("-")
    return (name, graph) if graph in GRAPHS else (result.row, GRAPHS[0])


def _cell(results: Sequence[Result], name: str, graph: str) -> str:
    found = [each for each in results if _of(each) == (name, graph)]
    return str(_estimated(found)) if found else ""


def _estimated(results: Sequence[Result]) -> Estimate:
    values = tuple(sorted(_returns(results)))
    return Estimate(*iqm_over_seeds(values), len(values), 0, ())


def _returns(results: Sequence[Result]) -> np.ndarray:
    return np.array([each.metrics["return"] for each in results])

"""Markdown of the claims of the papers, and of the tasks with known best returns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

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
from graphmarl.results.stats import iqm_over_seeds

GRAPHS = ("links", "none", "shuffled")
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
    with open(folder / "best_communication.csv", newline="") as file:
        best = {(row["task"], row["row"]): row["best"] for row in csv.DictReader(file)}
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


def _of(result: Result) -> tuple[str, str]:
    """Method and graph of a row, which is called METHOD, METHOD-none or METHOD-shuffled."""
    name, _, graph = result.row.rpartition("-")
    return (name, graph) if graph in GRAPHS else (result.row, GRAPHS[0])


def _cell(results: Sequence[Result], name: str, graph: str) -> str:
    values = tuple(sorted(r.metrics["return"] for r in results if _of(r) == (name, graph)))
    if not values:
        return ""
    return str(Estimate(*iqm_over_seeds(values), len(values), 0, ()))

"""Claims of the papers, and what the measured results say of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

from graphmarl.results.measured import WHOLE, Result
from graphmarl.results.stats import iqm_over_seeds
from graphmarl.results.tables import read_rows

CLAIMS = "claims.csv"
UNEQUAL = 0.05
"""Largest difference of the environment steps of two runs that are compared, as a share."""
SIDE = re.compile(r"(?:(?P<factor>[\d.]+) \* )?(?P<row>[^@\s]+)(?:@(?P<change>\S+))?")
Answer = Literal["holds", "contradicted", "open", "not run", "unequal steps"]
Verdict = Literal["holds", "holds in part", "contradicted", "not at this budget", "not run"]


class Side(NamedTuple):
    """One side of a contrast: the results of a row, or a number.

    Args:
        row: name of a setting; empty for a number.
        change: what was different in the evaluation, a cut of its messages or another environment.
        factor: factor on its metric, or the number.
    """

    row: str
    change: str
    factor: float


class Contrast(NamedTuple):
    """Two sides, of which the first is claimed to be better."""

    better: Side
    worse: Side


class Claim(NamedTuple):
    """One claim of a paper.

    Args:
        name: name of the claim.
        paper: the paper.
        source: figure, table or section.
        statement: the claim in a sentence.
        family: `scripts/train_FAMILY.py` trains its rows.
        tasks: tasks on which it is claimed.
        contrasts: what must be better than what, on each task.
        metric: column of the measured table.
        policy: evaluation that counts.
        lower_is_better: whether less of the metric is better.
        steps: environment steps of each run in the paper, or of our choice where it prints none.
        seeds: number of seeds with these steps.
        cause: why it does not hold, as far as it does not.
        evidence: how the cause was tested.
    """

    name: str
    paper: str
    source: str
    statement: str
    family: str
    tasks: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    metric: str
    policy: str
    lower_is_better: bool
    steps: int
    seeds: int
    cause: str
    evidence: str

    @property
    def rows(self) -> dict[str, list[str]]:
        """Changed evaluations of each row that the claim needs, by row."""
        found: dict[str, list[str]] = {}
        for side in [side for contrast in self.contrasts for side in contrast]:
            changes = found.setdefault(side.row, []) if side.row else []
            if side.change not in (WHOLE, *changes):
                changes.append(side.change)
        return found


class Estimate(NamedTuple):
    """Interquartile mean over seeds with its 95 % interval; NaN ends for one seed."""

    value: float
    low: float
    high: float
    seeds: int
    env_steps: int
    commits: tuple[str, ...]

    def __str__(self) -> str:
        """The number, its interval and the seeds, as in `1.00 [0.99, 1.00] (5)`."""
        if not self.seeds:
            return f"{self.value:g}"
        interval = f" [{self.low:.2f}, {self.high:.2f}]" if self.seeds > 1 else ""
        return f"{self.value:.2f}{interval} ({self.seeds})"


class Finding(NamedTuple):
    """What the results say of one contrast on one task."""

    task: str
    contrast: Contrast
    better: Estimate | None
    worse: Estimate | None
    answer: Answer


def parse_contrasts(text: str) -> tuple[Contrast, ...]:
    """The contrasts of a text as in `ndq > qmix; ndq@rank=80 > 0.95 * ndq; ndq > 12.5`.

    Args:
        text: contrasts with `;` between them.

    Raises:
        ValueError: a text of another form.
    """
    return tuple(_contrast(each) for each in text.split("; "))


def _contrast(text: str) -> Contrast:
    sides = text.split(" > ")
    if len(sides) != 2:
        raise ValueError(f"contrast is {text!r}; write `ROW > ROW`, `;` between several")
    return Contrast(_side(sides[0]), _side(sides[1]))


def _side(text: str) -> Side:
    try:
        return Side("", WHOLE, float(text))
    except ValueError:
        found = SIDE.fullmatch(text)
        if not found:
            raise ValueError(
                f"side is {text!r}; write a number, ROW, ROW@CHANGE or FACTOR * ROW"
            ) from None
        return Side(found["row"], found["change"] or WHOLE, float(found["factor"] or 1))


def contrast_text(contrast: Contrast) -> str:
    """A contrast as `claims.csv` has it.

    Args:
        contrast: the contrast.
    """
    return " > ".join(_side_text(side) for side in contrast)


def _side_text(side: Side) -> str:
    if not side.row:
        return f"{side.factor:g}"
    factor = "" if side.factor == 1 else f"{side.factor:g} * "
    return f"{factor}{side.row}" + ("" if side.change == WHOLE else f"@{side.change}")


def read_claims(folder: Path) -> list[Claim]:
    """The claims in `claims.csv`.

    Args:
        folder: holds the table.
    """
    return [_claim(row) for row in read_rows(folder / CLAIMS)]


def _claim(row: Mapping[str, str]) -> Claim:
    return Claim(
        name=row["claim"],
        paper=row["paper"],
        source=row["source"],
        statement=row["statement"],
        family=row["family"],
        tasks=tuple(row["tasks"].split()),
        contrasts=parse_contrasts(row["contrasts"]),
        metric=row["metric"],
        policy=row["policy"],
        lower_is_better=row["better"] == "lower",
        steps=int(row["paper_steps"]),
        seeds=int(row["paper_seeds"]),
        cause=row["cause"],
        evidence=row["evidence"],
    )


def findings(claim: Claim, results: Sequence[Result]) -> list[Finding]:
    """What the results say of each contrast of a claim on each task.

    A contrast holds where the whole 95 % interval over seeds of the better side is on the better
    side of the whole interval of the other, and is contradicted where it is the other way round. A
    single seed has no interval and answers nothing.

    Args:
        claim: the claim.
        results: those of its family.
    """
    found = []
    for task, contrast in product(claim.tasks, claim.contrasts):
        better, worse = (_estimate(claim, task, side, results) for side in contrast)
        found.append(Finding(task, contrast, better, worse, _answer(claim, better, worse)))
    return found


def _estimate(claim: Claim, task: str, side: Side, results: Sequence[Result]) -> Estimate | None:
    """The results of a side; None if there are none."""
    if not side.row:
        return Estimate(side.factor, side.factor, side.factor, 0, 0, ())
    wanted = task, side.row, claim.policy, side.change
    rows = [each for each in results if claim.metric in each.metrics]
    rows = [r for r in rows if (r.task, r.row, r.policy, r.change) == wanted]
    # Of combat there is a row with all messages in both tables.
    rows = list({each.seed: each for each in rows}.values())
    if not rows:
        return None
    values = tuple(sorted(side.factor * each.metrics[claim.metric] for each in rows))
    steps = max(each.env_steps for each in rows)
    commits = tuple(dict.fromkeys(each.commit for each in rows))
    return Estimate(*iqm_over_seeds(values), len(rows), steps, commits)


def _answer(claim: Claim, better: Estimate | None, worse: Estimate | None) -> Answer:
    if better is None or worse is None:
        return "not run"
    steps = [each.env_steps for each in (better, worse) if each.seeds]
    if max(steps) > (1 + UNEQUAL) * min(steps):
        return "unequal steps"
    if claim.lower_is_better:
        better, worse = worse, better
    if better.low > worse.high:
        found = "holds"
    else:
        found = "contradicted" if better.high < worse.low else "open"
    return found


def verdict(found: Sequence[Finding]) -> Verdict:
    """The verdict on a claim.

    Args:
        found: what the results say of each of its contrasts.
    """
    answers = {each.answer for each in found}
    if answers <= {"not run", "unequal steps"}:
        return "not run"
    if "holds" in answers:
        return "holds" if answers == {"holds"} else "holds in part"
    return "contradicted" if "contradicted" in answers else "not at this budget"

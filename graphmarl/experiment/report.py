"""The report of ablations and suites: one page, and the same tables for papers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from graphmarl.experiment.inspection import inspect
from graphmarl.experiment.inspection.page import (
    graph_section,
    named,
    statistics_section,
    who_sections,
)
from graphmarl.experiment.repeat import (
    FINDERS,
    changed_versions,
    repeating,
    versions_table,
    where_is,
)
from graphmarl.experiment.report_results import comparison_sections, results_sections
from graphmarl.experiment.report_transfer import transfer_sections
from graphmarl.results.cells import CellResult, differing, seed_of
from graphmarl.results.comparison import Comparison
from graphmarl.results.run import Run
from graphmarl.results.stats import few_seeds
from graphmarl.results.tables import read_rows
from graphmarl.visualization.page import Folded, Lines, Section, page_html

GRAPH_STEPS = 100
"""Most steps of the recorded episode on the page."""
LONG = 12
"""Runs of which the table is shown without being opened."""


def report_page(found: Comparison, trust: bool = False) -> str:
    """The page of a comparison, which holds all that it needs.

    Args:
        found: the comparison.
        trust: import code from outside the library that the best run names, to show its graph.
    """
    sections = [
        varied_section(found),
        *search_sections(found),
        *results_sections(found),
        *comparison_sections(found),
        *transfer_sections(found),
        *best_sections(found, trust),
        runs_section(found),
        repeat_section(found),
    ]
    folders = dict.fromkeys(where_is(cell.folder) for cell in found.cells)
    return page_html(f"Report on {', '.join(folders)}", sections, facts_of(found))


def facts_of(found: Comparison) -> dict[str, object]:
    """What was compared, at a glance.

    Args:
        found: the comparison.
    """
    cells = found.cells
    facts: dict[str, object] = {}
    for part, find in FINDERS.items():
        configs = [run.config()[part] for cell in cells for run in cell.runs[:1]]
        names = dict.fromkeys(named(config, find) for config in configs)
        facts["environments" if part == "env" else f"{part}s"] = "; ".join(names)
    counts = sorted({len(cell.returns) for cell in cells})
    done = sum(len(cell.returns) for cell in cells)
    every = done + sum(cell.unfinished for cell in cells)
    each = f"{' or '.join(map(str, counts))} seed{'s' * (counts != [1])} each"
    facts["runs"] = f"{done} of {every} finished, {each}"
    less = ", less is better" if found.lower_is_better else ""
    facts["metric"] = f"{found.metric()} with the {found.policy} policy after training{less}"
    if warning := warning_of(found):
        facts["warning"] = warning
    return facts


def warning_of(found: Comparison) -> str:
    """A sentence on results of few seeds; empty where there are enough.

    Args:
        found: the comparison.
    """
    counts = {f"{c.folder}/{c.name}": len(c.returns) for c in found.cells if c.returns}
    return few_seeds(counts)


def varied_section(found: Comparison) -> Section:
    """What differs between the cells, and what they have in common.

    Args:
        found: the comparison.
    """
    cells = [cell for cell in found.cells if cell.options]
    names = differing(cells)
    values = {
        name: ", ".join(dict.fromkeys(c.options[name] for c in cells if name in c.options))
        for name in names
    }
    varied = pd.DataFrame(values.items(), columns=pd.Index(["varied", "values"]))
    shared = {
        name: value
        for name, value in (cells[0].options if cells else {}).items()
        if all(cell.options.get(name) == value for cell in cells)
    }
    fixed = pd.DataFrame(shared.items(), columns=pd.Index(["fixed", "value"]))
    folded = Folded(f"{len(fixed)} options that are fixed", [fixed])
    return Section("What varied", "", [varied, folded] if len(varied) else [folded])


def search_sections(found: Comparison) -> Iterator[Section]:
    """The searches of options before the runs, one for each folder that has them.

    Args:
        found: the comparison.
    """
    for folder in dict.fromkeys(cell.folder for cell in found.cells):
        path = folder / "tuned.csv"
        if path.exists():
            table = pd.DataFrame(read_rows(path))
            trials = sorted(set(table["trials"].astype(int)))
            text = (
                f"Before the runs {where_is(folder)} searched options of each cell, with "
                f"{' or '.join(map(str, trials))} trials, and other seeds and episodes. A row has "
                "the number of the best trial, its result and its options; the runs have these."
            )
            yield Section("Search", text, [table])


def best_run(found: Comparison) -> tuple[CellResult, Run] | None:
    """The finished run with the best score, which has a checkpoint.

    Args:
        found: the comparison.
    """
    runs = []
    for cell in found.cells:
        scores = found.scored(cell.environment, pd.Series(cell.returns, dtype=float).to_numpy())
        by_seed = dict(zip(cell.evaluations.index, scores, strict=True))
        for run in cell.runs:
            if seed_of(run.path) in by_seed and run.saved():
                runs.append((float(by_seed[seed_of(run.path)]), len(runs), cell, run))
    if not runs:
        return None
    # Of equal ones the first.
    _, _, cell, run = max(runs, key=lambda each: (each[0], -each[1]))
    return cell, run


def best_sections(found: Comparison, trust: bool) -> Iterator[Section]:
    """What the best run has learned: its graph, and who receives what from whom.

    Args:
        found: the comparison.
        trust: import code from outside the library that the run names.
    """
    best = best_run(found)
    if best is None:
        yield Section("Best run", "There is no finished run with a checkpoint yet.")
        return
    cell, run = best
    name = f"{run.path.name}{f' in {cell.environment}' if len(found.environments) > 1 else ''}"
    metric = found.metric(cell.environment)
    text = f"The run with the best {metric} is {name}; one greedy episode was recorded."
    try:
        seen = inspect(run, steps=GRAPH_STEPS, trust=trust or run.trust)
        parts = [graph_section(seen), statistics_section(seen), *who_sections(seen)]
    except (ImportError, ValueError, OSError, NotImplementedError) as error:
        yield Section("Best run", f"{text}\n\nIts graph cannot be shown: {error}.")
        return
    yield Section("Best run", text)
    yield from parts


def runs_section(found: Comparison) -> Section:
    """Each run with its state, steps, minutes and device.

    Args:
        found: the comparison.
    """
    several = len({cell.folder for cell in found.cells}) > 1
    rows = []
    for cell in found.cells:
        where = {"folder": where_is(cell.folder)} if several else {}
        paths = [path for path in cell.folder.glob("*-seed*") if path.is_dir()]
        mine = [path for path in paths if path.name.rpartition("-seed")[0] == cell.name]
        rows += [where | state_of(Run(path)) for path in sorted(mine, key=seed_of)]
    runs = pd.DataFrame(rows)
    if set(runs["ended"]) <= {"", "all steps are done"}:
        runs = runs.drop(columns="ended")
    content = [runs] if len(runs) <= LONG else [Folded(f"{len(runs)} runs", [runs])]
    return Section("Runs", "", content)


def state_of(run: Run) -> dict[str, object]:
    """How far a run is, as a row of a table.

    Args:
        run: its folder, which may hold nothing yet.
    """
    begun, path = (run.path / "config.yaml").exists(), run.path / "timing.csv"
    config = run.config() if begun else {}
    lines = read_rows(path) if path.exists() else []
    steps = int(lines[-1]["env_steps"]) if lines else 0
    trained = bool(run.ended()) or (bool(lines) and steps >= int(config.get("steps", 0)))
    state = "not evaluated" if trained else "not finished" if begun else "not begun"
    done = (run.path / "evaluation.csv").exists()
    return {
        "run": run.path.name,
        "seed": seed_of(run.path),
        "state": "finished" if done else state,
        "env steps": f"{steps:,}",
        "device": str(config.get("device", "")),
        "minutes": f"{sum(float(line['seconds']) for line in lines) / 60:.1f}",
        "ended": run.ended().partition(":")[0],
    }


def repeat_section(found: Comparison) -> Section:
    """Commands that make the runs again, and versions.

    Args:
        found: the comparison.
    """
    versions = versions_table([run for cell in found.cells for run in cell.runs])
    changed = changed_versions(versions)
    text = (
        "These lines of a shell train and evaluate all runs again, in new folders. "
        "Results are equal on the same device with the same versions. "
    )
    text += (
        "All runs were made with the same versions."
        if changed.empty
        else ("The runs were made with different versions of the packages in the table.")
    )
    content: list[Any] = [Lines("\n".join(repeating(found.cells)))]
    content += [] if changed.empty else [changed]
    content.append(Folded("Versions of packages", [versions]))
    return Section("How to repeat it", text, content)

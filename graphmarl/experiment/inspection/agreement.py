"""Rank correlation of attention and the importance of edges."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from graphmarl.results.stats import confidence_interval

KEYS = ["episode", "time", "sender", "receiver"]


def agreement_table(
    edges: pd.DataFrame, importance: pd.DataFrame, by_receiver: bool = False
) -> pd.DataFrame:
    """Rank correlation of attention and importance; see `Inspection.agreement`.

    Args:
        edges: table of edges.
        importance: table of importance.
        by_receiver: rank the edges of each receiver separately, instead of those of a step.
    """
    heads = [name for name in edges if str(name).startswith("attention_")] or ["attention"]
    if "attention" not in edges:
        raise ValueError("this method has no attention to compare with importance")
    whole = edges.merge(importance, on=KEYS)
    group = ["episode", "time"] + ["receiver"] * by_receiver
    rows = []
    for (layer, number), part in by_layer(whole):
        for head in ["attention", *heads] if heads != ["attention"] else heads:
            found = part.dropna(subset=[head])
            if len(found):
                label = {"layer": layer, "round": number, "head": head}
                rows.append(label | correlation(found, str(head), group))
    return pd.DataFrame(rows)


def by_layer(edges: pd.DataFrame) -> Iterator[tuple[tuple[str, int], pd.DataFrame]]:
    """The edges of each layer and round.

    Args:
        edges: table of edges.
    """
    for key, part in edges.groupby(["layer", "round"], sort=False):
        assert isinstance(key, tuple), "two columns make a pair"
        yield (str(key[0]), int(key[1])), part


def correlation(table: pd.DataFrame, column: str, group: list[str]) -> dict[str, float]:
    """Spearman's correlation with importance within groups, as a mean over episodes.

    Groups in which one of both is constant have none; `groups` counts the others.

    Args:
        table: edges with both columns.
        column: the other column.
        group: columns whose values make a group.
    """
    ranks = table.groupby(group)[[column, "importance"]].rank()
    ranks[group] = table[group]
    by = ranks.groupby(group)
    centred = ranks[[column, "importance"]] - by[[column, "importance"]].transform("mean")
    products = pd.DataFrame({name: ranks[name] for name in group})
    products["xy"] = centred[column] * centred["importance"]
    products["xx"], products["yy"] = centred[column] ** 2, centred["importance"] ** 2
    sums = products.groupby(group).sum()
    sums = sums[(sums["xx"] > 0) & (sums["yy"] > 0)]
    rho = sums["xy"] / (sums["xx"] * sums["yy"]) ** 0.5
    means = list(_episode_means(rho))
    if not means:
        return {"rho": float("nan"), "half_width": float("nan"), "episodes": 0, "groups": 0}
    interval = confidence_interval(means)
    found = {"rho": interval.mean, "half_width": interval.half_width}
    return found | {"episodes": interval.count, "groups": len(rho)}


def _episode_means(rho: pd.Series) -> Iterator[float]:
    for _, values in rho.groupby(level="episode"):
        yield float(values.mean())

"""What an inspection has of a method, one cell for each feature."""

from __future__ import annotations

import pandas as pd

from graphmarl.experiment.inspection.inspection import Inspection
from graphmarl.results.figures import svg_of

SILENT = "no: sends no messages along edges"


def coverage(found: Inspection) -> dict[str, str]:
    """Attention, gates, messages, latents, importance, probe and pictures of a recording.

    A cell says what there is, or why there is nothing.

    Args:
        found: the inspection.
    """
    has, edges = found.contents, found.edges()
    cells = {"attention": "no: its messages have no attention" if has["messages"] else SILENT}
    if has["attention"]:
        heads = len([name for name in edges if str(name).startswith("attention_")]) or 1
        layers = edges.dropna(subset=["attention"])["layer"].nunique()
        cells["attention"] = f"{layers} layers x {heads} heads"
    cells["gates"] = "no: every message is sent" if has["messages"] else SILENT
    if has["gates"]:
        cells["gates"] = f"{1 - edges['gate'].mean():.0%} shut"
    cells["messages"] = f"{found.steps()['bits'].mean():,.0f} bits a step"
    cells["messages"] = cells["messages"] if has["messages"] else SILENT
    latents = [name for name in found.agents() if str(name).startswith("latent_")]
    cells["latents"] = f"{len(latents)} numbers" if latents else "no: the network has no latent"
    cells["importance"] = _importance(found)
    cells["probe"] = _probe(found, bool(latents))
    cells["picture"] = f"{len(svg_of(found.draw(0))) // 1024} KiB"
    cells["page"] = f"{len(found.view().html) / 2**20:.1f} MiB"
    return cells


def _importance(found: Inspection) -> str:
    if not found.rounds:
        return "0: the policy reads no edges"
    table = found.importance()
    unit = "of Q" if "q_0" in found.agents() else "nat"
    return f"mean {table['importance'].mean():.2g} {unit}" if len(table) else "no: no edges"


def _probe(found: Inspection, latents: bool) -> str:
    if not found.contents["messages"] and not latents:
        return "no: neither messages nor latents"
    source = "message" if found.contents["messages"] else "latent"
    table = found.probe(source)
    best = pd.DataFrame(table.dropna(subset=["score"])).sort_values("score").iloc[-1]
    return f"{source}: {best['target']} {best['score']:.2f} ({best['metric']})"

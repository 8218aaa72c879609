"""The page of an inspection: one file of HTML for each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from graphmarl.envs import find_env
from graphmarl.graphs import find_graph
from graphmarl.methods import find_method
from graphmarl.resolver import options_of
from graphmarl.results.figures import svg_of
from graphmarl.results.plots import draw_curve
from graphmarl.results.run import Run
from graphmarl.visualization.page import Section, page_html
from graphmarl.visualization.statistics_figures import draw_deletion

if TYPE_CHECKING:
    from graphmarl.experiment.inspection.inspection import Inspection

PROBED = 10
"""Episodes from which messages are probed."""
TOP = 15
"""Most rows of a table."""
PAIRS = 12
"""Pairs of agents, up to which the messages of each are probed separately."""


def inspection_page(found: Inspection, deletion_episodes: int = 16) -> str:
    """The page of an inspection; see `Inspection.page`.

    Args:
        found: the inspection.
        deletion_episodes: episodes of each point of the deletion curve; 0 leaves it out.
    """
    run: Run = found.arguments["run"]
    sections = [
        curve_section(run),
        graph_section(found),
        statistics_section(found),
        *who_sections(found),
        importance_section(found),
        deletion_section(found, deletion_episodes),
        message_section(found),
    ]
    return page_html(found.title, sections, facts_of(found, run))


def facts_of(found: Inspection, run: Run) -> dict[str, object]:
    """What the run is and what was recorded.

    Args:
        found: the inspection.
        run: the run.
    """
    config, own = run.config(), found.arguments
    facts: dict[str, object] = {"run": run.path.name}
    for part, find in (("method", find_method), ("env", find_env), ("graph", find_graph)):
        facts[part] = named(config[part], find)
    facts["seed"] = config["seed"]
    rows = run.metrics()
    facts["environment steps"] = f"{rows[-1]['env_steps']:,.0f}" if rows else "none"
    changed = {name: own[name] for name in ("graph", "env", "cut", "checkpoint") if own.get(name)}
    facts |= {f"{name} of the recording": value for name, value in changed.items()}
    steps, agents = found.steps(), found.agents()
    returns = agents.groupby("episode")["reward"].sum()
    facts["recorded"] = f"{found.episodes} episodes, {len(steps)} steps, seed {own['seed']}"
    facts["actions"] = "greedy" if own["greedy"] else "as in training"
    facts["return"] = ", ".join(f"{value:.4g}" for value in returns.tolist()[:8])
    has = [name for name, there in found.contents.items() if there]
    facts["recorded of each edge"] = ", ".join(has) or "nothing: the method sends no messages"
    return facts


def named(part: Mapping[str, Any], find: Callable[[str], type]) -> str:
    """A part of a configuration by its name, with the options that are not the default.

    Args:
        part: name and options.
        find: the class of a name.
    """
    name = str(part["name"])
    known = {} if ":" in name else options_of(find(name))
    changed = [
        f"{key}={value}"
        for key, value in part.items()
        if key != "name" and (key not in known or known[key].default != value)
    ]
    return f"{name}, {', '.join(changed)}" if changed else name


def curve_section(run: Run) -> Section:
    """The learning curve.

    Args:
        run: the run.
    """
    rows = run.metrics()
    if not any("return" in row for row in rows):
        return Section("Learning curve", "No episode ended in training.")
    return Section("Learning curve", "Return in training.", [svg_of(draw_curve(rows))])


def graph_section(found: Inspection) -> Section:
    """The interactive graph.

    Args:
        found: the inspection.
    """
    text = (
        "Messages go from sender to receiver, and arrows with them. Attention is that of the "
        "receiver to the sender. The importance of an edge is the change of its receiver's policy "
        "(KL divergence, in nats) or Q-values if the edge alone is removed."
    )
    return Section("Agent graph", text, [found.view()])


def statistics_section(found: Inspection) -> Section:
    """Statistics of the graph over time.

    Args:
        found: the inspection.
    """
    text = (
        "Range is the mean number of other agents whose information reaches an agent within a "
        "step; turnover the share of the edges of two steps in a row that only one of them has."
    )
    return Section("Statistics over time", text, [svg_of(found.statistics())])


def who_sections(found: Inspection) -> Iterator[Section]:
    """Heat maps of attention and of the size of messages, where there are such.

    Args:
        found: the inspection.
    """
    if found.contents["attention"]:
        picture = svg_of(found.heat_map("attention", width=5.0))
        yield Section("Who attends to whom", "Mean over heads.", [picture])
    if found.contents["messages"]:
        picture = svg_of(found.heat_map("norm", width=5.0))
        yield Section("Who sends how much to whom", "Euclidean norm of the messages.", [picture])


def importance_section(found: Inspection) -> Section:
    """Importance of edges, and whether attention agrees with it.

    Args:
        found: the inspection.
    """
    table = found.importance()
    if not (table["importance"].to_numpy() > 0).any():
        reason = "The actions depend on no edge: no step has an edge of importance above 0."
        return Section("Which edges matter", reason)
    pairs = pd.DataFrame(table.drop(columns=["episode", "time"]))
    means = pd.DataFrame(pairs.groupby(["sender", "receiver"], as_index=False).mean())
    top = means.sort_values("importance", ascending=False).head(TOP).reset_index(drop=True)
    content: list[Any] = [svg_of(found.heat_map("importance", width=5.0)), top]
    text = (
        f"Means over the steps in which the edge exists; the table has the {len(top)} most "
        "important of all pairs. action_changed is the share of steps in which the greedy action "
        "of the receiver is another one without the edge."
    )
    if found.contents["attention"]:
        content.append(found.agreement())
        text += (
            " The last table says whether attention agrees with importance: Spearman's rank "
            "correlation over the edges of a step, with its 95 % interval over episodes."
        )
    return Section("Which edges matter", text, content)


def deletion_section(found: Inspection, episodes: int) -> Section:
    """The deletion curve.

    Args:
        found: the inspection.
        episodes: episodes of each point; 0 for none.
    """
    if not episodes:
        return Section("What the return loses", "No episodes were played without edges.")
    if found.network is None or not found.network.rounds:
        return Section("What the return loses", "The policy reads no edges.")
    curve = found.deletion_curve(episodes=episodes)
    text = (
        f"Return over {episodes} episodes if a share of the edges of each step is removed, the "
        "most important first, the most attended to first, or at random."
    )
    return Section("What the return loses", text, [svg_of(draw_deletion(curve, width=5.0)), curve])


def message_section(found: Inspection) -> Section:
    """What messages say of their sender.

    Args:
        found: the inspection.
    """
    name = "What messages say"
    if not found.contents["messages"]:
        return Section(name, "This method sends no messages along edges.")
    if found.episodes < PROBED:
        text = f"Probes need {PROBED} episodes or more, which {found.episodes} are not."
        return Section(name, f"{text} Record more of them: --episodes {PROBED}.")
    text = (
        "Linear probes predict parts of the sender's observation, its action and the state from "
        "the numbers of a message, in episodes that were held out. chance is their score if the "
        "observations of episodes are permuted, and p_value the share of permutations that are "
        "as good."
    )
    pairs = found.spec.num_agents * (found.spec.num_agents - 1)
    table = found.probe(by_edge=pairs <= PAIRS)
    gain = (table["score"] - table["chance"]).sort_values(ascending=False).index
    if len(table) > TOP:
        text += f" The table has the {TOP} of {len(table)} that are most above chance."
    return Section(name, text, [table.loc[gain].head(TOP).reset_index(drop=True)])
